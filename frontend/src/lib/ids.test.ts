import { expect, test } from 'vitest';
import { uuid7 } from './ids';

test('a uuid carries version 7, the variant and the millisecond it was made in', () => {
  const id = uuid7(0x0192a3b4c5d6, new Uint8Array(10).fill(0xff));
  expect(id).toBe('0192a3b4-c5d6-7fff-bfff-ffffffffffff');
});

test('ids made later sort later', () => {
  expect(uuid7(1_000) < uuid7(1_001)).toBe(true);
});
