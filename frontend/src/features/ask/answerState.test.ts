import { expect, test } from 'vitest';
import type { Message } from '../../lib/apiTypes';
import type { ServerEvent } from '../../lib/eventStream';
import { type AnswerState, nextState, nothingYet } from './answerState';

const citation = { n: 1, title: 'Install', url: '/manual/install', text: 'Run it.' };

function event(id: number | null, name: string, data: unknown): ServerEvent {
  return { id: id === null ? null : String(id), event: name, data: JSON.stringify(data) };
}

const sources = (id: number) => event(id, 'sources', { citations: [citation] });
const delta = (id: number, text: string) => event(id, 'delta', { text });
const done = (id: number, text: string) =>
  event(id, 'done', { message: { id: 'm', text, status: 'done' } as Message, stopped: false });

function after(...events: ServerEvent[]): AnswerState {
  return events.reduce(nextState, nothingYet);
}

test('text grows by each delta and keeps the sources that came first', () => {
  const state = after(sources(1), delta(2, 'Run '), delta(3, 'it [1].'));
  expect(state).toMatchObject({ phase: 'writing', text: 'Run it [1].', citations: [citation], lastId: 3 });
});

test('sources again drop the text so far, and say that the answer began anew', () => {
  const state = after(sources(1), delta(2, 'Half an ans'), event(3, 'sources', { citations: [] }));
  expect(state).toMatchObject({ phase: 'waiting', text: '', citations: [], interrupted: true, lastId: 3 });
  expect(nextState(state, delta(4, 'Whole')).interrupted).toBe(false);
});

test('a restart keeps the text and is over with the next words', () => {
  const state = after(sources(1), delta(2, 'So far'), event(null, 'restart', {}));
  expect(state).toMatchObject({ text: 'So far', interrupted: true, lastId: 2 });
  expect(nextState(state, delta(3, ' and on'))).toMatchObject({ text: 'So far and on', interrupted: false });
});

test('a later attempt replaces the text of the one that was killed', () => {
  const state = after(
    sources(1_000_001),
    delta(1_000_002, 'First'),
    sources(2_000_001),
    delta(2_000_002, 'Second'),
  );
  expect(state.text).toBe('Second');
});

test('a replay from the start, after an id the server did not know, doubles nothing', () => {
  const state = after(sources(5), delta(6, 'Run '), delta(7, 'it'), delta(2, 'Run '), delta(3, 'it'));
  expect(state.text).toBe('Run it');
});

test('the same event told twice counts once', () => {
  expect(after(sources(1), delta(2, 'once'), delta(2, 'once')).text).toBe('once');
});

test('done brings the stored message, and nothing after it changes anything', () => {
  const state = after(sources(1), delta(2, 'Stream'), done(3, 'Stored'));
  expect(state).toMatchObject({ phase: 'done', text: 'Stored' });
  expect(nextState(state, delta(4, 'late'))).toBe(state);
});

test('an error keeps its sentence and the text so far', () => {
  const state = after(sources(1), delta(2, 'Half'), event(3, 'error', { code: 'x', message: 'Ask again.' }));
  expect(state).toMatchObject({ phase: 'failed', error: 'Ask again.', text: 'Half' });
});

test('events of unknown kinds and broken data change no text', () => {
  const known = after(sources(1), delta(2, 'kept'));
  for (const odd of [
    event(3, 'heartbeat', {}),
    { id: '3', event: 'delta', data: '{"text": "cut' },
    { id: '3', event: 'delta', data: 'null' },
    event(3, 'delta', { text: 7 }),
    event(3, 'done', {}),
    { id: 'not-a-number', event: 'delta', data: '{"other": 1}' },
  ]) {
    expect(nextState(known, odd)).toMatchObject({ phase: 'writing', text: 'kept' });
  }
});
