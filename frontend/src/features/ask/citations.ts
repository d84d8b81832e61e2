/** The part of a markdown tree (mdast) this plugin reads and writes. */
export interface MarkdownNode {
  type: string;
  value?: string;
  label?: string | null;
  children?: MarkdownNode[];
  data?: {
    hName?: string;
    hProperties?: Record<string, string>;
    hChildren?: { type: 'text'; value: string }[];
  };
}

const MARK = /\[(\d{1,3})\]/g;
const NUMBER = /^\d{1,3}$/;

/**
 * A remark plugin that makes `[n]` a `cite` element with the number in `data-n`.
 *
 * It works on the tree, never on the text: `[1` that has only half arrived stays text, code stays code, and a
 * link keeps its words. `[1]` that a definition in the text turned into a link is a citation all the same, so
 * that no answer can point its numbers elsewhere.
 */
export function remarkCitations() {
  return (tree: MarkdownNode): void => mark(tree);
}

function mark(parent: MarkdownNode): void {
  if (!parent.children) return;
  parent.children = parent.children.flatMap((node) => {
    if (node.type === 'text' && node.value !== undefined) return split(node.value, node);
    if (node.type === 'linkReference' && NUMBER.test(node.label ?? '')) return [citation(node.label!)];
    if (node.type !== 'link' && node.type !== 'linkReference') mark(node);
    return [node];
  });
}

function split(text: string, whole: MarkdownNode): MarkdownNode[] {
  const parts: MarkdownNode[] = [];
  let from = 0;
  for (const match of text.matchAll(MARK)) {
    if (match.index > from) parts.push({ type: 'text', value: text.slice(from, match.index) });
    parts.push(citation(match[1]!));
    from = match.index + match[0].length;
  }
  if (from === 0) return [whole];
  if (from < text.length) parts.push({ type: 'text', value: text.slice(from) });
  return parts;
}

function citation(n: string): MarkdownNode {
  return {
    type: 'citation',
    data: {
      hName: 'cite',
      hProperties: { 'data-n': n },
      hChildren: [{ type: 'text', value: `[${n}]` }],
    },
  };
}
