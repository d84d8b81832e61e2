import { ArrowUp, Square } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, type RefObject, useId, useLayoutEffect } from 'react';
import { count } from '../../lib/time';
import { IconButton } from '../../ui/Button';
import { ask as words } from './strings';

const LONGEST = 16_000;
const TALLEST_PX = 240;

/** Where questions are typed, at the foot of the page. */
export function Composer({
  fieldRef,
  text,
  onText,
  onSend,
  onStop,
  beside,
}: {
  fieldRef: RefObject<HTMLTextAreaElement | null>;
  text: string;
  onText: (text: string) => void;
  onSend: () => void;
  /** Stops the answer being written; null while none is. */
  onStop: (() => void) | null;
  beside?: ReactNode;
}) {
  const id = useId();
  const tooLong = text.length > LONGEST;
  const empty = text.trim() === '';

  // biome-ignore lint/correctness/useExhaustiveDependencies: the field grows with its text
  useLayoutEffect(() => {
    const field = fieldRef.current;
    if (!field) return;
    field.style.height = 'auto';
    field.style.height = `${Math.min(TALLEST_PX, field.scrollHeight)}px`;
  }, [text, fieldRef]);

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === 'Escape') event.currentTarget.blur();
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!empty && !tooLong) onSend();
  }

  return (
    <div className="sticky bottom-[calc(3.5rem+env(safe-area-inset-bottom))] z-[5] bg-paper px-4 pt-1 pb-3 sm:px-8 md:bottom-0 md:pb-4">
      <div className="mx-auto w-full max-w-[46rem]">
        {beside}
        <div className="flex items-end gap-1 rounded-2 border border-line-strong bg-surface p-1 focus-within:outline-2 focus-within:outline-focus">
          <label htmlFor={id} className="sr-only">
            {words.question}
          </label>
          <textarea
            id={id}
            ref={fieldRef}
            rows={1}
            value={text}
            placeholder={words.placeholder}
            aria-describedby={`${id}-keys`}
            aria-invalid={tooLong || undefined}
            onChange={(event) => onText(event.target.value)}
            onKeyDown={onKeyDown}
            enterKeyHint="send"
            className="min-h-9 min-w-0 flex-1 resize-none bg-transparent px-2.5 py-2 leading-snug outline-none placeholder:text-ink-3 pointer-coarse:min-h-11 pointer-coarse:py-3"
          />
          {onStop && empty ? (
            <IconButton label={words.stop} onClick={onStop} className="bg-sunken">
              <Square size={14} aria-hidden className="fill-current" />
            </IconButton>
          ) : (
            <IconButton
              label={words.send}
              onClick={onSend}
              disabled={empty || tooLong}
              className="enabled:bg-accent enabled:text-accent-ink enabled:hover:bg-accent/90 enabled:hover:text-accent-ink"
            >
              <ArrowUp size={18} aria-hidden />
            </IconButton>
          )}
        </div>
        {tooLong ? (
          <p role="alert" className="mt-1 text-sm text-bad">
            {words.tooLong(count(text.length), count(LONGEST))}
          </p>
        ) : null}
        <p id={`${id}-keys`} className="mt-1 text-xs text-ink-3 pointer-coarse:sr-only">
          {words.keys}
        </p>
      </div>
    </div>
  );
}
