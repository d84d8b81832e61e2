import type { Bot } from '../../lib/apiTypes';
import { ago, count, dateTime, useNow } from '../../lib/time';
import { listLook } from '../../ui/looks';
import { transports, activity as words } from './strings';

export function ActivityTab({ bot }: { bot: Bot }) {
  const now_ms = useNow();
  const rows: [string, string][] = [
    [words.today, count(bot.messages_today)],
    [words.message, bot.last_message_at ? ago(bot.last_message_at, now_ms) : words.never],
    [words.contact[bot.platform], bot.last_contact_at ? ago(bot.last_contact_at, now_ms) : words.never],
    [words.status, dateTime(bot.since)],
    [words.desired, words.desiredWords[bot.desired]],
    [words.transport, transports[bot.platform][bot.transport]],
    [words.chats, bot.allowed_chats ? words.someChats(bot.allowed_chats.length) : words.allChats],
    [words.token, bot.token_last4],
    [words.created, dateTime(bot.created_at)],
    [words.changed, dateTime(bot.updated_at)],
  ];
  return (
    <dl className={`max-w-xl ${listLook}`}>
      {rows.map(([name, value]) => (
        <div key={name} className="flex min-h-11 flex-wrap items-center justify-between gap-x-4 px-4 py-2">
          <dt className="text-ink-2">{name}</dt>
          <dd className="tabular-nums">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
