import { Link } from '@tanstack/react-router';
import { Ellipsis, type LucideIcon, Search } from 'lucide-react';
import { useState } from 'react';
import type { Person } from '../lib/apiTypes';
import { IconButton } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { pagesFor } from './navigation';
import { PersistenceStatus } from './PersistenceStatus';
import { find, frame } from './strings';

const SHOWN_MOST = 5;
const place = 'flex min-h-14 min-w-0 flex-1 flex-col items-center justify-center gap-0.5 text-xs text-ink-2';

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

/** The pages within reach of the thumb: five places, the last of them for the rest where there are more pages. */
export function PhonePages({ user }: { user: Person }) {
  const [more, setMore] = useState(false);
  const pages = pagesFor(user);
  const shown = pages.length > SHOWN_MOST ? pages.slice(0, SHOWN_MOST - 1) : pages;
  const rest = pages.slice(shown.length);
  return (
    <nav
      aria-label={frame.pages}
      className="fixed inset-x-0 bottom-0 z-10 flex border-t border-line bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {shown.map(({ to, label, icon }) => (
        <Link
          key={to}
          to={to}
          className={`${place} aria-[current=page]:font-semibold aria-[current=page]:text-accent`}
        >
          <Place label={label} icon={icon} />
        </Link>
      ))}
      {rest.length > 0 ? (
        <button type="button" aria-haspopup="dialog" onClick={() => setMore(true)} className={place}>
          <Place label={frame.more} icon={Ellipsis} />
        </button>
      ) : null}
      {more ? (
        <Dialog title={frame.more} onClose={() => setMore(false)}>
          <ul className="flex flex-col">
            {rest.map(({ to, label, icon: Icon }) => (
              <li key={to}>
                <Link
                  to={to}
                  onClick={() => setMore(false)}
                  className="flex min-h-12 items-center gap-3 rounded-1 px-2 hover:bg-sunken aria-[current=page]:font-semibold aria-[current=page]:text-accent"
                >
                  <Icon size={20} aria-hidden />
                  {label}
                </Link>
              </li>
            ))}
          </ul>
        </Dialog>
      ) : null}
    </nav>
  );
}

function Place({ label, icon: Icon }: { label: string; icon: LucideIcon }) {
  return (
    <>
      <Icon size={20} aria-hidden />
      <span className="max-w-full truncate px-0.5">{label}</span>
    </>
  );
}
