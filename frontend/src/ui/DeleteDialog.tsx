import { type FormEvent, useId, useState } from 'react';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { TextField } from './Field';
import { FailedState } from './States';
import { controls } from './strings';

/** Asks for the name of what is to be deleted for good. */
export function DeleteDialog({
  title,
  what,
  name,
  typeLabel,
  submitLabel,
  busy,
  error,
  onDelete,
  onClose,
}: {
  title: string;
  /** What will be lost, in a sentence. */
  what: string;
  name: string;
  typeLabel: string;
  submitLabel: string;
  busy: boolean;
  error: Error | null;
  onDelete: () => void;
  onClose: () => void;
}) {
  const formId = useId();
  const [typed, setTyped] = useState('');
  const matches = typed.trim() === name.trim();

  function submit(event: FormEvent) {
    event.preventDefault();
    if (matches && !busy) onDelete();
  }

  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" onClick={onClose}>
            {controls.cancel}
          </Button>
          <Button look="danger" type="submit" form={formId} disabled={!matches || busy}>
            {submitLabel}
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={submit} className="flex flex-col gap-4">
        <p>{what}</p>
        <TextField
          label={typeLabel}
          data-autofocus
          autoComplete="off"
          spellCheck={false}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
        {error ? <FailedState error={error} /> : null}
      </form>
    </Dialog>
  );
}
