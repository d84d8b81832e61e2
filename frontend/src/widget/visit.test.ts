// @vitest-environment happy-dom
import { beforeEach, expect, test } from 'vitest';
import { Visit } from './visit';

beforeEach(() => sessionStorage.clear());

test('a conversation outlives a change of page, for each widget by itself', () => {
  const visit = new Visit('w_1');
  visit.begin('How?');
  const again = new Visit('w_1');
  expect(again.conversationId).toBe(visit.conversationId);
  expect(again.turns.map(({ question }) => question)).toEqual(['How?']);
  expect(new Visit('w_2').turns).toEqual([]);
});

test('a new conversation has another id and nothing in it', () => {
  const visit = new Visit('w_1');
  visit.begin('How?');
  const before = visit.conversationId;
  visit.clear();
  expect(visit.conversationId).not.toBe(before);
  expect(new Visit('w_1').turns).toEqual([]);
});

test('what stands in storage and is none of ours is left alone', () => {
  sessionStorage.setItem('roost-chat w_1', '{"turns": 3');
  expect(new Visit('w_1').turns).toEqual([]);
});

test('a long conversation keeps its end', () => {
  const visit = new Visit('w_1');
  for (let number = 0; number < 40; number++) visit.begin(String(number));
  expect(new Visit('w_1').turns.at(-1)?.question).toBe('39');
  expect(new Visit('w_1').turns).toHaveLength(30);
});
