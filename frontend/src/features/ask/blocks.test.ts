import { expect, test } from 'vitest';
import { blocksOf } from './blocks';

test('paragraphs, fences and tables are blocks of their own; joined they are the text', () => {
  const text = 'One.\n\nTwo\nlines.\n\n```sh\na\n\nb\n```\n\n| a |\n|---|\n| b |\n\nEnd';
  const blocks = blocksOf(text);
  expect(blocks).toHaveLength(5);
  expect(blocks[2]).toContain('a\n\nb');
  expect(blocks.join('')).toBe(text);
});

test('a list with gaps and indented parts stays one block', () => {
  const list = '1. One\n\n2. Two\n\n   more of two\n\n3. Three';
  expect(blocksOf(`${list}\n\nAfter`)).toEqual([`${list}\n\n`, 'After']);
});

test('a fence that is still open holds everything behind it', () => {
  expect(blocksOf('```\na\n\nb\n\nc')).toHaveLength(1);
  expect(blocksOf('````\n```\n\nstill code\n````\n\nout')).toHaveLength(2);
});

test('finished blocks stay the same while the text grows', () => {
  const text = 'First.\n\n- a\n- b\n\nSecond [1].\n\n```js\nx\n```\n\nThird.';
  for (let length = 1; length < text.length; length++) {
    const now = blocksOf(text.slice(0, length));
    const later = blocksOf(text.slice(0, length + 1));
    expect(later.slice(0, Math.max(0, now.length - 2))).toEqual(now.slice(0, Math.max(0, now.length - 2)));
  }
});
