import { expect, test } from 'vitest';
import { periodText, progressText, sourceName, stageShares, untilText } from './sourceText';

test('progress names the whole where it is known', () => {
  expect(progressText({ done: 41, total: 120 })).toBe('41 of 120');
  expect(progressText({ done: 41, total: 0 })).toBe('41 so far');
});

test('stages before the present one are full, those after it empty', () => {
  const shares = stageShares({ stage: 'fetching', done: 30, total: 120 }).map(({ share }) => share);
  expect(shares).toEqual([1, 0.25, 0, 0]);
  expect(stageShares({ stage: 'discovering', done: 0, total: 0 })[0]?.share).toBeNull();
  expect(stageShares({ stage: 'embedding', done: 200, total: 120 })[3]?.share).toBe(1);
});

test('names, periods and times to come are short', () => {
  expect(sourceName({ url: 'https://docs.example.com/' })).toBe('docs.example.com');
  expect([600, 3600, 86_400, 90].map(periodText)).toEqual(['10 min', '1 h', '1 d', '90 s']);
  const now_ms = Date.parse('2026-01-01T00:00:00Z');
  expect(untilText('2026-01-01T00:09:00Z', now_ms)).toBe('in 9 minutes');
  expect(untilText('2025-12-31T00:00:00Z', now_ms)).toBe('soon');
});
