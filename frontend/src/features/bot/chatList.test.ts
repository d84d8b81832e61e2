import { expect, test } from 'vitest';
import { readChats } from './chatList';

test('chats stand one to a line or with commas, each counts once', () => {
  expect(readChats(' -1001234567890\n\n42, 42;7 ')).toEqual({
    chats: ['-1001234567890', '42', '7'],
    wrong: null,
  });
  expect(readChats(' \n')).toEqual({ chats: [], wrong: null });
});

test.each(['@aviary', 'https://t.me/aviary', '4-2', '−100', '1'.repeat(21)])('%s is no number', (line) => {
  expect(readChats(`42\n${line}`).wrong).toBe(line);
});
