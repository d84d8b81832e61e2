import { useCallback, useEffect, useRef, useState } from 'react';
import type { LiveLogLine, LogLine } from '../../lib/apiTypes';
import { useLiveEvent, useLiveState } from '../../lib/liveEvents';
import { fetchLogs } from './botApi';
import { emptyTail, gapBefore, type LogTail, withLines } from './logTail';

const POLL_MS = 3_000;

/** The log of one bot: what the server kept, then live lines, or polling while the live stream is away. */
export function useLogTail(botId: string): {
  tail: LogTail;
  loading: boolean;
  error: Error | null;
  retry: () => void;
} {
  const live = useLiveState() === 'open';
  const [tail, setTail] = useState(emptyTail);
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<Error | null>(null);
  const [round, setRound] = useState(0);
  const last = useRef<number | null>(null);

  const add = useCallback((lines: readonly LogLine[], dropped: number) => {
    const newest = lines.at(-1);
    if (newest) last.current = newest.id;
    setTail((before) => withLines(before, lines, dropped));
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round asks again
  useEffect(() => {
    const closing = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Ids start over when Roost does: after a break the latest lines are asked for whatever is known already.
    let after: number | null = null;
    const ask = async () => {
      try {
        const { items } = await fetchLogs(botId, after, closing.signal);
        if (closing.signal.aborted) return;
        add(items, gapBefore(items, last.current));
        after = last.current;
        setError(null);
        setLoading(false);
      } catch (failure) {
        if (closing.signal.aborted) return;
        setError(failure as Error);
        setLoading(false);
      }
      if (!live) timer = setTimeout(ask, POLL_MS);
    };
    void ask();
    return () => {
      closing.abort();
      clearTimeout(timer);
    };
  }, [botId, live, round, add]);

  useLiveEvent('reload', () => setRound((before) => before + 1));
  useLiveEvent<LiveLogLine>('log', ({ bot_id, ...line }) => {
    if (bot_id === botId) add([line], 0);
  });

  return { tail, loading, error, retry: () => setRound((before) => before + 1) };
}
