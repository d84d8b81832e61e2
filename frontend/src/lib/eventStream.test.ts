import { describe, expect, test } from 'vitest';
import { type ApiError, pause } from './apiClient';
import { EventParser, readEventStream, type ServerEvent } from './eventStream';

describe('the parser', () => {
  test('an event cut anywhere comes out whole', () => {
    const text = 'id: 7\nevent: delta\ndata: {"text":"käse"}\n\n';
    for (let cut = 0; cut <= text.length; cut++) {
      const parser = new EventParser();
      const events = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
      expect(events).toEqual([{ id: '7', event: 'delta', data: '{"text":"käse"}' }]);
    }
  });

  test('data over several lines is joined, comments are left out, the event is "message" by default', () => {
    expect(new EventParser().push(': ping\n\ndata: a\ndata:b\n\n')).toEqual([
      { id: null, event: 'message', data: 'a\nb' },
    ]);
  });

  test('lines may end in CRLF, even cut between CR and LF', () => {
    const parser = new EventParser();
    expect([
      ...parser.push('data: a\r'),
      ...parser.push('\n\r\n'),
      ...parser.push('data: b\r\n\r\n'),
    ]).toEqual([
      { id: null, event: 'message', data: 'a' },
      { id: null, event: 'message', data: 'b' },
    ]);
  });

  test('an id holds for the events that follow without one', () => {
    const ids = new EventParser().push('id: 3\ndata: a\n\ndata: b\n\n').map(({ id }) => id);
    expect(ids).toEqual(['3', '3']);
  });
});

/** Answers each request in turn: a list of chunks, or a response. The last one stays open until it is aborted. */
function server(...answers: (string[] | Response | Error)[]) {
  const requests: Headers[] = [];
  const fetched: typeof fetch = async (_, init) => {
    requests.push(new Headers(init?.headers));
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    if (answer instanceof Response) return answer;
    const body = new ReadableStream({
      start(controller) {
        for (const chunk of answer ?? []) controller.enqueue(new TextEncoder().encode(chunk));
        if (answers.length > 0) controller.close();
        else
          init?.signal?.addEventListener('abort', () => controller.error(new DOMException('', 'AbortError')));
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  };
  return { fetched, requests };
}

/** Reads until `count` events came; returns them with the delays between the connections. */
async function read(answers: Parameters<typeof server>, count: number, lastEventId: string | null = null) {
  const { fetched, requests } = server(...answers);
  const stop = new AbortController();
  const events: ServerEvent[] = [];
  const delays: number[] = [];
  const refusals: ApiError[] = [];
  await readEventStream({
    url: '/api/runs/r/events',
    signal: stop.signal,
    lastEventId,
    fetch: fetched,
    random: () => 1,
    pause: async (delay_ms) => void delays.push(delay_ms),
    onRefused: (refusal) => refusals.push(refusal),
    onEvent: (event) => {
      events.push(event);
      if (events.length === count) stop.abort();
    },
  });
  return { events, requests, delays, refusals };
}

describe('the stream', () => {
  test('a cut connection goes on after the last event it told', async () => {
    const { events, requests } = await read(
      [['id: 1\ndata: a\n\n', 'id: 2\ndata: b\n\nid: 3\nda'], ['id: 3\ndata: c\n\n']],
      3,
    );
    expect(events.map(({ data }) => data)).toEqual(['a', 'b', 'c']);
    expect(requests.map((headers) => headers.get('Last-Event-ID'))).toEqual([null, '2']);
  });

  test('the first connection may start behind an event', async () => {
    const { requests } = await read([['id: 9\ndata: a\n\n']], 1, '8');
    expect(requests[0]?.get('Last-Event-ID')).toBe('8');
  });

  test('the delay doubles up to 15 s while nothing arrives and starts over after an event', async () => {
    const refused = Array.from({ length: 7 }, () => new TypeError('connection refused'));
    const { delays } = await read([...refused, ['data: a\n\n'], ['data: b\n\n']], 2);
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 500]);
  });

  test('Retry-After is kept to', async () => {
    const away = new Response('{}', { status: 503, headers: { 'Retry-After': '3' } });
    const { delays } = await read([away, ['data: a\n\n']], 1);
    expect(delays).toEqual([3000]);
  });

  test('a refusal for good ends the stream and is told', async () => {
    const body = JSON.stringify({ error: { code: 'sign_in_required', message: 'Sign in first.' } });
    const { refusals, events } = await read([new Response(body, { status: 401 })], 1);
    expect(refusals.map(({ code }) => code)).toEqual(['sign_in_required']);
    expect(events).toEqual([]);
  });

  test('silence longer than allowed is taken for a dead connection', async () => {
    const { fetched, requests } = server(['data: a\n\n']);
    const stop = new AbortController();
    await readEventStream({
      url: '/api/events',
      signal: stop.signal,
      silence_ms: 20,
      fetch: fetched,
      pause: async () => {
        if (requests.length === 2) stop.abort();
      },
      onEvent: () => undefined,
    });
    expect(requests.length).toBe(2);
  });

  test('what a listener throws is not swallowed', async () => {
    const { fetched } = server(['data: a\n\n']);
    const reading = readEventStream({
      url: '/api/events',
      signal: new AbortController().signal,
      fetch: fetched,
      onEvent: () => {
        throw new RangeError('a bug');
      },
    });
    await expect(reading).rejects.toThrow('a bug');
  });

  test('an abort ends the wait between two connections', async () => {
    const stop = new AbortController();
    const reading = readEventStream({
      url: '/api/events',
      signal: stop.signal,
      fetch: () => Promise.reject(new TypeError('connection refused')),
      pause: (_, signal) => {
        queueMicrotask(() => stop.abort());
        return pause(3_600_000, signal);
      },
      onEvent: () => undefined,
    });
    await expect(reading).resolves.toBeUndefined();
  });
});
