import { Circle, CircleCheck, CircleDashed } from 'lucide-react';
import type { ReactNode } from 'react';
import type { Bot } from '../lib/apiTypes';
import { ExternalLink } from './ExternalLink';
import { setup as words } from './strings';

/** What is left to do until the bot hears its first message; ticks by itself when live events tell of it. */
export function BotSetup({ bot }: { bot: Bot }) {
  const heard = bot.last_message_at !== null;
  return (
    <div className="flex flex-col gap-3">
      <ol className="flex flex-col gap-3">
        {bot.platform === 'discord' ? <DiscordSteps bot={bot} /> : <TelegramSteps bot={bot} />}
      </ol>
      <p role="status" className={`flex gap-2.5 ${heard ? 'font-medium' : 'text-ink-2'}`}>
        {heard ? (
          <CircleCheck size={18} aria-hidden className="mt-0.5 shrink-0 text-ok" />
        ) : (
          <CircleDashed size={18} aria-hidden className="mt-0.5 shrink-0 text-info" />
        )}
        <span>
          {sentence(bot)}
          {heard || deaf(bot) ? null : <span className="block text-sm">{words.waitingHint}</span>}
        </span>
      </p>
      <PrivacyMode bot={bot} />
    </div>
  );
}

/** Whether nothing can arrive as things are. */
function deaf({ desired, status }: Bot): boolean {
  return desired === 'stopped' || status === 'crashed';
}

function sentence(bot: Bot): string {
  if (bot.last_message_at !== null) return words.heard;
  if (bot.desired === 'stopped') return words.stopped;
  return deaf(bot) ? words.crashed : words.waiting;
}

function Step({ hint, children }: { hint?: ReactNode; children: ReactNode }) {
  return (
    <li className="flex gap-2.5">
      <Circle size={8} aria-hidden className="mx-[5px] mt-[8px] shrink-0 fill-current text-ink-3" />
      <div className="min-w-0 break-words">
        {children}
        {hint ? <p className="text-sm text-ink-2">{hint}</p> : null}
      </div>
    </li>
  );
}

function TelegramSteps({ bot }: { bot: Bot }) {
  return (
    <Step>
      {words.telegram.say}{' '}
      <ExternalLink href={bot.deep_link ?? `https://t.me/${bot.handle}`}>@{bot.handle}</ExternalLink>.
    </Step>
  );
}

function DiscordSteps({ bot }: { bot: Bot }) {
  return (
    <>
      {bot.invite_url ? (
        <Step hint={words.discord.inviteHint}>
          <ExternalLink href={bot.invite_url}>{words.discord.invite}</ExternalLink>
        </Step>
      ) : null}
      <Step>{words.discord.say(bot.handle)}</Step>
    </>
  );
}

/** What a Telegram bot is shown in groups, and how that is changed; nothing while it is not known. */
export function PrivacyMode({ bot }: { bot: Bot }) {
  if (bot.privacy_mode === null) return null;
  const { privacyOn, privacyOnMore, privacyOff, privacyOffMore } = words.telegram;
  return (
    <details className="text-ink-2">
      <summary className="min-h-9 cursor-pointer py-1.5 pointer-coarse:min-h-11">
        {bot.privacy_mode ? privacyOn : privacyOff}
      </summary>
      <p className="max-w-prose ps-4 text-sm">{bot.privacy_mode ? privacyOnMore : privacyOffMore}</p>
    </details>
  );
}
