import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Download } from 'lucide-react';
import { useMemo } from 'react';
import type { AskedTopic, CitedPage, Insights, JudgedAnswer } from '../../lib/apiTypes';
import { useBots } from '../../lib/bots';
import { type InsightSearch, insightSearch, periods } from '../../lib/insightSearch';
import { places } from '../../lib/platforms';
import { useSources } from '../../lib/sources';
import { ago, count, dateTime, useNow } from '../../lib/time';
import { useWidgets } from '../../lib/widgets';
import { buttonLook } from '../../ui/Button';
import { ExternalLink } from '../../ui/ExternalLink';
import { SelectField } from '../../ui/Field';
import { listLook } from '../../ui/looks';
import { Page, Section } from '../../ui/Page';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import { Chart } from './Chart';
import { exportAddress, insightQuery, type ListName, useInsights } from './insightsApi';
import { asked, chart, judged, open, pages, totals, insights as words } from './strings';

/** What people asked, what was left open, and what is read most: over a period, of a bot, widget or source. */
export function InsightsPage() {
  const search = insightSearch(useSearch({ strict: false }));
  const { days, bot, widget, source } = search;
  const now_ms = useNow();
  const minute = Math.ceil(now_ms / 60_000);
  const query = useMemo(
    () =>
      insightQuery(
        {
          ...(days ? { days } : {}),
          ...(bot ? { bot } : {}),
          ...(widget ? { widget } : {}),
          ...(source ? { source } : {}),
        },
        minute * 60_000,
      ),
    [days, bot, widget, source, minute],
  );
  const found = useInsights(query);
  return (
    <Page title={words.title}>
      <p className="max-w-prose text-ink-2">{words.intro}</p>
      <Filters search={search} />
      {found.data ? (
        <Found insights={found.data} query={query} whole={!bot && !widget && !source} />
      ) : found.error ? (
        <FailedState error={found.error} onRetry={() => void found.refetch()} />
      ) : (
        <LoadingState rows={4} />
      )}
    </Page>
  );
}

function Filters({ search }: { search: InsightSearch }) {
  const navigate = useNavigate();
  const bots = useBots();
  const widgets = useWidgets();
  const sources = useSources();
  const choose = (change: InsightSearch) => {
    const chosen = { ...search, ...change };
    void navigate({
      to: '/insights',
      search: Object.fromEntries(Object.entries(chosen).filter(([, value]) => value)),
      replace: true,
    });
  };
  const choices = [
    {
      name: 'bot' as const,
      items: (bots.data ?? []).map(({ id, name }) => ({ id, name })),
    },
    {
      name: 'widget' as const,
      items: (widgets.data ?? []).map(({ id, name }) => ({ id, name })),
    },
    {
      name: 'source' as const,
      items: (sources.data ?? []).map(({ id, url }) => ({
        id,
        name: url === null ? words.manual : url.replace(/^https?:\/\//, '').replace(/\/$/, ''),
      })),
    },
  ].filter(({ name, items }) => items.length > 0 || search[name]);
  return (
    <fieldset className="grid grid-cols-2 gap-3 md:grid-cols-4">
      <legend className="sr-only">{words.filters}</legend>
      <SelectField
        label={words.period}
        value={String(search.days ?? 30)}
        onChange={(event) => choose(insightSearch({ days: event.target.value }))}
      >
        {periods.map((each) => (
          <option key={each} value={each}>
            {words.periods[each]}
          </option>
        ))}
      </SelectField>
      {choices.map(({ name, items }) => (
        <SelectField
          key={name}
          label={words[name]}
          value={search[name] ?? ''}
          onChange={(event) => choose({ [name]: event.target.value })}
        >
          <option value="">{words.all[name]}</option>
          {items.map((each) => (
            <option key={each.id} value={each.id}>
              {each.name}
            </option>
          ))}
        </SelectField>
      ))}
    </fieldset>
  );
}

function Found({
  insights,
  query,
  whole,
}: {
  insights: Insights;
  query: Record<string, string>;
  whole: boolean;
}) {
  if (insights.totals.asked === 0 && insights.judged.length === 0)
    return (
      <EmptyState
        action={
          whole ? (
            <div className="flex flex-wrap gap-2">
              <Link to="/ask" className={buttonLook('primary')}>
                {words.ask}
              </Link>
              <Link to="/" search={{ add: true }} className={buttonLook()}>
                {words.addBot}
              </Link>
            </div>
          ) : null
        }
      >
        {whole ? words.nothingAll : words.nothing}
      </EmptyState>
    );
  const file = (of: string, list: ListName) => <File of={of} list={list} query={query} />;
  return (
    <div className="flex flex-col gap-10">
      <Totals insights={insights} />
      <Section title={chart.title}>
        <Chart insights={insights} />
      </Section>
      <Section title={open.title} hint={open.hint} actions={file(open.title, 'unanswered')}>
        <Topics topics={insights.unanswered} name={open.title} empty={open.empty} colour="bg-warn" />
      </Section>
      <Section title={judged.title} hint={judged.hint} actions={file(judged.title, 'judged')}>
        <Judged items={insights.judged} />
      </Section>
      <Section title={asked.title} hint={asked.hint} actions={file(asked.title, 'asked')}>
        <Topics topics={insights.asked} name={asked.title} empty={asked.empty} colour="bg-accent" />
      </Section>
      <Section title={pages.title} hint={pages.hint} actions={file(pages.title, 'pages')}>
        <Pages items={insights.pages} />
      </Section>
    </div>
  );
}

function Totals({ insights: { totals: found } }: { insights: Insights }) {
  const share = found.asked === 0 ? 0 : Math.round((found.answered / found.asked) * 100);
  const facts: [string, string, string][] = [
    [totals.asked, count(found.asked), ''],
    [totals.answered, `${share} %`, totals.of(count(found.answered), count(found.asked))],
    [totals.unanswered, count(found.unanswered), ''],
    [totals.thumbs, totals.upDown(count(found.thumbs_up), count(found.thumbs_down)), ''],
  ];
  return (
    <dl aria-label={totals.title} className="grid grid-cols-2 gap-3 md:grid-cols-4">
      {facts.map(([name, value, more]) => (
        <div
          key={name}
          className="flex flex-col-reverse justify-end rounded-2 border border-line bg-surface p-3"
        >
          <dt className="text-sm text-ink-2">{name}</dt>
          <dd className="text-lg font-semibold tabular-nums">
            {value}
            {more ? <span className="ms-2 text-sm font-normal text-ink-2">{more}</span> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function File({ of, list, query }: { of: string; list: ListName; query: Record<string, string> }) {
  return (
    <a
      href={exportAddress(list, query)}
      download
      className={buttonLook('quiet')}
      aria-label={words.csvOf(of)}
    >
      <Download size={16} aria-hidden />
      {words.csv}
    </a>
  );
}

function Topics({
  topics,
  name,
  empty,
  colour,
}: {
  topics: readonly AskedTopic[];
  name: string;
  empty: string;
  colour: string;
}) {
  const now_ms = useNow();
  if (topics.length === 0) return <p className="text-ink-2">{empty}</p>;
  const most = topics[0]!.times;
  return (
    <ol aria-label={name} className={listLook}>
      {topics.map(({ question, times, last_at, platforms }) => (
        <li key={question} className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2">
          <span className="min-w-0 flex-1 basis-60 break-words">{shortened(question)}</span>
          <span className="text-sm text-ink-2" title={dateTime(last_at)}>
            {[
              open.times(times, count(times)),
              ...platforms.map((each) => places[each]),
              ago(last_at, now_ms),
            ].join(', ')}
          </span>
          <Share of={times} most={most} colour={colour} />
        </li>
      ))}
    </ol>
  );
}

function Judged({ items }: { items: readonly JudgedAnswer[] }) {
  const now_ms = useNow();
  if (items.length === 0) return <p className="max-w-prose text-ink-2">{judged.empty}</p>;
  return (
    <ol aria-label={judged.title} className={listLook}>
      {items.map(({ id, question, answer, reason, at, platform }) => (
        <li key={id} className="flex min-w-0 flex-col gap-1 px-4 py-2">
          <div className="flex flex-wrap items-baseline gap-x-4">
            <span className="min-w-0 flex-1 basis-60 break-words">{shortened(question)}</span>
            <span className="text-sm text-ink-2" title={dateTime(at)}>
              {places[platform]}, {ago(at, now_ms)}
            </span>
          </div>
          <p className={reason ? 'break-words text-bad' : 'text-sm text-ink-2'}>
            {reason ?? judged.noReason}
          </p>
          <details className="text-sm text-ink-2">
            <summary className="w-fit cursor-pointer underline underline-offset-2">{judged.answer}</summary>
            <p className="mt-1 break-words whitespace-pre-wrap">{answer}</p>
          </details>
        </li>
      ))}
    </ol>
  );
}

function Pages({ items }: { items: readonly CitedPage[] }) {
  if (items.length === 0) return <p className="text-ink-2">{pages.empty}</p>;
  const most = items[0]!.times;
  return (
    <ol aria-label={pages.title} className={listLook}>
      {items.map(({ url, title, times, thumbs_down, source_id }) => (
        <li key={url} className="flex flex-wrap items-baseline gap-x-4 gap-y-0.5 px-4 py-2">
          <span className="min-w-0 flex-1 basis-60 break-words">
            <ExternalLink href={url}>{title || url}</ExternalLink>
          </span>
          <span className="text-sm text-ink-2">
            {[
              pages.cited(times, count(times)),
              ...(thumbs_down > 0 ? [pages.down(thumbs_down)] : []),
              ...(source_id === null ? [pages.gone] : []),
            ].join(', ')}
          </span>
          <Share of={times} most={most} colour="bg-accent" />
        </li>
      ))}
    </ol>
  );
}

/** How much one row is beside the first: the number stands beside it in words. */
function Share({ of, most, colour }: { of: number; most: number; colour: string }) {
  return (
    <span aria-hidden className="h-1 basis-full overflow-hidden rounded-full bg-sunken">
      <span className={`block h-full rounded-full ${colour}`} style={{ width: `${(of / most) * 100}%` }} />
    </span>
  );
}

const LONGEST = 300;

function shortened(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST).trimEnd()}…` : text;
}
