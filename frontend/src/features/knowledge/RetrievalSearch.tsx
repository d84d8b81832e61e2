import { Search } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import type { FoundPassage } from '../../lib/apiTypes';
import { useShortcut } from '../../lib/shortcuts';
import { listLook } from '../../ui/looks';
import { FailedState, LoadingState } from '../../ui/States';
import { usePassages } from './knowledgeApi';
import { finding as words } from './strings';
import { marked } from './terms';

const TYPING_MS = 250;

/** Shows what a question would retrieve, so that a wrong answer can be traced to what was, or was not, found. */
export function RetrievalSearch({ indexVersion }: { indexVersion: number }) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState('');
  const [question, setQuestion] = useState('');
  const found = usePassages(question, indexVersion);
  useShortcut('/', () => field.current?.focus());

  useEffect(() => {
    const timer = setTimeout(() => setQuestion(typed.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  return (
    <section className="flex flex-col gap-3">
      <label htmlFor={id} className="text-sm font-medium">
        {words.label}
      </label>
      <div className="relative -mt-2">
        <Search size={16} aria-hidden className="absolute start-3 top-1/2 -translate-y-1/2 text-ink-2" />
        <input
          id={id}
          ref={field}
          type="search"
          value={typed}
          maxLength={2000}
          placeholder={words.placeholder}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter') setQuestion(typed.trim());
            if (event.key === 'Escape' && typed !== '') {
              event.preventDefault();
              setTyped('');
            }
          }}
          className="min-h-9 w-full rounded-1 border border-line-strong bg-surface ps-9 pe-3 placeholder:text-ink-3 pointer-coarse:min-h-11"
        />
      </div>
      {question === '' ? null : found.error ? (
        <FailedState error={found.error} onRetry={() => void found.refetch()} />
      ) : found.data === undefined ? (
        <LoadingState rows={2} />
      ) : found.data.length === 0 ? (
        <p role="status" className="text-ink-2">
          {words.none}
        </p>
      ) : (
        <ol
          aria-label={words.results}
          className={`${listLook} ${found.isPlaceholderData ? 'opacity-60' : ''}`}
        >
          {found.data.map((passage, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a page may be found by several passages; rank is what tells them apart
            <PassageRow key={at} passage={passage} question={question} />
          ))}
        </ol>
      )}
    </section>
  );
}

function PassageRow({
  passage: { title, heading, url, text, score },
  question,
}: {
  passage: FoundPassage;
  question: string;
}) {
  return (
    <li className="flex min-w-0 flex-col gap-1 px-4 py-3">
      <div className="flex items-baseline gap-3">
        <a
          href={url}
          target="_blank"
          rel="noopener noreferrer"
          data-row
          className="min-w-0 flex-1 font-medium break-words underline-offset-2 hover:underline"
        >
          {title}
          {heading ? <span className="font-normal text-ink-2"> › {heading}</span> : null}
          <span className="sr-only">, {words.newTab}</span>
        </a>
        <Score score={score} />
      </div>
      <p className="line-clamp-5 text-sm break-words whitespace-pre-line text-ink-2">
        {marked(text, question).map(({ text: stretch, hit }, at) =>
          hit ? (
            // biome-ignore lint/suspicious/noArrayIndexKey: the stretches of one text never move
            <mark key={at} className="rounded-[3px] bg-warn-soft px-0.5 text-ink">
              {stretch}
            </mark>
          ) : (
            stretch
          ),
        )}
      </p>
    </li>
  );
}

function Score({ score }: { score: number }) {
  const shown = score.toFixed(2);
  return (
    <span className="flex shrink-0 items-center gap-2 text-sm text-ink-2 tabular-nums">
      <span aria-hidden className="h-1.5 w-12 overflow-hidden rounded-full bg-idle-soft">
        <span
          className="block h-full rounded-full bg-accent"
          style={{ width: `${Math.min(1, Math.max(0, score)) * 100}%` }}
        />
      </span>
      <span className="sr-only">{words.score(shown)}</span>
      <span aria-hidden>{shown}</span>
    </span>
  );
}
