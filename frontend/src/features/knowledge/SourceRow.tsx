import { Clock, Ellipsis, Pause, Play, RefreshCw, Trash2, TriangleAlert, X } from 'lucide-react';
import { type FormEvent, useId, useState } from 'react';
import type { Source } from '../../lib/apiTypes';
import { ago, count, dateTime, useNow } from '../../lib/time';
import { Button } from '../../ui/Button';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { Dialog } from '../../ui/Dialog';
import { SelectField } from '../../ui/Field';
import { Menu } from '../../ui/Menu';
import { FailedState } from '../../ui/States';
import { useChangeSource, useCrawl, useRemoveSource } from './knowledgeApi';
import { type PagesShown, SourcePages } from './SourcePages';
import { StageBar } from './StageBar';
import { pagesText, periodText, progressText, sourceName, untilText } from './sourceText';
import { kinds, stages, source as words } from './strings';

type Open = { what: 'pages'; show: PagesShown } | { what: 'period' } | { what: 'remove' };

/** One source: what it is, how its crawl stands, and what can be done about it. */
export function SourceRow({ source }: { source: Source }) {
  const name = sourceName(source);
  const [open, setOpen] = useState<Open | null>(null);
  const crawl = useCrawl(source.id, 'crawl');
  const cancel = useCrawl(source.id, 'cancel');
  const change = useChangeSource(source.id);
  const running = source.stage !== 'idle';
  const crawling = running && source.stage !== 'embedding';
  const problem = crawl.error ?? cancel.error ?? change.error;
  const close = () => setOpen(null);

  return (
    <li className="flex flex-col gap-1.5 py-2.5 ps-4 pe-2">
      <div className="flex items-start gap-2">
        <div className="flex min-h-9 min-w-0 flex-1 flex-wrap content-center items-baseline gap-x-3 gap-y-0.5 pointer-coarse:min-h-11">
          <h3 className="min-w-0 font-medium break-all">
            {source.url === null ? (
              name
            ) : (
              <a
                href={source.url}
                target="_blank"
                rel="noopener noreferrer"
                data-row
                className="underline-offset-2 hover:underline"
              >
                {name}
              </a>
            )}
          </h3>
          {source.kind === 'manual' ? null : <span className="text-sm text-ink-2">{kinds[source.kind]}</span>}
        </div>
        <div className="flex shrink-0 items-center">
          {crawling ? (
            <Button look="quiet" disabled={cancel.isPending} onClick={() => cancel.mutate(undefined)}>
              <X size={16} aria-hidden />
              {words.cancel}
            </Button>
          ) : (
            <Button look="quiet" disabled={crawl.isPending} onClick={() => crawl.mutate(undefined)}>
              <RefreshCw size={16} aria-hidden />
              {words.resync}
            </Button>
          )}
          <Menu
            label={words.menu(name)}
            items={[
              source.paused
                ? {
                    label: words.resume,
                    icon: <Play size={16} aria-hidden />,
                    onSelect: () => change.mutate({ paused: false }),
                  }
                : {
                    label: words.pause,
                    icon: <Pause size={16} aria-hidden />,
                    onSelect: () => change.mutate({ paused: true }),
                  },
              {
                label: words.period,
                icon: <Clock size={16} aria-hidden />,
                onSelect: () => setOpen({ what: 'period' }),
              },
              {
                label: words.remove,
                icon: <Trash2 size={16} aria-hidden />,
                onSelect: () => setOpen({ what: 'remove' }),
                danger: true,
              },
            ]}
          >
            <Ellipsis size={16} aria-hidden />
          </Menu>
        </div>
      </div>
      {running ? (
        <div className="pe-2">
          <StageBar source={source} />
        </div>
      ) : null}
      <Facts source={source} onShow={(show) => setOpen({ what: 'pages', show })} />
      {source.reason ? (
        <p className="flex items-start gap-2 text-sm">
          <TriangleAlert size={15} aria-hidden className="mt-0.5 shrink-0 text-warn" />
          <span className="min-w-0 break-words">{source.reason}</span>
        </p>
      ) : null}
      {problem ? <FailedState error={problem} /> : null}
      {open?.what === 'pages' ? <SourcePages source={source} show={open.show} onClose={close} /> : null}
      {open?.what === 'period' ? <Period source={source} onClose={close} /> : null}
      {open?.what === 'remove' ? <Remove source={source} onClose={close} /> : null}
    </li>
  );
}

const inline =
  'inline-flex min-h-6 items-center underline decoration-dotted underline-offset-4 hover:decoration-solid pointer-coarse:min-h-11';

/** One line: "Reading 41 of 120, 3 failed", or "120 pages, 3 failed · Last read 5 minutes ago, next in 4 minutes". */
function Facts({ source, onShow }: { source: Source; onShow: (show: PagesShown) => void }) {
  const now_ms = useNow();
  const running = source.stage !== 'idle';
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-0.5 text-sm text-ink-2 tabular-nums">
      <p className="flex flex-wrap items-center">
        {running ? (
          <span className="text-ink">
            {stages[source.stage]} · {progressText(source)}
          </span>
        ) : (
          <button type="button" className={inline} onClick={() => onShow('all')}>
            {pagesText(source.pages)}
          </button>
        )}
        {source.failed > 0 ? (
          <>
            <span aria-hidden className="me-1.5">
              ,
            </span>
            <button
              type="button"
              className={`${inline} font-medium text-bad`}
              onClick={() => onShow('failed')}
            >
              {words.failed(count(source.failed))}
            </button>
          </>
        ) : null}
      </p>
      <p title={source.last_success_at === null ? undefined : dateTime(source.last_success_at)}>
        {source.last_success_at === null
          ? running
            ? null
            : words.never
          : words.success(ago(source.last_success_at, now_ms))}
      </p>
      {source.paused ? (
        <p className="flex items-center gap-1 font-medium text-warn">
          <Pause size={14} aria-hidden />
          {words.paused}
        </p>
      ) : running ? null : (
        <p>
          {words.every(periodText(source.every_s))}
          {source.next_at === null ? null : `, ${words.next(untilText(source.next_at, now_ms))}`}
        </p>
      )}
    </div>
  );
}

function Period({ source, onClose }: { source: Source; onClose: () => void }) {
  const formId = useId();
  const write = useChangeSource(source.id);
  const [every_s, setEvery] = useState(source.every_s);
  const listed = words.periods.some(([seconds]) => seconds === source.every_s);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (every_s === source.every_s) onClose();
    else write.mutate({ every_s }, { onSuccess: onClose });
  }
  return (
    <Dialog
      title={words.periodTitle}
      onClose={onClose}
      footer={
        <Button look="primary" type="submit" form={formId} disabled={write.isPending}>
          {words.save}
        </Button>
      }
    >
      <form id={formId} onSubmit={submit}>
        <SelectField
          label={words.periodLabel}
          value={every_s}
          error={write.error?.message}
          onChange={(event) => setEvery(Number(event.target.value))}
        >
          {listed ? null : (
            <option value={source.every_s}>{words.otherPeriod(periodText(source.every_s))}</option>
          )}
          {words.periods.map(([seconds, label]) => (
            <option key={seconds} value={seconds}>
              {label}
            </option>
          ))}
        </SelectField>
      </form>
    </Dialog>
  );
}

function Remove({ source, onClose }: { source: Source; onClose: () => void }) {
  const write = useRemoveSource();
  return (
    <ConfirmDialog
      title={words.removeTitle}
      what={words.removeWhat(sourceName(source), pagesText(source.pages))}
      submitLabel={words.remove}
      cancelLabel={words.keep}
      busy={write.isPending}
      error={write.error}
      onSubmit={() => write.mutate(source.id, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}
