import { expect, test } from 'vitest';
import { ago, duration, secondsSince } from './time';

test.each([
  [0, '0 s'],
  [59.9, '59 s'],
  [60, '1 min 00 s'],
  [249, '4 min 09 s'],
  [3600, '1 h 0 min'],
  [86_399, '23 h 59 min'],
  [187_654, '2 d 4 h'],
  [-5, '0 s'],
])('%d seconds read as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('a time of a clock that goes ahead of ours is now, not in the future', () => {
  const at = '2026-11-21T10:00:10Z';
  const now_ms = Date.parse('2026-11-21T10:00:00Z');
  expect(secondsSince(at, now_ms)).toBe(0);
  expect(ago(at, now_ms)).toBe('just now');
});

test('ages are told in the largest whole unit', () => {
  const now_ms = Date.parse('2026-11-21T12:00:00Z');
  expect(ago('2026-11-21T11:59:01Z', now_ms)).toBe('just now');
  expect(ago('2026-11-21T11:55:00Z', now_ms)).toBe('5 minutes ago');
  expect(ago('2026-11-21T10:30:00Z', now_ms)).toBe('1 hour ago');
  expect(ago('2026-11-18T11:00:00Z', now_ms)).toBe('3 days ago');
});
