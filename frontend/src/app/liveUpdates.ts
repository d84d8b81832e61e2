import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import type { Bot, Session, Source } from '../lib/apiTypes';
import { dropBot, putBot } from '../lib/bots';
import { liveEvents, useLiveEvent, useLiveState } from '../lib/liveEvents';
import { queryKeys } from '../lib/queryKeys';
import { useSession } from '../lib/session';
import { dropSource, putSource } from '../lib/sources';

/** A resource that is gone. */
interface Deleted {
  id: string;
  deleted: true;
}

/** Keeps the shown data in step with the server while somebody is signed in. */
export function useLiveUpdates(): void {
  const client = useQueryClient();
  const state = useLiveState();
  const signedIn = useSession().data?.user != null;
  useEffect(() => {
    if (!signedIn) return;
    return liveEvents.open((status) => {
      if (status === 401) signedOut(client);
    });
  }, [client, signedIn]);
  // What changed while the stream was away is not told again: ask.
  const broke = useRef(false);
  useEffect(() => {
    if (state === 'waiting') broke.current = true;
    if (state !== 'open' || !broke.current) return;
    broke.current = false;
    void client.invalidateQueries();
  }, [state, client]);
  const ready = useSession().data?.state === 'ready';
  const moved = useRef(false);
  useEffect(() => {
    if (ready && moved.current) void client.invalidateQueries();
    moved.current = !ready;
  }, [ready, client]);
  useLiveEvent<Bot | Deleted>('bot', (bot) => {
    if ('deleted' in bot) dropBot(client, bot.id);
    else putBot(client, bot);
  });
  useLiveEvent<Source | Deleted>('crawl', (source) => {
    if ('deleted' in source) dropSource(client, source.id);
    else putSource(client, source);
    const settled = 'deleted' in source || source.stage === 'idle';
    if (settled) void client.invalidateQueries({ queryKey: queryKeys.knowledge });
  });
  useLiveEvent('backup', () => void client.invalidateQueries({ queryKey: queryKeys.status }));
  useLiveEvent('reload', () => void client.invalidateQueries());
  useLiveEvent('restart', () => void client.invalidateQueries({ queryKey: queryKeys.session }));
}

/** After a 401: the gate is shown over the page, which keeps everything typed. */
export function signedOut(client: ReturnType<typeof useQueryClient>): void {
  client.setQueryData<Session>(queryKeys.session, (session) => session && { ...session, user: null });
}
