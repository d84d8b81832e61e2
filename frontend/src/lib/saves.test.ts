import { expect, test } from 'vitest';
import { ApiError, UnreachableError } from './apiClient';
import { Saves } from './saves';

const NOW_MS = 1_700_000_000_000;

function store() {
  return new Saves(
    () => NOW_MS,
    () => 'key',
  );
}

const away = () => Promise.reject(new UnreachableError('Roost does not answer.'));

test('a write is shown while it is on its way, then as saved with its time', async () => {
  const saves = store();
  let arrive = (_: string) => {};
  const sent = saves.run(
    'Name',
    'k1',
    () =>
      new Promise<string>((resolve) => {
        arrive = resolve;
      }),
  );
  expect(saves.current()).toMatchObject({ saving: 1, savedAt_ms: null });
  arrive('ok');
  await expect(sent).resolves.toBe('ok');
  expect(saves.current()).toEqual({ saving: 0, waiting: [], savedAt_ms: NOW_MS });
});

test('a write that did not arrive waits with its reason and is sent again under its key', async () => {
  const saves = store();
  const keys: string[] = [];
  const stored: string[] = [];
  let up = false;
  const send = (key: string) => {
    keys.push(key);
    return up ? Promise.resolve('stored') : away();
  };
  await expect(saves.run('Name', 'k1', send, (result) => stored.push(result))).rejects.toThrow();
  expect(saves.current().waiting).toEqual([{ key: 'k1', label: 'Name', message: 'Roost does not answer.' }]);
  await saves.retry();
  expect(saves.current().waiting.length).toBe(1);
  up = true;
  await saves.retry();
  expect(saves.current()).toEqual({ saving: 0, waiting: [], savedAt_ms: NOW_MS });
  expect(keys).toEqual(['k1', 'k1', 'k1']);
  expect(stored).toEqual(['stored']);
});

test('a refusal belongs to its form and does not wait', async () => {
  const saves = store();
  const refused = () => Promise.reject(new ApiError('No.', 422, 'invalid'));
  await expect(saves.run('Name', 'k1', refused)).rejects.toThrow('No.');
  expect(saves.current()).toEqual({ saving: 0, waiting: [], savedAt_ms: null });
});

test('writes that wait are sent in the order in which they were asked for', async () => {
  const saves = store();
  const order: string[] = [];
  let up = false;
  for (const key of ['k1', 'k2', 'k3']) {
    const send = async () => {
      if (!up) await away();
      order.push(key);
    };
    await saves.run(key, key, send).catch(() => undefined);
  }
  up = true;
  await saves.retry();
  expect(order).toEqual(['k1', 'k2', 'k3']);
});

test('a write given up is not sent again', async () => {
  const saves = store();
  let tries = 0;
  const send = () => {
    tries++;
    return away();
  };
  await saves.run('Name', 'k1', send).catch(() => undefined);
  saves.discard('k1');
  await saves.retry();
  expect(tries).toBe(1);
  expect(saves.current().waiting).toEqual([]);
});
