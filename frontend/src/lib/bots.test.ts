import { QueryClient } from '@tanstack/react-query';
import { expect, test } from 'vitest';
import type { Bot } from './apiTypes';
import { dropBot, putBot, type ShownBot, shown } from './bots';
import { queryKeys } from './queryKeys';

const bot: Bot = {
  id: 'b1',
  owner_id: 'u1',
  platform: 'telegram',
  name: 'Docs',
  handle: 'docs_bot',
  token_last4: 'abcd',
  model: null,
  system_prompt: 'default',
  base_url: null,
  has_api_key: false,
  source_ids: null,
  allowed_chats: null,
  transport: 'polling',
  desired: 'running',
  status: 'running',
  reason: null,
  since: '2026-11-21T10:00:00Z',
  uptime_s: 90,
  last_contact_at: null,
  last_message_at: null,
  messages_today: 0,
  tokens_today: 0,
  tokens_limit: null,
  privacy_mode: null,
  invite_url: null,
  deep_link: null,
  created_at: '2026-11-21T10:00:00Z',
  updated_at: '2026-11-21T10:00:00Z',
};

const listed = (client: QueryClient) =>
  client.getQueryData<ShownBot[]>(queryKeys.bots)?.map(({ id, status }) => [id, status]);

test("the uptime goes on from this machine's clock, whatever the server's clock says", () => {
  expect(shown(bot, 1_000_000).startedAt_ms).toBe(910_000);
  expect(shown({ ...bot, uptime_s: null }, 1_000_000).startedAt_ms).toBeNull();
  expect(shown({ ...bot, uptime_s: 0 }, 1_000_000).startedAt_ms).toBe(1_000_000);
});

test('a told bot takes the place of the one known, a new one comes last, a deleted one goes', () => {
  const client = new QueryClient();
  client.setQueryData(queryKeys.bots, [shown(bot), shown({ ...bot, id: 'b2' })]);
  putBot(client, { ...bot, status: 'degraded' });
  putBot(client, { ...bot, id: 'b3' });
  dropBot(client, 'b2');
  expect(listed(client)).toEqual([
    ['b1', 'degraded'],
    ['b3', 'running'],
  ]);
});

test('nothing is made up where no list was asked for yet', () => {
  const client = new QueryClient();
  putBot(client, bot);
  expect(listed(client)).toBeUndefined();
});

test('an answer that its own live events overtook does not undo them', () => {
  const client = new QueryClient();
  client.setQueryData(queryKeys.bots, [shown({ ...bot, since: '2026-11-21T10:00:00.743Z' })]);
  putBot(client, { ...bot, status: 'starting', since: '2026-11-21T10:00:00.709Z' });
  expect(listed(client)).toEqual([['b1', 'running']]);
});
