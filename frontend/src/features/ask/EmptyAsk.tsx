import { Link } from '@tanstack/react-router';
import { ArrowRight, BookOpen } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Knowledge } from '../../lib/apiTypes';
import { count } from '../../lib/time';
import { buttonLook } from '../../ui/Button';
import { FailedState } from '../../ui/States';
import { useKnowledge, useSuggestions } from './askApi';
import { ask, empty as words } from './strings';

/** Before the first question: something to ask where there is something to answer from, else the way there. */
export function EmptyAsk({ guest, onAsk }: { guest: boolean; onAsk: (text: string) => void }) {
  const knowledge = useKnowledge(!guest);
  const suggestions = useSuggestions(knowledge.data).data ?? [];
  return (
    <div className="flex flex-1 flex-col justify-center gap-5 py-8">
      <h1 className="text-2xl font-semibold leading-tight">{ask.headline}</h1>
      {knowledge.error && !knowledge.data ? (
        <FailedState error={knowledge.error} onRetry={() => void knowledge.refetch()} />
      ) : null}
      {knowledge.data ? <Readiness knowledge={knowledge.data} /> : null}
      {suggestions.length > 0 ? (
        <div className="flex flex-col gap-2">
          <p className="text-ink-2">{words.tryOne}</p>
          <ul className="flex flex-col gap-2">
            {suggestions.map((question) => (
              <li key={question}>
                <button
                  type="button"
                  data-row
                  onClick={() => onAsk(question)}
                  className="flex min-h-11 w-full items-center gap-3 rounded-2 border border-line bg-surface px-4 py-2 text-start transition-colors duration-150 hover:border-line-strong"
                >
                  <span className="min-w-0 flex-1 break-words">{question}</span>
                  <ArrowRight size={16} aria-hidden className="shrink-0 text-ink-2" />
                </button>
              </li>
            ))}
          </ul>
        </div>
      ) : null}
    </div>
  );
}

function Readiness({ knowledge: { sources, pages, ready } }: { knowledge: Knowledge }) {
  if (sources.length === 0) return <Pointer sentence={words.first} to={words.toKnowledge} />;
  const reading = sources.find(({ stage }) => stage !== 'idle');
  if (reading) {
    const soFar =
      reading.total > 0 ? words.readingSoFar(count(reading.done), count(reading.total)) : words.reading;
    if (ready && pages > 0 && sources.some(({ last_success_at }) => last_success_at !== null)) return null;
    return (
      <div role="status" className="flex items-start gap-2.5 text-ink-2">
        <span aria-hidden className="mt-2 size-2 shrink-0 animate-pulse rounded-full bg-accent" />
        <p>
          {soFar} {ready && pages > 0 ? words.readingHint : words.building}
        </p>
      </div>
    );
  }
  if (pages === 0) return <Pointer sentence={words.troubled} to={words.toTrouble} />;
  return null;
}

function Pointer({ sentence, to }: { sentence: ReactNode; to: string }) {
  return (
    <div className="flex flex-col items-start gap-4">
      <p className="text-ink-2">{sentence}</p>
      <Link to="/knowledge" className={buttonLook('primary')}>
        <BookOpen size={16} aria-hidden />
        {to}
      </Link>
    </div>
  );
}
