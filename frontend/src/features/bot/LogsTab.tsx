import { ArrowDown, Download } from 'lucide-react';
import { memo, useCallback, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { Bot, LogLevel, LogLine } from '../../lib/apiTypes';
import { useShortcut } from '../../lib/shortcuts';
import { count } from '../../lib/time';
import { Button } from '../../ui/Button';
import { Checkbox } from '../../ui/Field';
import { FailedState, LoadingState } from '../../ui/States';
import { asText, keyOf, matching, shownTime } from './logTail';
import { logs as words } from './strings';
import { useLogTail } from './useLogTail';

/** How near to the end counts as being there. */
const END_PX = 24;

const levels = Object.keys(words.levels) as LogLevel[];

export function LogsTab({ bot }: { bot: Bot }) {
  const { tail, loading, error, retry } = useLogTail(bot.id);
  const [level, setLevel] = useState<LogLevel>('info');
  const [text, setText] = useState('');
  const [wrap, setWrap] = useState(true);
  const search = useRef<HTMLInputElement>(null);
  useShortcut('/', () => search.current?.focus());
  const lines = useMemo(() => matching(tail.lines, level, text), [tail.lines, level, text]);

  return (
    <section aria-label={words.label} className="flex min-w-0 flex-col gap-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <select
          aria-label={words.level}
          value={level}
          onChange={(event) => setLevel(event.target.value as LogLevel)}
          className="min-h-9 rounded-1 border border-line-strong bg-surface px-2 pointer-coarse:min-h-11"
        >
          {levels.map((each) => (
            <option key={each} value={each}>
              {words.levels[each]}
            </option>
          ))}
        </select>
        <input
          ref={search}
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="min-h-9 min-w-0 flex-1 basis-40 rounded-1 border border-line-strong bg-surface px-3 placeholder:text-ink-3 pointer-coarse:min-h-11"
        />
        <Checkbox label={words.wrap} checked={wrap} onChange={(event) => setWrap(event.target.checked)} />
        <Button look="plain" disabled={lines.length === 0} onClick={() => download(bot, lines)}>
          <Download size={15} aria-hidden />
          {words.download}
        </Button>
      </div>
      {error ? <FailedState error={error} onRetry={retry} /> : null}
      {tail.dropped > 0 ? <p className="text-sm text-warn">{words.dropped(tail.dropped)}</p> : null}
      {loading ? <LoadingState rows={4} /> : <Lines lines={lines} wrap={wrap} any={tail.lines.length > 0} />}
    </section>
  );
}

function Lines({ lines, wrap, any }: { lines: readonly LogLine[]; wrap: boolean; any: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const [follows, setFollows] = useState(true);
  const [seen, setSeen] = useState(0);

  const toEnd = useCallback(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
    setFollows(true);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: every change of the lines moves the end
  useLayoutEffect(() => {
    if (follows) toEnd();
  }, [lines, wrap, follows, toEnd]);

  function onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = box.current!;
    const atEnd = scrollHeight - scrollTop - clientHeight <= END_PX;
    if (!atEnd && follows) setSeen(lines.length);
    setFollows(atEnd);
  }

  const fresh = Math.max(0, lines.length - seen);
  return (
    <div className="relative">
      <div
        ref={box}
        role="log"
        aria-live="off"
        aria-label={words.label}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must be able to scroll it
        tabIndex={0}
        onScroll={onScroll}
        className="h-[min(60dvh,36rem)] overflow-auto rounded-2 border border-line bg-sunken py-2 font-mono text-sm leading-6"
      >
        {lines.length === 0 ? (
          <p className="px-4 py-2 font-sans text-base text-ink-2">{any ? words.noMatch : words.empty}</p>
        ) : (
          lines.map((line) => <Line key={keyOf(line)} line={line} wrap={wrap} />)
        )}
      </div>
      {follows || lines.length === 0 ? null : (
        <Button look="primary" onClick={toEnd} className="absolute end-4 bottom-4 shadow-float">
          <ArrowDown size={15} aria-hidden />
          {fresh > 0 ? words.jumpNew(fresh) : words.jump}
        </Button>
      )}
    </div>
  );
}

const levelColours: Record<LogLevel, string> = {
  debug: 'text-ink-3',
  info: 'text-ink-2',
  warning: 'text-warn',
  error: 'text-bad',
};

const Line = memo(function Line({ line, wrap }: { line: LogLine; wrap: boolean }) {
  return (
    <div
      className={`flex gap-x-3 px-4 [content-visibility:auto] [contain-intrinsic-height:auto_24px] ${wrap ? 'flex-wrap sm:flex-nowrap' : 'w-max min-w-full'}`}
    >
      <time dateTime={line.at} title={line.at} className="shrink-0 text-ink-3 tabular-nums">
        {shownTime(line)}
      </time>
      <span className={`w-16 shrink-0 ${levelColours[line.level]}`}>{line.level}</span>
      <span
        className={
          wrap ? 'min-w-0 basis-full break-words whitespace-pre-wrap sm:flex-1 sm:basis-0' : 'whitespace-pre'
        }
      >
        {line.text}
      </span>
    </div>
  );
});

function download(bot: Bot, lines: readonly LogLine[]): void {
  const url = URL.createObjectURL(new Blob([asText(lines)], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${bot.handle}-${count(lines.length)}-lines.log`;
  link.click();
  // The browser has taken the file by the next task.
  setTimeout(() => URL.revokeObjectURL(url));
}
