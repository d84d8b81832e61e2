import { expect, test } from 'vitest';
import type { Message } from '../../lib/apiTypes';
import { readEventStream } from '../../lib/eventStream';
import { RunReader } from './runReader';

type Reply = string | number;

/** A server whose connections answer in turn with a stream that then ends, or with a status. */
function server(...replies: Reply[]) {
  const asked: (string | null)[] = [];
  const answer: typeof fetch = async (_url, init) => {
    asked.push(new Headers(init?.headers).get('Last-Event-ID'));
    const reply = replies.shift() ?? 404;
    if (typeof reply === 'number') {
      return new Response(JSON.stringify({ error: { code: 'x', message: 'No.' } }), { status: reply });
    }
    return new Response(reply);
  };
  const read: typeof readEventStream = (options) =>
    readEventStream({ ...options, fetch: answer, pause: async () => undefined, random: () => 0 });
  return { read, asked };
}

const sources = (id: number) => `id: ${id}\nevent: sources\ndata: {"citations": []}\n\n`;
const delta = (id: number, text: string) => `id: ${id}\nevent: delta\ndata: {"text": "${text}"}\n\n`;
const done = (id: number, text: string) =>
  `id: ${id}\nevent: done\ndata: {"message": {"id": "m", "text": "${text}"}, "stopped": false}\n\n`;

function reading(replies: Reply[], onFrame: (paint: () => void) => void = (paint) => paint()) {
  const { read, asked } = server(...replies);
  let finish: (message: Message) => void = () => undefined;
  const finished = new Promise<Message>((resolve) => {
    finish = resolve;
  });
  const reader = new RunReader('run', { read, onFrame, onDone: (message) => finish(message) });
  const texts: string[] = [];
  reader.subscribe(() => texts.push(reader.current().text));
  return { reader, asked, finished, texts };
}

test('a cut connection goes on behind the last event it told', async () => {
  const { reader, asked, finished } = reading([
    sources(1) + delta(2, 'To run '),
    delta(3, 'Roost') + done(4, 'To run Roost'),
  ]);
  reader.open();
  expect((await finished).text).toBe('To run Roost');
  expect(asked).toEqual([null, '2']);
});

test('a server that is away for a while is asked again until it is back', async () => {
  const { reader, asked, finished } = reading([
    sources(1) + delta(2, 'a'),
    503,
    502,
    sources(9) + done(10, 'b'),
  ]);
  reader.open();
  expect((await finished).text).toBe('b');
  expect(asked).toEqual([null, '2', '2', '2']);
});

test('a killed run that is done again shows only its second text', async () => {
  const { reader, finished, texts } = reading([
    sources(1_000_001) + delta(1_000_002, 'first'),
    sources(2_000_001) + delta(2_000_002, 'second') + done(2_999_999, 'second'),
  ]);
  reader.open();
  await finished;
  expect(texts).not.toContain('firstsecond');
  expect(reader.current()).toMatchObject({ phase: 'done', text: 'second' });
});

test('half an event at the end of a cut connection is not taken for a whole one', async () => {
  const half = 'id: 3\nevent: delta\ndata: {"text": "lo';
  const { reader, finished, texts } = reading([
    sources(1) + delta(2, 'hel') + half,
    delta(3, 'lo') + done(4, 'hello'),
  ]);
  reader.open();
  await finished;
  expect(texts.at(-1)).toBe('hello');
});

test('a run that is gone is said to be gone, and can be tried again', async () => {
  const { reader, finished } = reading([404, sources(1) + done(2, 'there after all')]);
  const told = new Promise<void>((resolve) => {
    reader.subscribe(() => reader.current().refused && resolve());
  });
  reader.open();
  await told;
  expect(reader.current().refused?.status).toBe(404);
  reader.open();
  expect((await finished).text).toBe('there after all');
});

test('however many words come, the page is painted once a frame', async () => {
  const frames: (() => void)[] = [];
  const words = Array.from({ length: 200 }, (_, at) => delta(at + 2, 'w'));
  const { reader, finished, texts } = reading(
    [[sources(1), ...words, done(500, 'all')].join('')],
    (paint) => {
      frames.push(paint);
    },
  );
  reader.open();
  await finished;
  expect(frames).toHaveLength(1);
  expect(texts).toEqual(['all']);
});

test('a closed reader reads no more', async () => {
  const { reader, asked } = reading([sources(1) + delta(2, 'a'), delta(3, 'b')]);
  reader.open()();
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(asked.length).toBeLessThan(2);
  expect(reader.current().text).toBe('');
});
