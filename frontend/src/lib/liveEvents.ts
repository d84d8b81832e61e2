import { useEffect, useRef, useSyncExternalStore } from 'react';
import { readEventStream, type StreamState } from './eventStream';

/** What `GET /api/events` tells: the JSON of the resource; `reload` where events were missed, `restart` where Roost stops. */
export type LiveKind = 'bot' | 'log' | 'crawl' | 'backup' | 'reload' | 'restart';

export type LiveState = StreamState | 'closed';

type Listener = (data: unknown) => void;

const URL = '/api/events';

/** One stream for the page, shared by everything that listens. */
export class LiveEvents {
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly watchers = new Set<() => void>();
  private state: LiveState = 'closed';

  constructor(private readonly read: typeof readEventStream = readEventStream) {}

  /** Opens the stream; returns the function that closes it. `onRefused` hears of a 401 and the like. */
  open(onRefused: (status: number) => void): () => void {
    const closing = new AbortController();
    void this.read({
      url: URL,
      signal: closing.signal,
      onState: (state) => this.setState(state),
      onEvent: ({ event, data }) => this.tell(event, data),
      onRefused: (refusal) => {
        this.setState('closed');
        onRefused(refusal.status);
      },
    });
    return () => {
      closing.abort();
      this.setState('closed');
    };
  }

  on(kind: LiveKind, listener: Listener): () => void {
    const set = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, set.add(listener));
    return () => set.delete(listener);
  }

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly current = (): LiveState => this.state;

  private tell(event: string, text: string): void {
    const listeners = this.listeners.get(event);
    if (!listeners || listeners.size === 0) return;
    const data: unknown = JSON.parse(text);
    for (const listener of listeners) listener(data);
  }

  private setState(state: LiveState): void {
    if (state === this.state) return;
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }
}

/** The one live stream of the page. */
export const liveEvents = new LiveEvents();

export function useLiveState(): LiveState {
  return useSyncExternalStore(liveEvents.watch, liveEvents.current);
}

/** Runs `listener` on every live event of `kind` while the component is shown. */
export function useLiveEvent<T>(kind: LiveKind, listener: (data: T) => void): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => liveEvents.on(kind, (data) => latest.current(data as T)), [kind]);
}

const POLL_MS = 5_000;
const POLL_WHILE_LIVE_MS = 60_000;

/** How often to ask for what the live stream tells: often without it, seldom with it (it may miss a change). */
export function useFallbackInterval(): number {
  return useLiveState() === 'open' ? POLL_WHILE_LIVE_MS : POLL_MS;
}
