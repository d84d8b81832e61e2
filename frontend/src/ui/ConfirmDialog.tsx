import { Button } from './Button';
import { Dialog } from './Dialog';
import { FailedState } from './States';
import { controls } from './strings';

/** Asks before something that is not easily undone. */
export function ConfirmDialog({
  title,
  what,
  submitLabel,
  cancelLabel = controls.cancel,
  busy,
  error,
  onSubmit,
  onClose,
}: {
  title: string;
  /** What follows, in a sentence. */
  what: string;
  submitLabel: string;
  cancelLabel?: string;
  busy: boolean;
  error: Error | null;
  onSubmit: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" data-autofocus onClick={onClose}>
            {cancelLabel}
          </Button>
          <Button look="danger" disabled={busy} onClick={onSubmit}>
            {submitLabel}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <p className="break-words">{what}</p>
        {error ? <FailedState error={error} /> : null}
      </div>
    </Dialog>
  );
}
