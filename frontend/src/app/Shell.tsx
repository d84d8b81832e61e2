import { Outlet } from '@tanstack/react-router';
import { Sidebar } from './Sidebar';
import { frame } from './strings';

/** The frame around every page: the list of pages beside (below, on phones) and the page itself. */
export function Shell() {
  return (
    <div className="flex min-h-dvh flex-col md:flex-row">
      <a
        href="#content"
        className="fixed start-2 top-2 z-50 -translate-y-16 rounded-1 bg-accent px-3 py-2 text-accent-ink focus:translate-y-0"
      >
        {frame.skip}
      </a>
      <Sidebar />
      <main id="content" tabIndex={-1} className="min-w-0 flex-1 pb-20 outline-none md:pb-0">
        <Outlet />
      </main>
    </div>
  );
}
