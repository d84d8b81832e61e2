import { BookOpen, Bot, Database, type LucideIcon, PenLine } from 'lucide-react';
import type { ReactNode } from 'react';
import type { InstallationStatus } from '../../lib/apiTypes';
import { count } from '../../lib/time';
import { picture as words } from './strings';

type Health = 'ok' | 'busy' | 'trouble' | 'none';

const edges: Record<Health, string> = {
  ok: 'border-ok/60',
  busy: 'border-info/60',
  trouble: 'border-bad/60',
  none: 'border-dashed border-line-strong/60',
};

const tints: Record<Health, string> = {
  ok: 'bg-ok-soft text-ok',
  busy: 'bg-info-soft text-info',
  trouble: 'bg-bad-soft text-bad',
  none: 'bg-idle-soft text-idle',
};

/** The way from the docs to the people, each station in the colour of its state; a gap where nothing can pass. */
export function Picture({ status, sourceCount }: { status: InstallationStatus; sourceCount: number | null }) {
  const { bots, knowledge, model } = status;
  const botCount = Object.values(bots).reduce((sum, each) => sum + each, 0);
  const hasPages = knowledge.pages > 0;
  const botHealth: Health =
    bots.crashed > 0 || bots.degraded > 0
      ? 'trouble'
      : bots.starting > 0
        ? 'busy'
        : bots.running > 0
          ? 'ok'
          : 'none';
  return (
    <ol aria-label={words.label} className="flex flex-col md:flex-row md:items-stretch">
      <Station
        icon={BookOpen}
        title={words.sources}
        health={knowledge.stage !== 'idle' ? 'busy' : hasPages ? 'ok' : 'none'}
      >
        {hasPages ? (
          <>
            {words.pages(knowledge.pages, count(knowledge.pages))}
            {sourceCount === null ? null : (
              <>
                <br />
                {words.from(sourceCount, count(sourceCount))}
              </>
            )}
          </>
        ) : (
          words.noSources
        )}
      </Station>
      <Way open={hasPages} />
      <Station
        icon={Database}
        title={words.index}
        health={knowledge.ready ? (knowledge.vectors < knowledge.chunks ? 'busy' : 'ok') : 'none'}
      >
        {knowledge.chunks > 0 ? (
          <>
            {words.indexNow(count(knowledge.chunks))}
            <br />
            {words.vectors(share(knowledge.vectors, knowledge.chunks))}
          </>
        ) : (
          words.noIndex
        )}
      </Station>
      <Way open={knowledge.ready} />
      <Station icon={PenLine} title={words.answers} health={knowledge.ready ? 'ok' : 'none'}>
        {model === null ? <span title={words.quotedHint}>{words.quoted}</span> : words.written(model)}
      </Station>
      <Way open={knowledge.ready} />
      <Station icon={Bot} title={words.people} health={botHealth === 'none' ? 'ok' : botHealth}>
        {words.page}
        <br />
        {botCount > 0 ? words.bots(count(bots.running), count(botCount)) : words.noBots}
      </Station>
    </ol>
  );
}

function Station({
  icon: Icon,
  title,
  health,
  children,
}: {
  icon: LucideIcon;
  title: string;
  health: Health;
  children: ReactNode;
}) {
  return (
    <li className={`min-w-0 flex-1 rounded-2 border bg-surface p-3 ${edges[health]}`}>
      <div className="flex items-center gap-2">
        <span
          className={`inline-flex size-7 shrink-0 items-center justify-center rounded-full ${tints[health]}`}
        >
          <Icon size={15} aria-hidden />
        </span>
        <h2 className="font-medium">{title}</h2>
      </div>
      <p className="mt-2 text-sm break-words text-ink-2 tabular-nums">{children}</p>
    </li>
  );
}

function Way({ open }: { open: boolean }) {
  return (
    <li aria-hidden className="flex items-center justify-center">
      <svg
        aria-hidden="true"
        viewBox="0 0 24 24"
        className={`size-6 rotate-90 md:rotate-0 ${open ? 'text-line-strong' : 'text-line'}`}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        {open ? <path d="M3 12h17M15 7l5 5-5 5" /> : <path d="M3 12h3M10.5 12h3M18 12h3" />}
      </svg>
    </li>
  );
}

/** Whole per cent; 100 only when nothing is missing. */
function share(part: number, whole: number): string {
  const rounded = part >= whole ? 100 : Math.min(99, Math.floor((part / whole) * 100));
  return `${rounded} %`;
}
