import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refused, Server } from './server';

const server = new Server('https://roost.example/widget/v1/w_1');
const question = { id: 'q', conversation_id: 'c', question: 'How?' };
const nobody = () => undefined;

/** The network, which gives these answers in turn. */
function network(...answers: (() => Response)[]) {
  const fetched = vi.fn(async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    return answer!();
  });
  vi.stubGlobal('fetch', fetched);
  return fetched;
}

const away = () =>
  Response.json(
    { error: { code: 'handover', message: 'Roost moves.' } },
    { status: 503, headers: { 'Retry-After': '2' } },
  );
const answered = () => new Response('event: done\ndata: {"id":"a","text":"So."}\n\n');

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('a question asked while Roost is replaced is asked again when Roost says', async () => {
  const fetched = network(away, away, answered);
  const answer = server.ask(question, nobody, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(1_900);
  expect(fetched).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_200);
  expect(await answer).toMatchObject({ id: 'a' });
  expect(fetched).toHaveBeenCalledTimes(3);
});

test('waiting ends after a minute, with the reason', async () => {
  const fetched = network(away);
  const answer = server.ask(question, nobody, new AbortController().signal).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(70_000);
  expect(await answer).toEqual(new Refused('Roost moves.', 503));
  expect(fetched.mock.calls.length).toBeLessThan(35);
});

test('a stop is heard while Roost is away', async () => {
  const fetched = network(away);
  const stop = new AbortController();
  const answer = server.ask(question, nobody, stop.signal).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(100);
  stop.abort();
  expect(await answer).toMatchObject({ name: 'AbortError' });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fetched).toHaveBeenCalledTimes(1);
});

test('another refusal is told at once', async () => {
  network(() => Response.json({ error: { message: 'This chat is switched off.' } }, { status: 404 }));
  const answer = server.ask(question, nobody, new AbortController().signal);
  await expect(answer).rejects.toEqual(new Refused('This chat is switched off.', 404));
});
