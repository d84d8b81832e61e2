import { element } from './element';
import type { Citation } from './server';
import { words } from './words';

/** What an answer's text may point at: its sources by number, and the pages it may link to. */
export interface Linked {
  citations: readonly Citation[];
  nearest: readonly Citation[];
  /** Where a path without a host belongs: Roost's own manual. */
  base: string;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*(\S*).*$/;
const HEADING = /^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const RULE = /^ {0,3}(?:(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$/;
const TABLE_LINE = /^(?=.*\|)(?=.*-)[\s:|-]+$/;
// What stands between two signs is bounded: text of nothing but signs must not take for ever.
const INLINE =
  /(\\[!-/:-@[-`{-~])|(`{1,3})(?!`)(.{1,500}?)(?<!`)\2(?!`)|\*\*(?=\S)(.{1,500}?)\*\*|\*(?=[^\s*])(.{1,500}?)\*|(?<!\w)_(?=[^\s_])(.{1,500}?)_(?!\w)|\[(\d{1,3})\](?!\()|\[([^[\]\n]{0,300})\]\(<?([^\s()<>]{0,2000})>?\)/g;
const DEEPEST = 4;

/** Markdown as elements, made one by one: markup in it stays text, no picture loads, and only the answer's own pages are links. */
export function answerText(markdown: string, linked: Linked): DocumentFragment {
  return blocks(markdown.split('\n'), linked, 0);
}

function blocks(lines: string[], linked: Linked, depth: number): DocumentFragment {
  const made = document.createDocumentFragment();
  let at = 0;
  const line = () => lines[at] ?? '';
  while (at < lines.length) {
    const fence = FENCE.exec(line());
    if (line().trim() === '') at++;
    else if (fence) {
      const code: string[] = [];
      const end = new RegExp(`^ {0,3}${fence[1]![0]}{${fence[1]!.length},}\\s*$`);
      for (at++; at < lines.length && !end.test(line()); at++) code.push(line());
      at++;
      made.append(element('pre', { tabindex: '0' }, element('code', {}, code.join('\n'))));
    } else if (RULE.test(line())) {
      at++;
      made.append(element('hr'));
    } else if (HEADING.test(line())) {
      made.append(element('p', { class: 'heading' }, inline(HEADING.exec(line())![1]!, linked)));
      at++;
    } else if (QUOTE.test(line()) && depth < DEEPEST) {
      const quoted: string[] = [];
      for (; at < lines.length && QUOTE.test(line()); at++) quoted.push(QUOTE.exec(line())![1]!);
      made.append(element('blockquote', {}, blocks(quoted, linked, depth + 1)));
    } else if (ITEM.test(line()) && depth < DEEPEST) {
      const numbered = ITEM.exec(line())![2] !== undefined;
      const indent = ITEM.exec(line())![1]!.length;
      const list = element(numbered ? 'ol' : 'ul');
      if (numbered) list.setAttribute('start', ITEM.exec(line())![2]!);
      while (at < lines.length) {
        const item = ITEM.exec(line());
        if (!item || item[1]!.length > indent + 1) break;
        const inside = [item[3]!];
        for (at++; at < lines.length && belongs(lines, at, indent); at++)
          inside.push(line().slice(Math.min(line().search(/\S|$/), indent + 2)));
        list.append(element('li', {}, blocks(inside, linked, depth + 1)));
      }
      made.append(list);
    } else if (line().includes('|') && TABLE_LINE.test(lines[at + 1] ?? '')) {
      const rows: string[] = [line()];
      for (at += 2; at < lines.length && line().includes('|'); at++) rows.push(line());
      made.append(table(rows, linked));
    } else {
      const text: string[] = [line()];
      for (at++; at < lines.length && !startsBlock(lines, at); at++) text.push(line());
      made.append(element('p', {}, inline(text.join('\n'), linked)));
    }
  }
  return made;
}

/** Whether a line goes on with the list item before it: it is indented, or a blank line before one that is. */
function belongs(lines: string[], at: number, indent: number): boolean {
  const line = lines[at]!;
  if (line.trim() === '') return /^\s/.test(lines[at + 1] ?? '') && !/^\s*$/.test(lines[at + 1] ?? '');
  return line.search(/\S/) > indent || (!ITEM.test(line) && !startsBlock(lines, at));
}

function startsBlock(lines: string[], at: number): boolean {
  const line = lines[at]!;
  return (
    line.trim() === '' ||
    FENCE.test(line) ||
    HEADING.test(line) ||
    QUOTE.test(line) ||
    ITEM.test(line) ||
    RULE.test(line)
  );
}

function table(rows: string[], linked: Linked): HTMLElement {
  const cells = (row: string) =>
    row
      .trim()
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|'));
  const body = rows.map((row, place) =>
    element(
      'tr',
      {},
      ...cells(row).map((cell) => element(place === 0 ? 'th' : 'td', {}, inline(cell, linked))),
    ),
  );
  return element('div', { class: 'scrolls', tabindex: '0' }, element('table', {}, ...body));
}

function inline(text: string, linked: Linked): DocumentFragment {
  const made = document.createDocumentFragment();
  let at = 0;
  for (const found of text.matchAll(INLINE)) {
    made.append(text.slice(at, found.index), piece(found, linked));
    at = found.index + found[0].length;
  }
  made.append(text.slice(at));
  return made;
}

function piece(found: RegExpMatchArray, linked: Linked): Node | string {
  const [whole, escaped, , code, bold, starred, underlined, n, label, address] = found;
  if (escaped !== undefined) return escaped.slice(1);
  if (code !== undefined) return element('code', {}, code);
  if (bold !== undefined) return element('strong', {}, inline(bold, linked));
  const slanted = starred ?? underlined;
  if (slanted !== undefined) return element('em', {}, inline(slanted, linked));
  if (n !== undefined) return mark(whole, Number(n), linked);
  const known = [...linked.citations, ...linked.nearest].some(({ url }) => url === address);
  const url = known ? webAddress(address!, linked.base) : null;
  return url === null ? label! : link(url, label || url);
}

function mark(whole: string, n: number, linked: Linked): Node | string {
  const citation = linked.citations.find((each) => each.n === n);
  const url = citation ? webAddress(citation.url, linked.base) : null;
  if (!citation || url === null) return whole;
  const made = link(url, String(n));
  made.className = 'mark';
  made.setAttribute('aria-label', words.source(n, citation.title));
  made.title = citation.title;
  return made;
}

export function link(url: string, text: string): HTMLAnchorElement {
  return element('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, text);
}

/** The whole address of a page, or null for what is no address of the web. */
export function webAddress(address: string, base: string): string | null {
  try {
    const url = new URL(address, base);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}
