import { expect, test } from 'vitest';
import type { LogLine } from '../../lib/apiTypes';
import { asText, emptyTail, gapBefore, matching, withLines } from './logTail';

function line(id: number, change: Partial<LogLine> = {}): LogLine {
  const at = new Date(Date.UTC(2026, 10, 21) + id * 1000).toISOString();
  return { id, at, level: 'info', text: `line ${id}`, ...change };
}

const ids = (tail: { lines: readonly LogLine[] }) => tail.lines.map(({ id }) => id);

test('a live line that the first answer holds too is shown once, in order', () => {
  const live = withLines(emptyTail, [line(3)]);
  expect(ids(withLines(live, [line(1), line(2), line(3)]))).toEqual([1, 2, 3]);
});

test('after a restart ids start over and the lines still follow the clock', () => {
  const later = new Date(Date.UTC(2026, 10, 22)).toISOString();
  const tail = withLines(withLines(emptyTail, [line(8), line(9)]), [line(1, { at: later })]);
  expect(ids(tail)).toEqual([8, 9, 1]);
});

test('the oldest lines beyond 2,000 fall away and are counted', () => {
  const many = Array.from({ length: 2_050 }, (_, index) => line(index + 1));
  const tail = withLines(emptyTail, many, 7);
  expect(tail.lines.length).toBe(2_000);
  expect(tail.lines[0]?.id).toBe(51);
  expect(tail.dropped).toBe(57);
});

test('lines missing between the last one known and the next are counted', () => {
  expect(gapBefore([line(31)], null)).toBe(30);
  expect(gapBefore([line(6)], 5)).toBe(0);
  expect(gapBefore([line(9)], 5)).toBe(3);
  expect(gapBefore([line(1)], 500)).toBe(0);
  expect(gapBefore([], 5)).toBe(0);
});

test('the filter keeps the level and worse, and the text in any case', () => {
  const lines = [line(1, { level: 'debug' }), line(2, { level: 'error', text: 'Token REJECTED' }), line(3)];
  expect(matching(lines, 'info', '').map(({ id }) => id)).toEqual([2, 3]);
  expect(matching(lines, 'debug', 'rejected').map(({ id }) => id)).toEqual([2]);
});

test('the file holds one line each, with its time and level', () => {
  expect(asText([line(1, { level: 'warning' })])).toBe('2026-11-21T00:00:01.000Z WARNING line 1\n');
});
