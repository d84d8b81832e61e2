import { expect, test } from 'vitest';
import { type MarkdownNode, remarkCitations } from './citations';

const text = (value: string): MarkdownNode => ({ type: 'text', value });

function paragraph(...children: MarkdownNode[]): MarkdownNode[] {
  const root: MarkdownNode = { type: 'root', children: [{ type: 'paragraph', children }] };
  remarkCitations()(root);
  return root.children![0]!.children!;
}

const numbers = (nodes: MarkdownNode[]) =>
  nodes.filter(({ type }) => type === 'citation').map(({ data }) => data?.hProperties?.['data-n']);

test('each number in brackets becomes a citation between the words', () => {
  const nodes = paragraph(text('Run it [1][12], then wait [2].'));
  expect(numbers(nodes)).toEqual(['1', '12', '2']);
  expect(nodes.filter(({ type }) => type === 'text').map(({ value }) => value)).toEqual([
    'Run it ',
    ', then wait ',
    '.',
  ]);
});

test('what has only half arrived stays text', () => {
  for (const half of ['see [', 'see [1', 'see [1 ', 'see []'])
    expect(paragraph(text(half))).toEqual([text(half)]);
});

test('brackets around anything else stay text', () => {
  for (const other of ['[a]', '[1a]', '[1, 2]', '[-1]', '[1234]', '[^1]'])
    expect(numbers(paragraph(text(other)))).toEqual([]);
});

test('code and the words of links are left alone', () => {
  const code: MarkdownNode = { type: 'inlineCode', value: 'list[1]' };
  const link: MarkdownNode = { type: 'link', children: [text('chapter [1]')] };
  expect(paragraph(code, link)).toEqual([code, link]);
});

test('emphasis and lists are searched', () => {
  const strong: MarkdownNode = { type: 'strong', children: [text('sure [3]')] };
  expect(numbers(paragraph(strong)[0]!.children!)).toEqual(['3']);
});

test('a definition in the text cannot turn a citation into a link of its own', () => {
  expect(numbers(paragraph({ type: 'linkReference', label: '1', children: [text('1')] }))).toEqual(['1']);
  const named: MarkdownNode = { type: 'linkReference', label: 'guide', children: [text('guide')] };
  expect(paragraph(named)).toEqual([named]);
});
