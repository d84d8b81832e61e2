// @vitest-environment happy-dom
import { beforeEach, expect, test } from 'vitest';
import { type UnsentQuestion, UnsentQuestions } from './unsent';

const KEY = 'roost.ann.unsent';

const question = (id: string): UnsentQuestion => ({
  id,
  threadId: 't',
  begins: null,
  text: `question ${id}`,
  at: '2026-01-01T00:00:00Z',
  problem: null,
  mayPass: true,
});

beforeEach(() => localStorage.clear());

test('questions outlive the page, in the order in which they were asked', () => {
  const store = new UnsentQuestions(KEY);
  store.put(question('1'));
  store.put(question('2'));
  store.change('1', { problem: 'Roost does not answer.' });
  expect(new UnsentQuestions(KEY).current().map(({ id, problem }) => [id, problem])).toEqual([
    ['1', 'Roost does not answer.'],
    ['2', null],
  ]);
});

test('sending again replaces the entry and never doubles it', () => {
  const store = new UnsentQuestions(KEY);
  store.put(question('1'));
  store.put({ ...question('1'), problem: 'again' });
  expect(store.current()).toHaveLength(1);
});

test('an acknowledged question leaves nothing behind', () => {
  const store = new UnsentQuestions(KEY);
  store.put(question('1'));
  store.remove('1');
  expect(localStorage.getItem(KEY)).toBeNull();
});

test('something unreadable in its place is no question, and does no harm', () => {
  for (const odd of ['{', '7', '[1, null, {"id": 3}]']) {
    localStorage.setItem(KEY, odd);
    expect(new UnsentQuestions(KEY).current()).toEqual([]);
  }
});

test('what another tab sends or gives up shows here', () => {
  const store = new UnsentQuestions(KEY);
  let told = 0;
  store.subscribe(() => {
    told += 1;
  });
  localStorage.setItem(KEY, JSON.stringify([question('9')]));
  dispatchEvent(new StorageEvent('storage', { key: KEY }));
  expect(told).toBe(1);
  expect(store.current().map(({ id }) => id)).toEqual(['9']);
});
