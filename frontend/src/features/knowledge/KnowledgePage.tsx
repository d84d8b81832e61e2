import { Link } from '@tanstack/react-router';
import { MessageSquareText, Pause, Play, Plus, RefreshCw, X } from 'lucide-react';
import { useRef, useState } from 'react';
import type { Knowledge, Source } from '../../lib/apiTypes';
import { useListShortcuts, useShortcut } from '../../lib/shortcuts';
import { count } from '../../lib/time';
import { Button, buttonLook } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { listLook } from '../../ui/looks';
import { Page } from '../../ui/Page';
import { FailedState, LoadingState } from '../../ui/States';
import { useCrawlAll, useKnowledge, usePauseAll } from './knowledgeApi';
import { RetrievalSearch } from './RetrievalSearch';
import { SourceForm } from './SourceForm';
import { SourceRow } from './SourceRow';
import { pagesText } from './sourceText';
import { adding, stages, knowledge as words } from './strings';

/** What Roost answers from. */
export function KnowledgePage() {
  const query = useKnowledge();
  const [adds, setAdds] = useState(false);
  const list = useRef<HTMLDivElement>(null);
  const knowledge = query.data;
  const empty = knowledge?.sources.length === 0;
  useShortcut('c', () => {
    if (!empty) setAdds(true);
  });
  useListShortcuts(list);

  return (
    <Page
      title={words.title}
      actions={
        knowledge && !empty ? (
          <Button look="primary" onClick={() => setAdds(true)}>
            <Plus size={16} aria-hidden />
            {words.add}
          </Button>
        ) : null
      }
    >
      {query.error && !knowledge ? (
        <FailedState error={query.error} onRetry={() => void query.refetch()} />
      ) : !knowledge ? (
        <LoadingState />
      ) : empty ? (
        <Empty />
      ) : (
        <div ref={list} className="flex min-w-0 flex-col gap-6">
          <Totals knowledge={knowledge} />
          <section className="flex flex-col gap-2">
            <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
              <h2 className="me-auto text-sm font-medium">{words.sources}</h2>
              {knowledge.sources.length > 1 ? <ForAll sources={knowledge.sources} /> : null}
            </div>
            <ul className={listLook}>
              {knowledge.sources.map((source) => (
                <SourceRow key={source.id} source={source} />
              ))}
            </ul>
          </section>
          {knowledge.ready ? <RetrievalSearch indexVersion={knowledge.index_version} /> : null}
        </div>
      )}
      {adds && knowledge ? (
        <Dialog title={adding.title} onClose={() => setAdds(false)}>
          <SourceForm
            hasManual={knowledge.sources.some(({ kind }) => kind === 'manual')}
            onAdded={() => setAdds(false)}
          />
        </Dialog>
      ) : null}
    </Page>
  );
}

/** The first step of every installation: the form itself, with no door before it. */
function Empty() {
  return (
    <section className="flex flex-col gap-4 rounded-2 border border-line bg-surface px-5 py-6">
      <div>
        <h2 className="text-lg font-semibold">{words.empty}</h2>
        <p className="text-ink-2">{words.emptyHint}</p>
      </div>
      <SourceForm hasManual={false} />
    </section>
  );
}

/** What can be done about every source at once. */
function ForAll({ sources }: { sources: readonly Source[] }) {
  const crawl = useCrawlAll('crawl');
  const cancel = useCrawlAll('cancel');
  const pause = usePauseAll();
  const crawling = sources.some(({ stage }) => stage !== 'idle' && stage !== 'embedding');
  const allPaused = sources.every(({ paused }) => paused);
  const problem = crawl.error ?? cancel.error ?? pause.error;
  return (
    <>
      {crawling ? (
        <Button look="quiet" disabled={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
          <X size={16} aria-hidden />
          {words.cancelAll}
        </Button>
      ) : (
        <Button look="quiet" disabled={crawl.isPending || allPaused} onClick={() => crawl.mutate(undefined)}>
          <RefreshCw size={16} aria-hidden />
          {words.resyncAll}
        </Button>
      )}
      <Button look="quiet" disabled={pause.isPending} onClick={() => pause.mutate(!allPaused)}>
        {allPaused ? <Play size={16} aria-hidden /> : <Pause size={16} aria-hidden />}
        {allPaused ? words.resumeAll : words.pauseAll}
      </Button>
      {problem ? <FailedState error={problem} /> : null}
    </>
  );
}

function Totals({ knowledge }: { knowledge: Knowledge }) {
  const { pages, chunks, vectors, index_version, ready, stage } = knowledge;
  const state =
    stage !== 'idle' ? stages[stage] : ready ? words.ready : pages > 0 ? words.building : words.notReady;
  const figures = [
    [words.pages, count(pages)],
    [words.chunks, count(chunks)],
    [words.vectors, count(vectors)],
    [words.version, String(index_version)],
    [words.stage, state],
  ] as const;
  return (
    <section aria-label={words.totals} className="flex flex-wrap items-center gap-x-8 gap-y-3">
      <dl className="flex flex-wrap gap-x-8 gap-y-3">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt className="text-sm text-ink-2">{name}</dt>
            <dd className="text-lg leading-tight font-medium tabular-nums">{value}</dd>
          </div>
        ))}
      </dl>
      {ready && pages > 0 ? (
        <Link to="/ask" className={`${buttonLook()} sm:ms-auto`} title={words.askHint(pagesText(pages))}>
          <MessageSquareText size={16} aria-hidden />
          {words.ask}
        </Link>
      ) : null}
    </section>
  );
}
