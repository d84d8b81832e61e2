import { type QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { api } from './apiClient';
import type { Bot, BotList } from './apiTypes';
import { useFallbackInterval } from './liveEvents';
import { queryKeys } from './queryKeys';

/** A bot as it arrived, with its start put on this machine's clock so that the uptime ticks between answers. */
export interface ShownBot extends Bot {
  startedAt_ms: number | null;
}

export function shown(bot: Bot, now_ms: number = Date.now()): ShownBot {
  return { ...bot, startedAt_ms: bot.uptime_s == null ? null : now_ms - bot.uptime_s * 1000 };
}

const PAGE_SIZE = 200;
const MOST_PAGES = 10;

async function fetchBots(signal: AbortSignal): Promise<ShownBot[]> {
  const bots: ShownBot[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page++) {
    const answer: BotList = await api.get('/api/bots', { query: { limit: PAGE_SIZE, cursor }, signal });
    bots.push(...answer.items.map((bot) => shown(bot)));
    cursor = answer.next_cursor;
    if (cursor === null) break;
  }
  return bots;
}

export function useBots(enabled = true): UseQueryResult<ShownBot[], Error> {
  return useQuery({
    enabled,
    queryKey: queryKeys.bots,
    queryFn: ({ signal }) => fetchBots(signal),
    refetchInterval: useFallbackInterval(),
  });
}

/** Whether `told` was true before `known`: an answer may be overtaken by the live events of what it began. */
function outdated(told: Bot, known: Bot): boolean {
  return (
    Date.parse(told.since) < Date.parse(known.since) ||
    Date.parse(told.updated_at) < Date.parse(known.updated_at)
  );
}

/** Puts what an answer or a live event told about one bot into the list; a new bot comes last. */
export function putBot(client: QueryClient, bot: Bot): void {
  client.setQueryData<ShownBot[]>(queryKeys.bots, (bots) => {
    if (!bots) return bots;
    const known = bots.find(({ id }) => id === bot.id);
    if (!known) return [...bots, shown(bot)];
    return outdated(bot, known) ? bots : bots.map((each) => (each === known ? shown(bot) : each));
  });
}

export function dropBot(client: QueryClient, botId: string): void {
  client.setQueryData<ShownBot[]>(queryKeys.bots, (bots) => bots?.filter(({ id }) => id !== botId));
}
