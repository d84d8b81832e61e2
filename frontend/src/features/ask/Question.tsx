import { CloudAlert } from 'lucide-react';
import { memo } from 'react';
import { Button } from '../../ui/Button';
import { unsent as words } from './strings';
import type { UnsentQuestion } from './unsent';

/** What the person asked, as it was typed. */
export const Question = memo(function Question({ text }: { text: string }) {
  return (
    <div className="flex justify-end">
      <p className="max-w-[85%] min-w-0 rounded-2 bg-accent-soft px-4 py-2 break-words whitespace-pre-wrap">
        {text}
      </p>
    </div>
  );
});

/** A question that the server has not acknowledged. */
export function Unsent({
  question,
  onRetry,
  onEdit,
  onDiscard,
}: {
  question: UnsentQuestion;
  onRetry: () => void;
  onEdit: () => void;
  onDiscard: () => void;
}) {
  return (
    <div>
      <div className={question.problem === null ? '' : 'opacity-80'}>
        <Question text={question.text} />
      </div>
      {question.problem === null ? (
        <p role="status" className="mt-1 text-end text-sm text-ink-2">
          {words.sending}
        </p>
      ) : (
        <div role="alert" className="mt-1 flex flex-wrap items-center justify-end gap-x-2 gap-y-1 text-sm">
          <p className="flex min-w-0 items-center gap-1.5">
            <CloudAlert size={15} aria-hidden className="shrink-0 text-bad" />
            <span className="min-w-0">
              <strong className="font-medium text-bad">{words.notSent}.</strong> {question.problem}
            </span>
          </p>
          <Button onClick={onRetry}>{words.retry}</Button>
          <Button look="quiet" onClick={onEdit}>
            {words.edit}
          </Button>
          <Button look="quiet" onClick={onDiscard}>
            {words.discard}
          </Button>
        </div>
      )}
    </div>
  );
}
