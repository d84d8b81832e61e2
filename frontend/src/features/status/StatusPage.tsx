import { Link } from '@tanstack/react-router';
import { CircleAlert, CircleCheck, Pause } from 'lucide-react';
import type { ReactNode } from 'react';
import type { BotStatus, InstallationStatus, ReplicationConflict, Source } from '../../lib/apiTypes';
import { useUser } from '../../lib/session';
import { useSources } from '../../lib/sources';
import { ago, count, dateTime, duration, secondsSince, useNow } from '../../lib/time';
import { BotStatusBadge } from '../../ui/BotStatusBadge';
import { Button } from '../../ui/Button';
import { listLook } from '../../ui/looks';
import { Page } from '../../ui/Page';
import { FailedState, LoadingState } from '../../ui/States';
import { Picture } from './Picture';
import { useAdoptBucket, useDismissConflict, useReadiness, useStatus, useUnanswered } from './statusApi';
import { bots as botWords, crawl, data, unanswered, status as words } from './strings';

/** How Roost is doing, from the docs to the people. */
export function StatusPage() {
  const query = useStatus();
  const sources = useSources();
  const status = query.data;
  return (
    <Page title={words.title}>
      {query.error && !status ? (
        <FailedState error={query.error} onRetry={() => void query.refetch()} />
      ) : !status ? (
        <LoadingState />
      ) : (
        <>
          <Headline status={status} />
          <Picture status={status} sourceCount={sources.data?.length ?? null} />
          <div className="grid min-w-0 gap-6 md:grid-cols-2">
            <Section title={botWords.title}>
              <BotStates status={status} />
            </Section>
            <Section title={data.title}>
              <DataFacts status={status} />
            </Section>
          </div>
          <Section title={crawl.title}>
            <Crawls sources={sources.data ?? []} />
          </Section>
          <Section title={unanswered.title}>
            <Unanswered />
          </Section>
        </>
      )}
    </Page>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex min-w-0 flex-col gap-2">
      <h2 className="font-semibold">{title}</h2>
      {children}
    </section>
  );
}

function Headline({ status }: { status: InstallationStatus }) {
  const readiness = useReadiness();
  const now_ms = useNow();
  const refused = readiness.error !== null;
  const ready = status.state === 'ready' && !refused;
  const trouble = status.database.trouble;
  const reason = status.reason ?? readiness.data?.reason ?? (refused ? readiness.error.message : null);
  return (
    <div className="flex items-start gap-2.5">
      {ready && trouble === null ? (
        <CircleCheck size={20} aria-hidden className="mt-0.5 shrink-0 text-ok" />
      ) : (
        <CircleAlert size={20} aria-hidden className="mt-0.5 shrink-0 text-warn" />
      )}
      <div className="min-w-0">
        <p role="status" className="text-lg leading-snug font-medium">
          {ready ? words.ready(status.version) : words.states[status.state] || words.notReady}
          {reason ? ` ${reason}` : ''}
        </p>
        {trouble === null ? null : (
          <p role="alert" className="font-medium break-words text-warn">
            {trouble}
          </p>
        )}
        <p className="text-ink-2 tabular-nums">
          {words.up(duration(secondsSince(status.started_at, now_ms)), dateTime(status.started_at))}
        </p>
      </div>
    </div>
  );
}

const order: readonly BotStatus[] = ['running', 'starting', 'degraded', 'crashed', 'stopped'];
const colours: Record<BotStatus, string> = {
  running: 'bg-ok',
  starting: 'bg-info',
  degraded: 'bg-warn',
  crashed: 'bg-bad',
  stopped: 'bg-idle',
};

function BotStates({ status: { bots } }: { status: InstallationStatus }) {
  const present = order.filter((state) => bots[state] > 0);
  if (present.length === 0) return <p className="text-ink-2">{botWords.none}</p>;
  return (
    <>
      <div aria-hidden className="flex h-2 gap-0.5 overflow-hidden rounded-full">
        {present.map((state) => (
          <span key={state} className={colours[state]} style={{ flexGrow: bots[state], flexBasis: 0 }} />
        ))}
      </div>
      <ul className="flex flex-wrap gap-x-4 gap-y-1.5">
        {present.map((state) => (
          <li key={state} className="flex items-center gap-1.5">
            <span className="font-medium tabular-nums">{count(bots[state])}</span>
            <BotStatusBadge status={state} />
          </li>
        ))}
      </ul>
    </>
  );
}

function DataFacts({
  status: { database, replication, sqlite_version, state },
}: {
  status: InstallationStatus;
}) {
  const {
    bucket,
    last_backup_at,
    trouble,
    emptied,
    conflicts,
    lag_s,
    bytes_unshipped,
    last_shipped_at,
    holder,
    epoch,
    seq,
    cost_per_month_usd,
  } = replication;
  const facts: [string, ReactNode][] = [
    [
      data.database,
      database.tier === 'sqlite'
        ? data.sqlite(sqlite_version)
        : `${database.tier}, ${data.sqlite(sqlite_version)}`,
    ],
    ...(database.tiers.length > 1
      ? ([[data.tiers, database.tiers.map(({ name, state }) => `${name}: ${state}`).join(', ')]] as [
          string,
          ReactNode,
        ][])
      : []),
  ];
  if (bucket === null) facts.push([data.backup, data.noBucket]);
  else {
    facts.push([data.bucket, bucket]);
    facts.push([data.lastBackup, last_backup_at === null ? data.noBackup : dateTime(last_backup_at)]);
    if (trouble !== null)
      facts.push([data.trouble, <Trouble key="trouble" trouble={trouble} emptied={emptied} />]);
    if (conflicts.length > 0)
      facts.push([data.conflicts, <Conflicts key="conflicts" conflicts={conflicts} />]);
    if (lag_s !== null) facts.push([data.lag, duration(lag_s)]);
    if (bytes_unshipped !== null) facts.push([data.unshipped, data.bytes(count(bytes_unshipped))]);
    if (last_shipped_at !== null) facts.push([data.lastShipped, dateTime(last_shipped_at)]);
    if (holder !== null) facts.push([data.holder, state === 'ready' ? data.thisServer : holder]);
    if (epoch !== null && seq !== null) facts.push([data.position, `${epoch}, ${count(seq)}`]);
    facts.push([data.cost, cost_per_month_usd === null ? data.costSoon : dollars(cost_per_month_usd)]);
  }
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-2">{name}</dt>
          <dd className="break-words tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Trouble({ trouble, emptied }: { trouble: string; emptied: boolean }) {
  const owner = useUser()?.role === 'owner';
  const adopt = useAdoptBucket();
  return (
    <div className="flex flex-col items-start gap-1">
      {trouble}
      {emptied && owner ? (
        <Button onClick={() => adopt.mutate()} disabled={adopt.isPending}>
          {data.adopt}
        </Button>
      ) : null}
    </div>
  );
}

function Conflicts({ conflicts }: { conflicts: readonly ReplicationConflict[] }) {
  const dismiss = useDismissConflict();
  return (
    <ul className="flex flex-col gap-1">
      {conflicts.map(({ id }) => (
        <li key={id} className="flex flex-wrap items-center gap-2">
          <code className="break-all">{id}</code>
          <Button onClick={() => dismiss.mutate(id)} disabled={dismiss.isPending}>
            {data.dismiss}
          </Button>
        </li>
      ))}
    </ul>
  );
}

function dollars(amount: number): string {
  const locale = document.documentElement.lang || 'en';
  return new Intl.NumberFormat(locale, { style: 'currency', currency: 'USD' }).format(amount);
}

function Crawls({ sources }: { sources: readonly Source[] }) {
  const now_ms = useNow();
  if (sources.length === 0) return <p className="text-ink-2">{crawl.none}</p>;
  return (
    <>
      <ul className={listLook}>
        {sources.map((source) => (
          <li key={source.id} className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2">
            <span className="min-w-0 flex-1 basis-52 break-all">
              {source.url === null ? crawl.manual : source.url.replace(/^https?:\/\//, '').replace(/\/$/, '')}
            </span>
            <span className="text-sm text-ink-2 tabular-nums">{crawlText(source, now_ms)}</span>
            {source.paused ? (
              <span className="inline-flex items-center gap-1 text-sm font-medium text-warn">
                <Pause size={13} aria-hidden />
                {crawl.paused}
              </span>
            ) : null}
            {source.reason ? (
              <span className="basis-full text-sm break-words text-warn">{source.reason}</span>
            ) : null}
          </li>
        ))}
      </ul>
      <Link to="/knowledge" className="w-fit text-accent underline underline-offset-2">
        {crawl.open}
      </Link>
    </>
  );
}

function crawlText({ stage, done, total, failed, last_success_at }: Source, now_ms: number): string {
  const parts =
    stage === 'idle'
      ? [last_success_at === null ? crawl.never : crawl.last(ago(last_success_at, now_ms))]
      : [crawl.stages[stage], ...(total > 0 ? [crawl.progress(count(done), count(total))] : [])];
  if (failed > 0) parts.push(crawl.failed(count(failed)));
  return parts.join(', ');
}

function Unanswered() {
  const questions = useUnanswered();
  const now_ms = useNow();
  const items = questions.data?.pages.flatMap((page) => page.items) ?? [];
  if (questions.error && !questions.data)
    return <FailedState error={questions.error} onRetry={() => void questions.refetch()} />;
  if (questions.isPending) return <LoadingState rows={2} />;
  if (items.length === 0) return <p className="text-ink-2">{unanswered.none}</p>;
  return (
    <>
      <p className="text-sm text-ink-2">{unanswered.hint}</p>
      <ul className={listLook}>
        {items.map(({ id, question, platform, created_at }) => (
          <li key={id} className="flex flex-wrap items-baseline gap-x-4 px-4 py-2">
            <span className="min-w-0 flex-1 basis-60 break-words">{question}</span>
            <span className="text-sm text-ink-2" title={dateTime(created_at)}>
              {unanswered.where[platform]}, {ago(created_at, now_ms)}
            </span>
          </li>
        ))}
      </ul>
      {questions.hasNextPage ? (
        <Button
          look="quiet"
          className="w-fit"
          disabled={questions.isFetchingNextPage}
          onClick={() => void questions.fetchNextPage()}
        >
          {unanswered.more}
        </Button>
      ) : null}
    </>
  );
}
