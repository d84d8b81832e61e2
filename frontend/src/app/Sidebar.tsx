import { Link } from '@tanstack/react-router';
import { Activity, BookOpen, Bot, MessageSquareText, Settings } from 'lucide-react';
import { frame } from './strings';

export const pages = [
  { to: '/', label: frame.bots, icon: Bot, key: 'b' },
  { to: '/ask', label: frame.ask, icon: MessageSquareText, key: 'a' },
  { to: '/knowledge', label: frame.knowledge, icon: BookOpen, key: 'k' },
  { to: '/status', label: frame.status, icon: Activity, key: 's' },
  { to: '/settings', label: frame.settings, icon: Settings, key: null },
] as const;

export function Sidebar() {
  return (
    <nav
      aria-label={frame.pages}
      className="hidden h-dvh w-54 shrink-0 flex-col gap-1 border-e border-line p-3 md:sticky md:top-0 md:flex"
    >
      {pages.map(({ to, label, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          className="flex min-h-9 items-center gap-2 rounded-1 px-2 text-ink-2 hover:bg-sunken aria-[current=page]:bg-accent-soft aria-[current=page]:text-ink"
        >
          <Icon size={18} aria-hidden />
          {label}
        </Link>
      ))}
    </nav>
  );
}
