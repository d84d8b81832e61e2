import { Navigate, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { Truck, WifiOff } from 'lucide-react';
import { useCallback, useEffect, useState } from 'react';
import type { Person } from '../lib/apiTypes';
import { useLiveState } from '../lib/liveEvents';
import { useSession } from '../lib/session';
import { listenForShortcuts, useShortcut } from '../lib/shortcuts';
import { FindDialog } from './FindDialog';
import { useLiveUpdates } from './liveUpdates';
import { useUnsavedGuard } from './PersistenceStatus';
import { PhoneHeader, PhonePages } from './PhoneBars';
import { ShortcutList } from './ShortcutList';
import { Sidebar } from './Sidebar';
import { frame } from './strings';

/** The frame around every page: the list of pages beside (below, on phones) and the page itself. */
export function Shell({ user }: { user: Person }) {
  const [open, setOpen] = useState<'find' | 'shortcuts' | null>(null);
  const close = useCallback(() => setOpen(null), []);
  const openFind = useCallback(() => setOpen('find'), []);
  const path = useLocation({ select: ({ pathname }) => pathname });
  const astray = user.role === 'guest' && !path.startsWith('/ask') && path !== '/settings';

  useLiveUpdates();
  useUnsavedGuard();
  useEffect(listenForShortcuts, []);
  usePageShortcuts();
  useShortcut('Mod+k', openFind);
  useShortcut('?', () => setOpen('shortcuts'));

  return (
    <div className="flex min-h-dvh flex-col md:flex-row">
      <a
        href="#content"
        className="fixed start-2 top-2 z-50 -translate-y-16 rounded-1 bg-accent px-3 py-2 text-accent-ink focus:translate-y-0"
      >
        {frame.skip}
      </a>
      <Sidebar user={user} onFind={openFind} />
      <PhoneHeader onFind={openFind} />
      <main id="content" tabIndex={-1} className="min-w-0 flex-1 pb-16 outline-none md:pb-0">
        <LostConnection />
        <Moving />
        {astray ? <Navigate to="/ask" replace /> : <Outlet />}
      </main>
      <PhonePages user={user} />
      {open === 'find' ? <FindDialog user={user} onClose={close} /> : null}
      {open === 'shortcuts' ? <ShortcutList onClose={close} /> : null}
    </div>
  );
}

function usePageShortcuts(): void {
  const navigate = useNavigate();
  useShortcut('g b', () => void navigate({ to: '/' }));
  useShortcut('g a', () => void navigate({ to: '/ask' }));
  useShortcut('g k', () => void navigate({ to: '/knowledge' }));
  useShortcut('g i', () => void navigate({ to: '/insights' }));
  useShortcut('g w', () => void navigate({ to: '/widgets' }));
  useShortcut('g s', () => void navigate({ to: '/status' }));
}

/** Roost moves to another container, or waits for its data: what is written meanwhile is sent again by itself. */
function Moving() {
  const session = useSession().data;
  if (!session || session.state === 'ready') return null;
  return (
    <p role="status" className="flex items-center gap-2 bg-info-soft px-4 py-2 text-sm text-info sm:px-8">
      <Truck size={15} aria-hidden className="shrink-0" />
      {session.state === 'handover' ? frame.moving : (session.reason ?? frame.notReady[session.state])}{' '}
      {frame.kept}
    </p>
  );
}

/** How long the live stream may be away before the page speaks of it: a restart takes a second or two. */
const PATIENCE_MS = 3_000;

function LostConnection() {
  const live = useLiveState();
  const [lost, setLost] = useState(false);
  const away = live === 'waiting' || live === 'connecting';
  useEffect(() => {
    if (!away) {
      setLost(false);
      return;
    }
    const timer = setTimeout(() => setLost(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [away]);
  // Moving says more.
  const moves = useSession().data?.state !== 'ready';
  if (!lost || moves) return null;
  return (
    <p role="status" className="flex items-center gap-2 bg-warn-soft px-4 py-2 text-sm text-warn sm:px-8">
      <WifiOff size={15} aria-hidden className="shrink-0" />
      {frame.lost}
    </p>
  );
}
