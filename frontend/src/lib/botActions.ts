import { useQueryClient } from '@tanstack/react-query';
import { api } from './apiClient';
import type { Bot } from './apiTypes';
import { dropBot, putBot } from './bots';
import { useWrite } from './useWrite';

export type BotAction = 'start' | 'stop' | 'restart';

/** Start, stop or restart a bot; `label` says so in the persistence status. */
export function useBotAction(label: string) {
  const client = useQueryClient();
  return useWrite({
    label,
    send: ({ botId, action }: { botId: string; action: BotAction }, idempotencyKey) =>
      api.post<Bot>(`/api/bots/${botId}/${action}`, undefined, { idempotencyKey }),
    onSaved: (bot) => putBot(client, bot),
  });
}

export function useDeleteBot(label: string) {
  const client = useQueryClient();
  return useWrite({
    label,
    send: (botId: string, idempotencyKey) => api.delete(`/api/bots/${botId}`, { idempotencyKey }),
    onSaved: (_, botId) => dropBot(client, botId),
  });
}
