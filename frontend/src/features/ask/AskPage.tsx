import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { History as HistoryIcon, SquarePen } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { Message, Person } from '../../lib/apiTypes';
import { useBots } from '../../lib/bots';
import { uuid7 } from '../../lib/ids';
import { useLiveState } from '../../lib/liveEvents';
import { useUser } from '../../lib/session';
import { useShortcut } from '../../lib/shortcuts';
import { Button, IconButton } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { useTitle } from '../../ui/Page';
import './answer.css';
import { deliver, isOnItsWay, useMessages, useStopRun, useThread, withdraw } from './askApi';
import { Composer } from './Composer';
import { Conversation } from './Conversation';
import { draftKey, useDraft } from './drafts';
import { EmptyAsk } from './EmptyAsk';
import { History } from './History';
import { history, ask as words } from './strings';
import { type UnsentQuestion, unsentOf } from './unsent';
import { useWide } from './useWide';

/** Conversations with the docs. */
export function AskPage() {
  const person = useUser();
  const { threadId = null } = useParams({ strict: false });
  return person ? <PersonsAsk person={person} threadId={threadId} /> : null;
}

function PersonsAsk({ person, threadId }: { person: Person; threadId: string | null }) {
  const navigate = useNavigate();
  const wide = useWide();
  const field = useRef<HTMLTextAreaElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const [historyOpen, setHistoryOpen] = useState(false);
  const [draft, setDraft] = useDraft(draftKey(person.id, threadId));
  const [botId, setBotId] = useState<string | null>(null);
  const { unsent, send, retry, discard } = useQuestions(person.id, threadId);
  const begins = unsent.some((question) => question.begins !== null);
  const title = useThread(threadId ?? '', threadId === null || begins).data?.title;
  const stop = useStop(threadId, begins);
  useTitle(title ?? words.title);

  const beginNew = useCallback(() => {
    setHistoryOpen(false);
    void navigate({ to: '/ask' });
    field.current?.focus();
  }, [navigate]);
  useShortcut('c', beginNew);
  useShortcut('/', () => {
    if (wide) search.current?.focus();
    else setHistoryOpen(true);
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: each conversation opens with the cursor in its field
  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) field.current?.focus({ preventScroll: true });
  }, [threadId]);

  const ask = useCallback(
    (text: string) => {
      const asked = send(text, botId);
      if (asked !== threadId) void navigate({ to: '/ask/$threadId', params: { threadId: asked } });
    },
    [send, botId, threadId, navigate],
  );

  function sendDraft() {
    ask(draft.trim());
    setDraft('');
  }

  const edit = useCallback(
    (question: UnsentQuestion) => {
      discard(question);
      setDraft(question.text);
      field.current?.focus();
    },
    [discard, setDraft],
  );

  const shownHistory = (
    <History
      currentId={threadId}
      searchRef={search}
      onOpened={() => setHistoryOpen(false)}
      onDeleted={(deleted) => {
        if (deleted === threadId) void navigate({ to: '/ask' });
      }}
    />
  );

  return (
    <div className="flex min-w-0">
      {wide ? (
        <aside
          aria-label={history.title}
          className="sticky top-0 flex h-dvh w-64 shrink-0 flex-col gap-3 border-e border-line p-3"
        >
          <Button onClick={beginNew}>
            <SquarePen size={16} aria-hidden />
            {history.begin}
          </Button>
          {shownHistory}
        </aside>
      ) : null}
      <div className="flex min-h-[calc(100dvh-7rem)] min-w-0 flex-1 flex-col md:min-h-dvh">
        {wide ? null : (
          <div className="sticky top-12 z-[5] flex items-center justify-between gap-2 border-b border-line bg-paper px-1 py-0.5 sm:px-5 md:top-0">
            <Button look="quiet" onClick={() => setHistoryOpen(true)}>
              <HistoryIcon size={16} aria-hidden />
              {history.open}
            </Button>
            {threadId === null ? null : (
              <IconButton label={history.begin} onClick={beginNew}>
                <SquarePen size={18} aria-hidden />
              </IconButton>
            )}
          </div>
        )}
        <div className="flex min-w-0 flex-1 flex-col px-4 pt-4 pb-8 sm:px-8 md:pt-8">
          <div className="mx-auto flex w-full min-w-0 max-w-[46rem] flex-1 flex-col">
            {threadId === null ? (
              <EmptyAsk guest={person.role === 'guest'} onAsk={ask} />
            ) : (
              <>
                <h1 className="mb-5 text-lg font-semibold leading-tight break-words">
                  {title ?? history.begin}
                </h1>
                <Conversation
                  key={threadId}
                  threadId={threadId}
                  unsent={unsent}
                  onArrived={discard}
                  onAskAgain={ask}
                  onRetry={retry}
                  onEdit={edit}
                  onDiscard={discard}
                />
              </>
            )}
          </div>
        </div>
        <Composer
          fieldRef={field}
          text={draft}
          onText={setDraft}
          onSend={sendDraft}
          onStop={stop}
          beside={
            threadId === null && person.role !== 'guest' ? (
              <BotChoice botId={botId} onChoose={setBotId} />
            ) : null
          }
        />
      </div>
      {historyOpen && !wide ? (
        <Dialog title={history.title} onClose={() => setHistoryOpen(false)}>
          <div className="flex min-h-[50dvh] flex-col">{shownHistory}</div>
        </Dialog>
      ) : null}
    </div>
  );
}

/** Which bot's prompt, model and sources answer a new conversation; nothing to choose where there is no bot. */
function BotChoice({ botId, onChoose }: { botId: string | null; onChoose: (botId: string | null) => void }) {
  const bots = useBots().data ?? [];
  if (bots.length === 0) return null;
  return (
    <label className="mb-1 flex w-fit max-w-full items-center gap-2 text-sm text-ink-2">
      {words.answersAs}
      <select
        value={botId ?? ''}
        onChange={(event) => onChoose(event.target.value || null)}
        className="min-h-7 min-w-0 rounded-1 border border-line-strong/60 bg-surface px-1.5 text-ink pointer-coarse:min-h-11"
      >
        <option value="">{words.noBot}</option>
        {bots.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Stops the answer that is being written in the thread; null while none is. */
function useStop(threadId: string | null, begins: boolean): (() => void) | null {
  const messages = useMessages(threadId ?? '', threadId === null || begins).data ?? [];
  const { mutate } = useStopRun();
  const runId = messages.findLast(isBeingWritten)?.run_id ?? null;
  return runId === null ? null : () => mutate(runId);
}

function isBeingWritten({ role, status }: Message): boolean {
  return role === 'assistant' && status === 'pending';
}

/** The questions of one conversation that are not on the server yet, and what can be done with them. */
function useQuestions(personId: string, threadId: string | null) {
  const client = useQueryClient();
  const live = useLiveState();
  const store = unsentOf(personId);
  const all = useSyncExternalStore(store.subscribe, store.current);
  const unsent = useMemo(() => all.filter((question) => question.threadId === threadId), [all, threadId]);

  const retry = useCallback(
    (question: UnsentQuestion) => void deliver(client, personId, question),
    [client, personId],
  );
  const discard = useCallback((question: UnsentQuestion) => withdraw(personId, question), [personId]);
  const send = useCallback(
    (text: string, botId: string | null): string => {
      const question: UnsentQuestion = {
        id: uuid7(),
        threadId: threadId ?? uuid7(),
        begins: threadId === null ? { botId } : null,
        text,
        at: new Date().toISOString(),
        problem: null,
        mayPass: true,
      };
      store.put(question);
      void deliver(client, personId, question);
      return question.threadId;
    },
    [client, personId, store, threadId],
  );

  // Once Roost is back, or after a reload, what did not arrive goes out by itself: its id makes that safe.
  useEffect(() => {
    if (live !== 'open') return;
    for (const question of store.current()) {
      if (question.mayPass && !isOnItsWay(question.id)) void deliver(client, personId, question);
    }
  }, [live, store, client, personId]);

  return { unsent, send, retry, discard };
}
