import {
  Activity,
  AppWindow,
  BookOpen,
  Bot,
  ChartColumn,
  MessageSquareText,
  Settings,
  Users,
} from 'lucide-react';
import type { Person } from '../lib/apiTypes';
import { frame } from './strings';

const all = [
  { to: '/', label: frame.bots, icon: Bot },
  { to: '/ask', label: frame.ask, icon: MessageSquareText },
  { to: '/knowledge', label: frame.knowledge, icon: BookOpen },
  { to: '/insights', label: frame.insights, icon: ChartColumn },
  { to: '/widgets', label: frame.widgets, icon: AppWindow },
  { to: '/status', label: frame.status, icon: Activity },
  { to: '/people', label: frame.people, icon: Users },
  { to: '/settings', label: frame.settings, icon: Settings },
] as const;

const forGuests: readonly string[] = ['/ask', '/settings'];

/** The pages a person may open: guests may only ask, and people are the owners' matter. */
export function pagesFor(user: Person): readonly (typeof all)[number][] {
  if (user.role === 'owner') return all;
  return all.filter(({ to }) => (user.role === 'guest' ? forGuests.includes(to) : to !== '/people'));
}
