import { Check, CircleAlert, Copy, Info, RotateCcw } from 'lucide-react';
import { memo, type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import type { Citation, Message } from '../../lib/apiTypes';
import { useCopy } from '../../lib/useCopy';
import { Button, IconButton } from '../../ui/Button';
import { AnswerText } from './AnswerText';
import { CitationPopover } from './CitationPopover';
import { useThumbs } from './Feedback';
import type { ShownRun } from './runReader';
import { Sources } from './Sources';
import { answer as words } from './strings';
import { useRun } from './useAnswer';

const SPOKEN_MOST = 600;

/** One answer: while it is written, and as it is kept. */
export const Answer = memo(function Answer({
  message,
  onAskAgain,
}: {
  message: Message;
  /** Asks the same question anew; null where there is none. */
  onAskAgain: ((answerId: string) => void) | null;
}) {
  const { run, reopen } = useRun(message);
  const [opened, setOpened] = useState<{ citation: Citation; mark: HTMLElement } | null>(null);
  const onCite = useCallback((citation: Citation, mark: HTMLElement) => setOpened({ citation, mark }), []);
  const wasWritten = useRef(message.status === 'pending');
  const close = useCallback(() => setOpened(null), []);

  const text = run ? run.text : message.text;
  const citations = run ? run.citations : message.citations;
  const failed = message.status === 'failed' || run?.phase === 'failed';
  const finished = !run && message.status !== 'pending';
  const sites = message.refused ? null : citations.map(({ url }) => url);

  return (
    <article className="min-w-0" aria-busy={!finished && !failed}>
      {message.refused && text === '' ? <p>{words.docsDontSay}</p> : null}
      {text === '' ? null : <AnswerText text={text} citations={citations} sites={sites} onCite={onCite} />}
      {run && !failed ? <Progress run={run} onReopen={reopen} /> : null}
      {message.status === 'stopped' ? <Note>{text === '' ? words.stoppedEmpty : words.stopped}</Note> : null}
      {message.notice && !failed && !text.includes(message.notice) ? <Note>{message.notice}</Note> : null}
      {failed ? (
        <Failure
          sentence={run?.error ?? message.notice ?? words.failed}
          onAskAgain={onAskAgain && (() => onAskAgain(message.id))}
        />
      ) : null}
      {finished && !failed ? (
        <>
          {message.refused ? (
            <Sources title={words.nearest} citations={unnamed(message)} numbered={false} />
          ) : (
            <Sources title={words.sources} citations={message.citations} numbered />
          )}
          <Actions message={message} onAskAgain={onAskAgain} />
        </>
      ) : null}
      {opened ? <CitationPopover key={opened.citation.n} {...opened} onClose={close} /> : null}
      {wasWritten.current ? <Spoken text={spoken(message, run)} /> : null}
    </article>
  );
});

/** Markdown without its signs, to be said. */
function plain(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[*_`#>|]/g, '');
}

/** The nearest pages of a refusal that its own text does not link to. */
function unnamed({ text, nearest }: Message): readonly Citation[] {
  return nearest.filter(({ url }) => !text.includes(url));
}

const SPOKEN_MS = 10_000;

/** Words for screen readers; they go once they were said, so that no search in the page finds them. */
function Spoken({ text }: { text: string }) {
  const [said, setSaid] = useState<string | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setSaid(text), SPOKEN_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <p role="status" className="sr-only">
      {said === text ? '' : text}
    </p>
  );
}

/** What is said aloud: where the answer stands, then its words once they are all there; never word by word. */
function spoken(message: Message, run: ShownRun | null): string {
  if (message.status === 'failed') return '';
  if (message.status !== 'pending') return words.ready(plain(message.text).slice(0, SPOKEN_MOST));
  return run?.phase === 'writing' ? words.writing : words.looking;
}

function Progress({ run, onReopen }: { run: ShownRun; onReopen: () => void }) {
  if (run.refused) {
    return (
      <div className="flex flex-wrap items-center gap-3">
        <p role="alert">
          {words.lost} {run.refused.message}
        </p>
        <Button onClick={onReopen}>{words.tryAgain}</Button>
      </div>
    );
  }
  if (run.connection === 'waiting') return <Note>{run.interrupted ? words.restarting : words.cut}</Note>;
  if (run.interrupted) return <Note>{words.again}</Note>;
  if (run.text !== '') return null;
  return (
    <p className="flex items-center gap-2.5 text-ink-2">
      <span aria-hidden className="size-2 animate-pulse rounded-full bg-accent" />
      {run.phase === 'writing' ? words.writing : words.looking}
    </p>
  );
}

function Note({ children }: { children: ReactNode }) {
  return (
    <p className="my-2 flex items-start gap-2 text-sm text-ink-2">
      <Info size={15} aria-hidden className="mt-0.5 shrink-0" />
      <span className="min-w-0">{children}</span>
    </p>
  );
}

function Failure({ sentence, onAskAgain }: { sentence: string; onAskAgain: (() => void) | null }) {
  return (
    <div role="alert" className="my-2 flex flex-wrap items-center gap-3 rounded-2 bg-bad-soft px-4 py-3">
      <CircleAlert size={18} aria-hidden className="shrink-0 text-bad" />
      <p className="min-w-0 flex-1 basis-56">{sentence}</p>
      {onAskAgain ? (
        <Button onClick={onAskAgain}>
          <RotateCcw size={16} aria-hidden />
          {words.retry}
        </Button>
      ) : null}
    </div>
  );
}

function Actions({
  message,
  onAskAgain,
}: {
  message: Message;
  onAskAgain: ((answerId: string) => void) | null;
}) {
  const thumbs = useThumbs(message);
  return (
    <div className="mt-1">
      <div className="-ms-2.5 flex flex-wrap items-center">
        <CopyButton message={message} />
        {thumbs.buttons}
        {onAskAgain ? (
          <IconButton label={words.retry} onClick={() => onAskAgain(message.id)}>
            <RotateCcw size={16} aria-hidden />
          </IconButton>
        ) : null}
        <Author message={message} />
      </div>
      {thumbs.form}
      {thumbs.note}
    </div>
  );
}

/** Who made the answer. A refusal or a greeting quotes nothing, so nobody is named. */
function Author({ message }: { message: Message }) {
  if (message.model !== null)
    return <span className="ms-2 text-sm text-ink-2">{words.model(message.model)}</span>;
  if (message.refused || message.citations.length === 0) return null;
  return (
    <span className="ms-2 text-sm text-ink-2" title={words.quotedHint}>
      {words.quoted}
    </span>
  );
}

function CopyButton({ message }: { message: Message }) {
  const { copied, copy } = useCopy();
  const copyAnswer = () => {
    const sources = message.citations.map(
      ({ n, title, url }) => `[${n}] ${title}: ${new URL(url, location.origin).href}`,
    );
    void copy([message.text, ...(sources.length > 0 ? ['', ...sources] : [])].join('\n'));
  };
  return (
    <>
      <IconButton label={copied ? words.copied : words.copy} onClick={copyAnswer}>
        {copied ? <Check size={16} aria-hidden className="text-ok" /> : <Copy size={16} aria-hidden />}
      </IconButton>
      <span role="status" className="sr-only">
        {copied ? words.copied : ''}
      </span>
    </>
  );
}
