import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { Bot, NewBot } from '../../lib/apiTypes';
import { putBot } from '../../lib/bots';
import { useWrite } from '../../lib/useWrite';
import { words } from './strings';

export function useAddBot() {
  const client = useQueryClient();
  return useWrite({
    label: words.saves.add(''),
    send: (bot: NewBot, idempotencyKey) => api.post<Bot>('/api/bots', bot, { idempotencyKey }),
    onSaved: (bot) => putBot(client, bot),
  });
}
