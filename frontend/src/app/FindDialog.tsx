import { useNavigate } from '@tanstack/react-router';
import { Bot, Plus } from 'lucide-react';
import { useId, useLayoutEffect, useRef, useState } from 'react';
import type { Person } from '../lib/apiTypes';
import { useBots } from '../lib/bots';
import { pagesFor } from './navigation';
import { find, frame } from './strings';

interface Found {
  id: string;
  label: string;
  kind: string;
  icon: typeof Bot;
  open: () => void;
}

/** Ctrl-K: one field over pages, bots and actions. */
export function FindDialog({ user, onClose }: { user: Person; onClose: () => void }) {
  const ref = useRef<HTMLDialogElement>(null);
  const listId = useId();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const found = useFound(user).filter(({ label }) => label.toLowerCase().includes(text.trim().toLowerCase()));
  const chosen = Math.min(at, found.length - 1);

  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);

  const open = (index: number) => {
    const choice = found[index];
    if (!choice) return;
    onClose();
    choice.open();
  };

  function onKeyDown(event: React.KeyboardEvent) {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      const next = (chosen + step + found.length) % found.length;
      setAt(next);
      document.getElementById(`${listId}-${next}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      open(chosen);
    }
  }

  return (
    <dialog
      ref={ref}
      aria-label={find.title}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
      onKeyDown={(event) => event.stopPropagation()}
      className="mx-auto mt-[12dvh] mb-auto w-[calc(100vw-2rem)] max-w-lg overflow-hidden rounded-2 border border-line bg-surface p-0 text-ink shadow-float backdrop:bg-black/40"
    >
      <input
        role="combobox"
        aria-label={find.title}
        aria-expanded={found.length > 0}
        aria-controls={listId}
        aria-activedescendant={found.length > 0 ? `${listId}-${chosen}` : undefined}
        placeholder={find.placeholder}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        className="h-12 w-full border-b border-line bg-transparent px-4 text-base outline-none placeholder:text-ink-3"
      />
      <div
        id={listId}
        role="listbox"
        aria-label={find.results}
        className="max-h-[50dvh] overflow-y-auto p-1.5"
      >
        {found.map(({ id, label, kind, icon: Icon }, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the combobox above has the keyboard
          <div
            key={id}
            id={`${listId}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === chosen}
            onClick={() => open(index)}
            onPointerMove={() => setAt(index)}
            className="flex min-h-10 cursor-pointer items-center gap-2.5 rounded-1 px-2.5 aria-selected:bg-accent-soft pointer-coarse:min-h-11"
          >
            <Icon size={16} aria-hidden className="shrink-0 text-ink-2" />
            <span className="min-w-0 flex-1 truncate">{label}</span>
            <span className="text-sm text-ink-2">{kind}</span>
          </div>
        ))}
      </div>
      {found.length === 0 ? (
        <p role="status" className="px-4 pb-4 text-ink-2">
          {find.nothing(text)}
        </p>
      ) : null}
    </dialog>
  );
}

function useFound(user: Person): Found[] {
  const navigate = useNavigate();
  const bots = useBots(user.role !== 'guest').data ?? [];
  const pages = pagesFor(user).map(
    ({ to, label, icon }): Found => ({
      id: to,
      label,
      kind: find.page,
      icon,
      open: () => void navigate({ to }),
    }),
  );
  if (user.role === 'guest') return pages;
  return [
    ...pages,
    {
      id: 'add-bot',
      label: frame.addBot,
      kind: find.action,
      icon: Plus,
      open: () => void navigate({ to: '/', search: { add: true } }),
    },
    ...bots.map(
      (bot): Found => ({
        id: bot.id,
        label: bot.handle ? `${bot.name} @${bot.handle.replace(/^@/, '')}` : bot.name,
        kind: find.bot,
        icon: Bot,
        open: () => void navigate({ to: '/bots/$botId', params: { botId: bot.id } }),
      }),
    ),
  ];
}
