import { Link } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import type { Person } from '../lib/apiTypes';
import { pagesFor } from './navigation';
import { PersistenceStatus } from './PersistenceStatus';
import { find, frame } from './strings';
import { ThemeChoice } from './ThemeChoice';

const modifier = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl';

/** The 216-px column of wide screens. */
export function Sidebar({ user, onFind }: { user: Person; onFind: () => void }) {
  return (
    <header className="sticky top-0 hidden h-dvh w-[216px] shrink-0 flex-col gap-4 border-e border-line p-3 md:flex">
      <p className="px-2 pt-1 text-lg font-semibold">{frame.product}</p>
      <button
        type="button"
        onClick={onFind}
        className="flex min-h-9 items-center gap-2 rounded-1 border border-line-strong/60 bg-surface px-2.5 text-start text-ink-2 hover:bg-sunken"
      >
        <Search size={16} aria-hidden />
        <span className="flex-1">{find.open}</span>
        <kbd className="font-sans text-xs text-ink-3">{modifier} K</kbd>
      </button>
      <nav aria-label={frame.pages} className="flex flex-1 flex-col gap-0.5">
        {pagesFor(user).map(({ to, label, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ exact: false }}
            className="flex min-h-9 items-center gap-2.5 rounded-1 px-2.5 text-ink-2 transition-colors duration-150 hover:bg-sunken hover:text-ink aria-[current=page]:bg-accent-soft aria-[current=page]:font-medium aria-[current=page]:text-ink"
          >
            <Icon size={17} aria-hidden />
            {label}
          </Link>
        ))}
      </nav>
      <div className="flex flex-col gap-3 border-t border-line pt-3">
        <PersistenceStatus />
        <ThemeChoice />
      </div>
    </header>
  );
}
