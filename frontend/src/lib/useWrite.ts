import { type UseMutationResult, useMutation } from '@tanstack/react-query';
import { useRef } from 'react';
import { mayRetry } from './apiClient';
import { saves } from './saves';

/**
 * A mutation that shows in the persistence status. Repeating the same input keeps its idempotency key until
 * the server has answered, so that a second click after a lost answer does nothing twice.
 */
export function useWrite<TInput, TResult>(options: {
  /** What is being saved, in words: "Bot settings". */
  label: string;
  send: (input: TInput, idempotencyKey: string) => Promise<TResult>;
  /** Runs when the write arrived, on a later retry too. */
  onSaved?: (result: TResult, input: TInput) => void;
}): UseMutationResult<TResult, Error, TInput> {
  const open = useRef<{ input: string; key: string } | null>(null);
  return useMutation<TResult, Error, TInput>({
    retry: false,
    networkMode: 'always',
    mutationFn: async (input) => {
      const written = JSON.stringify(input) ?? '';
      if (open.current?.input !== written) open.current = { input: written, key: saves.makeKey() };
      try {
        return await saves.run(
          options.label,
          open.current.key,
          (key) => options.send(input, key),
          (result) => {
            open.current = null;
            options.onSaved?.(result, input);
          },
        );
      } catch (error) {
        // The server keeps a refusal under its key: the next try must be judged afresh.
        if (!mayRetry(error)) open.current = null;
        throw error;
      }
    },
  });
}
