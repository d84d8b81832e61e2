import { Link } from '@tanstack/react-router';
import { Search } from 'lucide-react';
import type { Person } from '../lib/apiTypes';
import { IconButton } from '../ui/Button';
import { pagesFor } from './navigation';
import { PersistenceStatus } from './PersistenceStatus';
import { find, frame } from './strings';

/** The 48-px header of phones. */
export function PhoneHeader({ onFind }: { onFind: () => void }) {
  return (
    <header className="sticky top-0 z-10 flex h-12 shrink-0 items-center gap-2 border-b border-line bg-paper ps-4 pe-1 md:hidden">
      <p className="text-lg font-semibold">{frame.product}</p>
      <div className="ms-auto min-w-0">
        <PersistenceStatus />
      </div>
      <IconButton label={find.open} onClick={onFind} className="size-11">
        <Search size={18} aria-hidden />
      </IconButton>
    </header>
  );
}

/** The pages within reach of the thumb. */
export function PhonePages({ user }: { user: Person }) {
  return (
    <nav
      aria-label={frame.pages}
      className="fixed inset-x-0 bottom-0 z-10 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {pagesFor(user).map(({ to, label, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          className="flex min-h-14 min-w-0 flex-1 flex-col items-center justify-center gap-0.5 text-xs text-ink-2 aria-[current=page]:font-semibold aria-[current=page]:text-accent"
        >
          <Icon size={20} aria-hidden />
          <span className="max-w-full truncate px-0.5">{label}</span>
        </Link>
      ))}
    </nav>
  );
}
