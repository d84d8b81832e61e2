import { CircleAlert, WifiOff } from 'lucide-react';
import type { ReactNode } from 'react';
import { UnreachableError } from '../lib/apiClient';
import { Button } from './Button';
import { controls } from './strings';

/** What a list shows before anything is in it: one sentence and the way out. */
export function EmptyState({ children, action }: { children: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-start gap-4 rounded-2 border border-dashed border-line-strong/50 px-5 py-8">
      <p className="max-w-prose text-ink-2">{children}</p>
      {action}
    </div>
  );
}

/** Grey rows in the place of a list that is on its way. */
export function LoadingState({ rows = 3 }: { rows?: number }) {
  return (
    <div role="status" className="flex flex-col gap-2">
      <span className="sr-only">{controls.loading}</span>
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all the same
        <div key={row} className="h-14 animate-pulse rounded-2 bg-sunken" aria-hidden />
      ))}
    </div>
  );
}

/** Why something could not be shown, and a way to ask again. Offline looks different from a refusal. */
export function FailedState({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  const Icon = error instanceof UnreachableError ? WifiOff : CircleAlert;
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 rounded-2 bg-bad-soft px-4 py-3 text-bad">
      <Icon size={18} aria-hidden className="shrink-0" />
      <p className="min-w-0 flex-1 basis-56 text-ink">{error.message}</p>
      {onRetry ? <Button onClick={onRetry}>{controls.retry}</Button> : null}
    </div>
  );
}
