import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { Bot, BotChange, LogLineList } from '../../lib/apiTypes';
import { putBot } from '../../lib/bots';
import { useWrite } from '../../lib/useWrite';
import { words } from './strings';

export function useChangeBot(bot: Bot) {
  const client = useQueryClient();
  return useWrite({
    label: words.saves.change(bot.name),
    send: (change: BotChange, idempotencyKey) =>
      api.patch<Bot>(`/api/bots/${bot.id}`, change, { idempotencyKey }),
    onSaved: (changed) => putBot(client, changed),
  });
}

const LINES_PER_ANSWER = 200;

/** The latest lines, oldest first; with `after` only lines with a greater id. */
export function fetchLogs(botId: string, after: number | null, signal: AbortSignal): Promise<LogLineList> {
  return api.get(`/api/bots/${botId}/logs`, { query: { after, limit: LINES_PER_ANSWER }, signal });
}
