import { Check, CloudAlert, LoaderCircle } from 'lucide-react';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { type SavesState, saves } from '../lib/saves';
import { clockTime } from '../lib/time';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { saving as words } from './strings';

function useSaves(): SavesState {
  return useSyncExternalStore(saves.subscribe, saves.current);
}

/** Says at any moment whether what was typed has reached the server. */
export function PersistenceStatus() {
  const { saving, waiting, savedAt_ms } = useSaves();
  const [queueOpen, setQueueOpen] = useState(false);
  return (
    <div className="flex min-w-0 flex-wrap items-center gap-x-2 text-sm">
      <div role="status" className="flex min-w-0 items-center gap-1.5 px-1">
        {saving > 0 ? (
          <>
            <LoaderCircle size={15} aria-hidden className="shrink-0 animate-spin text-ink-2" />
            <span className="text-ink-2">{words.saving}</span>
          </>
        ) : waiting.length > 0 ? (
          <button
            type="button"
            onClick={() => setQueueOpen(true)}
            className="flex min-h-6 items-center gap-1.5 text-start font-medium whitespace-nowrap text-bad underline decoration-dotted underline-offset-4 pointer-coarse:min-h-11"
          >
            <CloudAlert size={15} aria-hidden className="shrink-0" />
            {words.notSaved(waiting.length)}
          </button>
        ) : (
          <>
            <Check size={15} aria-hidden className="shrink-0 text-ok" />
            <span className="truncate text-ink-2">
              {savedAt_ms === null ? words.idle : words.saved(clockTime(savedAt_ms))}
            </span>
          </>
        )}
      </div>
      {saving === 0 && waiting.length > 0 ? (
        <button
          type="button"
          onClick={() => void saves.retry()}
          className="min-h-6 rounded-1 px-1 font-medium text-accent hover:bg-sunken pointer-coarse:min-h-11"
        >
          {words.retry}
        </button>
      ) : null}
      {queueOpen ? <SaveQueue onClose={() => setQueueOpen(false)} /> : null}
    </div>
  );
}

function SaveQueue({ onClose }: { onClose: () => void }) {
  const { waiting } = useSaves();
  useEffect(() => {
    if (waiting.length === 0) onClose();
  }, [waiting.length, onClose]);
  return (
    <Dialog
      title={words.queue}
      onClose={onClose}
      footer={
        <Button look="primary" onClick={() => void saves.retry()}>
          {words.retryAll}
        </Button>
      }
    >
      <p className="mb-3 text-ink-2">{words.queueIntro}</p>
      <ul className="flex flex-col divide-y divide-line">
        {waiting.map(({ key, label, message }) => (
          <li key={key} className="flex items-center gap-3 py-2">
            <div className="min-w-0 flex-1">
              <p className="font-medium">{label}</p>
              <p className="text-sm text-ink-2">{message}</p>
            </div>
            <Button look="quiet" onClick={() => saves.discard(key)}>
              {words.discard}
            </Button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

/** Asks before the tab closes while something has not been saved. */
export function useUnsavedGuard(): void {
  const { saving, waiting } = useSaves();
  const unsaved = saving > 0 || waiting.length > 0;
  useEffect(() => {
    if (!unsaved) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [unsaved]);
}
