import { Link } from '@tanstack/react-router';
import { Ellipsis, FileJson, FileText, Pencil, Search, Trash2 } from 'lucide-react';
import { type FormEvent, type RefObject, useDeferredValue, useEffect, useId, useRef, useState } from 'react';
import type { Thread } from '../../lib/apiTypes';
import { useListShortcuts } from '../../lib/shortcuts';
import { Button } from '../../ui/Button';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { Dialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';
import { Menu } from '../../ui/Menu';
import { FailedState, LoadingState } from '../../ui/States';
import { exportThread, useDeleteThread, useRenameThread, useThreads } from './askApi';
import { history as words } from './strings';

const LONGEST_TITLE = 200;
const LONGEST_SEARCH = 200;
const TYPING_MS = 200;

type Doing = { what: 'rename' | 'remove'; thread: Thread };

/** A person's conversations, with a search over titles and texts. */
export function History({
  currentId,
  searchRef,
  onOpened,
  onDeleted,
}: {
  currentId: string | null;
  searchRef: RefObject<HTMLInputElement | null>;
  onOpened?: () => void;
  onDeleted: (threadId: string) => void;
}) {
  const [typed, setTyped] = useState('');
  const search = useDeferredValue(useSettled(typed.trim()));
  const threads = useThreads(search);
  const list = useRef<HTMLUListElement>(null);
  const [doing, setDoing] = useState<Doing | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useListShortcuts(list);

  const items = threads.data?.pages.flatMap((page) => page.items) ?? [];

  async function save(threadId: string, format: 'md' | 'json') {
    setProblem(null);
    try {
      await exportThread(threadId, format);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : words.exportFailed);
    }
  }

  return (
    <div className="flex min-h-0 flex-1 flex-col gap-2">
      <div className="relative">
        <Search size={16} aria-hidden className="absolute start-2.5 top-1/2 -translate-y-1/2 text-ink-2" />
        <input
          ref={searchRef}
          type="search"
          aria-label={words.search}
          placeholder={words.search}
          maxLength={LONGEST_SEARCH}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape' || typed === '') return;
            event.preventDefault();
            setTyped('');
          }}
          className="min-h-9 w-full rounded-1 border border-line-strong/60 bg-surface ps-8 pe-2 placeholder:text-ink-3 pointer-coarse:min-h-11"
        />
      </div>
      {problem ? (
        <p role="alert" className="text-sm text-bad">
          {problem}
        </p>
      ) : null}
      {threads.error && !threads.data ? (
        <FailedState error={threads.error} onRetry={() => void threads.refetch()} />
      ) : threads.isPending ? (
        <LoadingState rows={4} />
      ) : items.length === 0 ? (
        <p role="status" className="px-1 text-sm text-ink-2">
          {search === '' ? words.none : words.nothing(search)}
        </p>
      ) : (
        <ul ref={list} aria-label={words.title} className="-mx-1 min-h-0 flex-1 overflow-y-auto px-1">
          {items.map((thread) => (
            <Row
              key={thread.id}
              thread={thread}
              current={thread.id === currentId}
              onOpened={onOpened}
              onDo={(what) => setDoing({ what, thread })}
              onExport={(format) => void save(thread.id, format)}
            />
          ))}
          {threads.hasNextPage ? (
            <li className="py-1">
              <Button
                look="quiet"
                disabled={threads.isFetchingNextPage}
                onClick={() => void threads.fetchNextPage()}
              >
                {words.more}
              </Button>
            </li>
          ) : null}
        </ul>
      )}
      {doing?.what === 'rename' ? <Rename thread={doing.thread} onClose={() => setDoing(null)} /> : null}
      {doing?.what === 'remove' ? (
        <Remove thread={doing.thread} onClose={() => setDoing(null)} onDeleted={onDeleted} />
      ) : null}
    </div>
  );
}

function Row({
  thread,
  current,
  onOpened,
  onDo,
  onExport,
}: {
  thread: Thread;
  current: boolean;
  onOpened: (() => void) | undefined;
  onDo: (what: Doing['what']) => void;
  onExport: (format: 'md' | 'json') => void;
}) {
  return (
    <li className={`group flex items-center rounded-1 hover:bg-sunken ${current ? 'bg-accent-soft' : ''}`}>
      <Link
        to="/ask/$threadId"
        params={{ threadId: thread.id }}
        data-row
        onClick={onOpened}
        className="flex min-h-9 min-w-0 flex-1 flex-col justify-center py-1 ps-2.5 pointer-coarse:min-h-11"
      >
        <span className="truncate" title={thread.title}>
          {thread.title}
        </span>
        {thread.snippet ? <span className="line-clamp-2 text-sm text-ink-2">{thread.snippet}</span> : null}
      </Link>
      <Menu
        label={words.menu(thread.title)}
        className="opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100"
        items={[
          { label: words.rename, icon: <Pencil size={16} aria-hidden />, onSelect: () => onDo('rename') },
          { label: words.markdown, icon: <FileText size={16} aria-hidden />, onSelect: () => onExport('md') },
          { label: words.json, icon: <FileJson size={16} aria-hidden />, onSelect: () => onExport('json') },
          {
            label: words.remove,
            icon: <Trash2 size={16} aria-hidden />,
            onSelect: () => onDo('remove'),
            danger: true,
          },
        ]}
      >
        <Ellipsis size={16} aria-hidden />
      </Menu>
    </li>
  );
}

function Rename({ thread, onClose }: { thread: Thread; onClose: () => void }) {
  const formId = useId();
  const write = useRenameThread();
  const [title, setTitle] = useState(thread.title);
  function submit(event: FormEvent) {
    event.preventDefault();
    const next = title.trim();
    if (next === '' || write.isPending) return;
    if (next === thread.title) onClose();
    else write.mutate({ id: thread.id, title: next }, { onSuccess: onClose });
  }
  return (
    <Dialog
      title={words.rename}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" onClick={onClose}>
            {words.cancel}
          </Button>
          <Button
            look="primary"
            type="submit"
            form={formId}
            disabled={title.trim() === '' || write.isPending}
          >
            {words.save}
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={submit}>
        <TextField
          label={words.name}
          autoFocus
          autoComplete="off"
          maxLength={LONGEST_TITLE}
          value={title}
          error={write.error?.message}
          onChange={(event) => setTitle(event.target.value)}
          onFocus={(event) => event.target.select()}
        />
      </form>
    </Dialog>
  );
}

function Remove({
  thread,
  onClose,
  onDeleted,
}: {
  thread: Thread;
  onClose: () => void;
  onDeleted: (threadId: string) => void;
}) {
  const write = useDeleteThread();
  function remove() {
    write.mutate(thread.id, {
      onSuccess: () => {
        onClose();
        onDeleted(thread.id);
      },
    });
  }
  return (
    <ConfirmDialog
      title={words.removeTitle}
      what={words.removeWhat(thread.title)}
      submitLabel={words.remove}
      cancelLabel={words.keep}
      busy={write.isPending}
      error={write.error}
      onSubmit={remove}
      onClose={onClose}
    />
  );
}

/** What was typed, once the typing pauses. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
