import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react';
import type { Message } from '../../lib/apiTypes';
import { queryKeys } from '../../lib/queryKeys';
import { putMessage } from './askApi';
import { RunReader, type ShownRun } from './runReader';

const nothing = () => () => undefined;

/**
 * Follows the run of a pending answer; null for one that is finished. `reopen` tries again after a refusal.
 */
export function useRun(message: Message): { run: ShownRun | null; reopen: () => void } {
  const client = useQueryClient();
  const { run_id: runId, thread_id: threadId } = message;
  const pending = message.status === 'pending' && runId !== null;
  const [reader, setReader] = useState<RunReader | null>(null);
  const [tries, setTries] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each try opens a new reader
  useEffect(() => {
    if (!pending) return;
    const next = new RunReader(runId, { onDone: (stored) => putMessage(client, stored) });
    setReader(next);
    return next.open();
  }, [pending, runId, client, tries]);

  const run = useSyncExternalStore(reader?.subscribe ?? nothing, () => reader?.current() ?? null);
  const failed = run?.phase === 'failed' || run?.refused != null;
  useEffect(() => {
    // The stored message knows better than the stream how it ended.
    if (failed) void client.invalidateQueries({ queryKey: queryKeys.messages(threadId) });
  }, [failed, threadId, client]);

  const reopen = useCallback(() => setTries((count) => count + 1), []);
  return { run: pending ? run : null, reopen };
}
