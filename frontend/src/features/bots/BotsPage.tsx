import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useRef, useState } from 'react';
import { UnreachableError } from '../../lib/apiClient';
import { useBots } from '../../lib/bots';
import { useListShortcuts, useShortcut } from '../../lib/shortcuts';
import { Button } from '../../ui/Button';
import { Page } from '../../ui/Page';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import { AddBotDialog } from './AddBotDialog';
import { BotRow } from './BotRow';
import { words } from './strings';
import { summary } from './summary';

/** From this many bots on a filter is worth its place. */
const FILTER_FROM = 8;

export function BotsPage() {
  const navigate = useNavigate();
  const { add } = useSearch({ from: '/' });
  const setAdding = (open: boolean) => void navigate({ to: '/', search: open ? { add: true } : {} });
  useShortcut('c', () => setAdding(true));
  return (
    <Page
      title={words.title}
      actions={
        <Button look="primary" onClick={() => setAdding(true)}>
          <Plus size={16} aria-hidden />
          {words.add}
        </Button>
      }
    >
      <BotList onAdd={() => setAdding(true)} />
      {add ? <AddBotDialog onClose={() => setAdding(false)} /> : null}
    </Page>
  );
}

function BotList({ onAdd }: { onAdd: () => void }) {
  const bots = useBots();
  const list = useRef<HTMLUListElement>(null);
  const filter = useRef<HTMLInputElement>(null);
  const [text, setText] = useState('');
  useListShortcuts(list);
  useShortcut('/', () => filter.current?.focus());

  if (!bots.data) {
    return bots.error ? (
      <FailedState error={bots.error} onRetry={() => void bots.refetch()} />
    ) : (
      <LoadingState />
    );
  }
  if (bots.data.length === 0) {
    return (
      <EmptyState
        action={
          <Button look="primary" onClick={onAdd}>
            <Plus size={16} aria-hidden />
            {words.add}
          </Button>
        }
      >
        {words.empty} {words.emptyOther}{' '}
        <Link to="/knowledge" className="text-accent underline underline-offset-2">
          {words.toKnowledge}
        </Link>
        .
      </EmptyState>
    );
  }
  const wanted = text.trim().toLowerCase();
  const shown = bots.data.filter(({ name, handle }) => `${name} ${handle}`.toLowerCase().includes(wanted));
  return (
    <>
      {bots.error && !(bots.error instanceof UnreachableError) ? (
        <FailedState error={bots.error} onRetry={() => void bots.refetch()} />
      ) : null}
      <p role="status">{summary(bots.data)}</p>
      {bots.data.length >= FILTER_FROM ? (
        <input
          ref={filter}
          type="search"
          aria-label={words.filter}
          placeholder={words.filter}
          value={text}
          onChange={(event) => setText(event.target.value)}
          className="min-h-9 w-full max-w-xs rounded-1 border border-line-strong bg-surface px-3 placeholder:text-ink-3 pointer-coarse:min-h-11"
        />
      ) : null}
      {shown.length > 0 ? (
        <ul
          ref={list}
          aria-label={words.list}
          className="divide-y divide-line overflow-clip rounded-2 border border-line bg-surface"
        >
          {shown.map((bot) => (
            <BotRow key={bot.id} bot={bot} />
          ))}
        </ul>
      ) : (
        <p className="text-ink-2">{words.nothing(text)}</p>
      )}
    </>
  );
}
