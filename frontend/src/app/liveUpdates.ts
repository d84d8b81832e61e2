import { useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Bot, Session } from '../lib/apiTypes';
import { putBot } from '../lib/bots';
import { liveEvents, useLiveEvent, useLiveState } from '../lib/liveEvents';
import { queryKeys } from '../lib/queryKeys';

/** Keeps the shown data in step with the server while somebody is signed in. */
export function useLiveUpdates(): void {
  const client = useQueryClient();
  const state = useLiveState();
  useEffect(
    () =>
      liveEvents.open((status) => {
        if (status === 401) signedOut(client);
      }),
    [client],
  );
  // What changed while the stream was away is not told again: ask.
  useEffect(() => {
    if (state === 'open') void client.invalidateQueries();
  }, [state, client]);
  useLiveEvent<Bot>('bot', (bot) => putBot(client, bot));
  useLiveEvent('crawl', () => {
    void client.invalidateQueries({ queryKey: queryKeys.sources });
    void client.invalidateQueries({ queryKey: queryKeys.knowledge });
  });
  useLiveEvent('backup', () => void client.invalidateQueries({ queryKey: queryKeys.status }));
  useLiveEvent('restart', () => void client.invalidateQueries({ queryKey: queryKeys.session }));
}

/** After a 401: the gate is shown over the page, which keeps everything typed. */
export function signedOut(client: ReturnType<typeof useQueryClient>): void {
  client.setQueryData<Session>(queryKeys.session, (session) => session && { ...session, user: null });
}
