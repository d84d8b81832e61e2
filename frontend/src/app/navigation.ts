import { Activity, BookOpen, Bot, MessageSquareText, Settings } from 'lucide-react';
import type { Person } from '../lib/apiTypes';
import { frame } from './strings';

const all = [
  { to: '/', label: frame.bots, icon: Bot },
  { to: '/ask', label: frame.ask, icon: MessageSquareText },
  { to: '/knowledge', label: frame.knowledge, icon: BookOpen },
  { to: '/status', label: frame.status, icon: Activity },
  { to: '/settings', label: frame.settings, icon: Settings },
] as const;

/** The pages a person may open: guests may only ask. */
export function pagesFor(user: Person): readonly (typeof all)[number][] {
  return user.role === 'guest' ? all.filter(({ to }) => to === '/ask') : all;
}
