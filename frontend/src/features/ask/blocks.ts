const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;

/**
 * Cuts markdown into its outermost blocks, so that while an answer grows only the last one is parsed again.
 *
 * It cuts at empty lines outside code fences, and never inside a list: joined, the blocks are the text.
 */
export function blocksOf(markdown: string): string[] {
  const lines = markdown.split('\n');
  const blocks: string[] = [];
  let block: string[] = [];
  let fence: string | null = null;
  let inList = false;
  for (const [at, line] of lines.entries()) {
    const opening = FENCE.exec(line)?.[1] ?? null;
    if (fence !== null) {
      if (opening?.startsWith(fence) && line.trim() === opening) fence = null;
    } else {
      const afterGap = block.length > 0 && block.at(-1)!.trim() === '';
      const indented = /^\s/.test(line);
      const continues = inList && (indented || ITEM.test(line));
      if (afterGap && line.trim() !== '' && !indented && !continues) {
        blocks.push(`${block.join('\n')}\n`);
        block = [];
      }
      if (block.length === 0) inList = ITEM.test(line);
      else if (ITEM.test(line)) inList = true;
      fence = opening;
    }
    block.push(line);
    if (at === lines.length - 1) blocks.push(block.join('\n'));
  }
  return blocks;
}
