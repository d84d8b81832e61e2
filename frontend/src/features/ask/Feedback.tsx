import { ThumbsDown, ThumbsUp } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import type { Message, Thumb } from '../../lib/apiTypes';
import { Button, IconButton } from '../../ui/Button';
import { TextArea } from '../../ui/Field';
import { useFeedback } from './askApi';
import { answer as words } from './strings';

const LONGEST_REASON = 1000;

/** Thumbs. The thumb counts at once; what was wrong may follow. */
export function useThumbs(message: Message) {
  const write = useFeedback(message);
  const [asking, setAsking] = useState(false);
  const [thanked, setThanked] = useState(false);
  const chosen = write.isPending ? write.variables.thumb : message.feedback;

  function give(thumb: Thumb) {
    write.mutate({ thumb });
    setAsking(thumb === 'down');
    setThanked(false);
  }

  const buttons = (
    <>
      <IconButton label={words.up} aria-pressed={chosen === 'up'} onClick={() => give('up')}>
        <ThumbsUp size={16} aria-hidden className={chosen === 'up' ? 'fill-accent-soft text-accent' : ''} />
      </IconButton>
      <IconButton label={words.down} aria-pressed={chosen === 'down'} onClick={() => give('down')}>
        <ThumbsDown size={16} aria-hidden className={chosen === 'down' ? 'fill-bad-soft text-bad' : ''} />
      </IconButton>
    </>
  );

  const form = asking ? (
    <ReasonForm
      busy={write.isPending}
      onSkip={() => setAsking(false)}
      onSend={(reason) => {
        write.mutate({ thumb: 'down', reason });
        setAsking(false);
        setThanked(true);
      }}
    />
  ) : null;

  const note = write.error ? (
    <p role="alert" className="mt-1 text-sm text-bad">
      {write.error.message}
    </p>
  ) : thanked && !write.isPending ? (
    <p role="status" className="mt-1 text-sm text-ink-2">
      {words.thanks}
    </p>
  ) : null;

  return { buttons, form, note };
}

function ReasonForm({
  busy,
  onSend,
  onSkip,
}: {
  busy: boolean;
  onSend: (reason: string) => void;
  onSkip: () => void;
}) {
  const [reason, setReason] = useState('');
  function submit(event: FormEvent) {
    event.preventDefault();
    if (reason.trim() !== '' && !busy) onSend(reason.trim());
  }
  return (
    <form onSubmit={submit} className="mt-2 flex max-w-lg flex-col gap-2">
      <TextArea
        label={words.reason}
        rows={2}
        maxLength={LONGEST_REASON}
        autoFocus
        value={reason}
        onChange={(event) => setReason(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onSkip();
        }}
      />
      <div className="flex gap-2">
        <Button type="submit" disabled={reason.trim() === '' || busy}>
          {words.sendReason}
        </Button>
        <Button look="quiet" onClick={onSkip}>
          {words.skipReason}
        </Button>
      </div>
    </form>
  );
}
