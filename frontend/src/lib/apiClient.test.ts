import { expect, test, vi } from 'vitest';
import { ApiClient, ApiError, mayRetry, UnreachableError } from './apiClient';

interface Sent {
  path: string;
  init: RequestInit;
  key: string | null;
}

/** A client whose server gives these answers in turn. */
function client(...answers: (Response | Error)[]) {
  const sent: Sent[] = [];
  const waits: number[] = [];
  let keys = 0;
  const api = new ApiClient({
    fetch: async (path, init = {}) => {
      sent.push({ path: String(path), init, key: new Headers(init.headers).get('Idempotency-Key') });
      const answer = answers.shift();
      if (answer === undefined) throw new Error('One request more than there are answers');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    pause: async (delay_ms) => void waits.push(delay_ms),
    newKey: () => `key-${++keys}`,
  });
  return { api, sent, waits };
}

function refusal(status: number, error: object, headers: Record<string, string> = {}): Response {
  return Response.json({ error }, { status, headers });
}

test('a refusal carries the code, the sentence and the field of the server', async () => {
  const { api } = client(
    refusal(422, { code: 'token_rejected', message: 'Telegram says no.', field: 'token' }),
  );
  const error = await api.post('/api/bots', {}).catch((each: unknown) => each);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    status: 422,
    code: 'token_rejected',
    message: 'Telegram says no.',
    field: 'token',
  });
});

test("a page of a proxy in the server's place gives a sentence, not its markup", async () => {
  const { api } = client(new Response('<html>Bad gateway</html>', { status: 502 }));
  await expect(api.get('/api/bots')).rejects.toThrow('Roost answered 502. Try again in a moment.');
});

test('no answer at all says so and may be tried again', async () => {
  const { api } = client(new TypeError('Failed to fetch'));
  const error: unknown = await api.get('/api/bots').catch((each: unknown) => each);
  expect(error).toBeInstanceOf(UnreachableError);
  expect(mayRetry(error)).toBe(true);
});

test('an answer cut off in the middle may be tried again', async () => {
  const { api } = client(new Response('{"items": ['));
  await expect(api.get('/api/bots')).rejects.toBeInstanceOf(UnreachableError);
});

test('every write has its own idempotency key, a read has none', async () => {
  const { api, sent } = client(
    ...Array.from({ length: 4 }, () => Response.json({})),
    new Response(null, { status: 204 }),
  );
  await api.get('/a');
  await api.post('/a');
  await api.patch('/a', {});
  await api.put('/a', {});
  await api.delete('/a');
  expect(sent.map(({ key }) => key)).toEqual([null, 'key-1', 'key-2', 'key-3', 'key-4']);
});

test('503 with Retry-After is tried again under the same key', async () => {
  const away = () => refusal(503, { code: 'restoring', message: 'Restoring.' }, { 'Retry-After': '2' });
  const { api, sent, waits } = client(away(), away(), Response.json({ id: 'b1' }));
  await expect(api.post('/api/bots', {})).resolves.toEqual({ id: 'b1' });
  expect(waits).toEqual([2000, 2000]);
  expect(new Set(sent.map(({ key }) => key)).size).toBe(1);
});

test('503 is not tried for ever, and not at all without Retry-After', async () => {
  const away = (headers?: Record<string, string>) =>
    refusal(503, { code: 'busy', message: 'Busy.' }, headers);
  const patient = client(...Array.from({ length: 9 }, () => away({ 'Retry-After': '1' })));
  await expect(patient.api.get('/api/bots')).rejects.toThrow('Busy.');
  expect(patient.sent.length).toBe(5);
  const once = client(away());
  await expect(once.api.get('/api/bots')).rejects.toThrow('Busy.');
  expect(once.sent.length).toBe(1);
});

test('a 401 is told to those who listen, and to nobody once they stopped', async () => {
  const { api } = client(
    refusal(401, { code: 'sign_in_required', message: 'Sign in.' }),
    refusal(401, { code: 'sign_in_required', message: 'Sign in.' }),
  );
  let told = 0;
  const stop = api.onUnauthorized(() => told++);
  await expect(api.get('/api/bots')).rejects.toThrow('Sign in.');
  stop();
  await expect(api.get('/api/bots')).rejects.toThrow('Sign in.');
  expect(told).toBe(1);
});

test('empty query values are left out and others are escaped', async () => {
  const { api, sent } = client(Response.json({}));
  await api.get('/api/threads', { query: { q: 'a&b', cursor: null, limit: 50, level: '' } });
  expect(sent[0]?.path).toBe('/api/threads?q=a%26b&limit=50');
});

test('refusals of the request itself may not be tried again', () => {
  expect(mayRetry(new ApiError('', 422, 'invalid'))).toBe(false);
  expect(mayRetry(new ApiError('', 404, 'not_found'))).toBe(false);
  expect(mayRetry(new ApiError('', 503, 'busy'))).toBe(true);
  expect(mayRetry(new ApiError('', 429, 'limit'))).toBe(true);
});

test('a write waits for a server that moves to another container, whatever becomes of the old one', async () => {
  const handover = () => refusal(503, { code: 'handover', message: 'Moving.' }, { 'Retry-After': '2' });
  const standby = () => refusal(503, { code: 'standby', message: 'Standing by.' }, { 'Retry-After': '2' });
  const gone = () => new TypeError('Failed to fetch');
  const { api, sent } = client(
    handover(),
    handover(),
    standby(),
    standby(),
    gone(),
    gone(),
    Response.json({ id: 'b1' }),
  );
  const moving = vi.fn();
  api.onMoving(moving);
  await expect(api.post('/api/bots', { name: 'typed' })).resolves.toEqual({ id: 'b1' });
  expect(new Set(sent.map(({ key }) => key))).toEqual(new Set(['key-1']));
  expect(sent.map(({ init }) => init.body)).toEqual(Array(7).fill('{"name":"typed"}'));
  expect(moving).toHaveBeenCalledTimes(4);
});

test('a server that stays away for minutes is told about in the end', async () => {
  const standby = () => refusal(503, { code: 'standby', message: 'Standing by.' }, { 'Retry-After': '2' });
  const { api } = client(...Array.from({ length: 200 }, standby));
  await expect(api.post('/api/bots', {})).rejects.toThrow('Standing by.');
});

test('a file is sent as it is, under its own type', async () => {
  const { api, sent } = client(Response.json({}));
  const file = new Blob(['pixels'], { type: 'image/png' });
  await api.put('/api/widgets/1/logo', file);
  expect(sent[0]?.init.body).toBe(file);
  expect(new Headers(sent[0]?.init.headers).get('Content-Type')).toBe('image/png');
});
