import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import type { Bot, Source } from '../../lib/apiTypes';
import { useSources } from '../../lib/sources';
import { Button, buttonLook } from '../../ui/Button';
import { Choice } from '../../ui/Choice';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import { useChangeBot } from './botApi';
import { knowledge as words } from './strings';

export function KnowledgeTab({ bot }: { bot: Bot }) {
  const sources = useSources();
  if (!sources.data) {
    return sources.error ? (
      <FailedState error={sources.error} onRetry={() => void sources.refetch()} />
    ) : (
      <LoadingState rows={2} />
    );
  }
  if (sources.data.length === 0) {
    return (
      <EmptyState
        action={
          <Link to="/knowledge" className={buttonLook('primary')}>
            {words.toKnowledge}
          </Link>
        }
      >
        {words.none}
      </EmptyState>
    );
  }
  return <SourceChoice bot={bot} sources={sources.data} />;
}

function SourceChoice({ bot, sources }: { bot: Bot; sources: readonly Source[] }) {
  const save = useChangeBot(bot);
  const [typed, setTyped] = useState<readonly string[] | null | undefined>(undefined);
  const chosen = typed === undefined ? bot.source_ids : typed;
  const missing = chosen !== null && chosen.length === 0;
  const type = (next: readonly string[] | null) => {
    setTyped(next);
    save.reset();
  };

  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed === undefined || missing || save.isPending) return;
    save.mutate({ source_ids: typed === null ? null : [...typed] }, { onSuccess: () => setTyped(undefined) });
  }

  return (
    <form onSubmit={submit} className="flex max-w-xl flex-col gap-4">
      <fieldset className="flex flex-col">
        <legend className="mb-1 font-medium">{words.legend}</legend>
        <Choice
          type="radio"
          label={words.all}
          hint={words.allHint}
          checked={chosen === null}
          onChange={() => type(null)}
        />
        <Choice
          type="radio"
          label={words.some}
          checked={chosen !== null}
          onChange={() => type(bot.source_ids ?? [])}
        />
        {chosen === null ? null : (
          <div className="ms-6 flex flex-col">
            {sources.map(({ id, url }) => (
              <Choice
                key={id}
                type="checkbox"
                label={url ?? words.manual}
                checked={chosen.includes(id)}
                onChange={() =>
                  type(chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id])
                }
              />
            ))}
          </div>
        )}
      </fieldset>
      {save.error ? <FailedState error={save.error} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button look="primary" type="submit" disabled={typed === undefined || missing || save.isPending}>
          {words.save}
        </Button>
        <p role="status" className="text-sm text-ink-2">
          {missing ? words.chooseOne : save.isSuccess ? words.saved : null}
        </p>
      </div>
    </form>
  );
}
