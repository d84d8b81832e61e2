import { Link, useNavigate } from '@tanstack/react-router';
import { Ellipsis, Pencil, Play, RotateCw, Square, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useBotAction, useDeleteBot } from '../../lib/botActions';
import type { ShownBot } from '../../lib/bots';
import { ago, duration, useNow } from '../../lib/time';
import { BotStatusBadge } from '../../ui/BotStatusBadge';
import { DeleteDialog } from '../../ui/DeleteDialog';
import { LinkedText } from '../../ui/LinkedText';
import { Menu } from '../../ui/Menu';
import { PlatformName } from '../../ui/PlatformName';
import { removing, words } from './strings';

const ICON_PX = 16;

export function BotRow({ bot }: { bot: ShownBot }) {
  const navigate = useNavigate();
  const [deleting, setDeleting] = useState(false);
  const start = useBotAction(words.saves.start(bot.name));
  const stop = useBotAction(words.saves.stop(bot.name));
  const restart = useBotAction(words.saves.restart(bot.name));
  const remove = useDeleteBot(words.saves.remove(bot.name));
  const failure = start.error ?? stop.error ?? restart.error;
  const stopped = bot.desired === 'stopped';
  return (
    <li className="relative flex flex-col gap-1 px-4 py-3 hover:bg-sunken/60">
      <div className="flex min-w-0 flex-wrap items-center gap-x-4 gap-y-1 pe-10 sm:flex-nowrap">
        <div className="flex min-w-0 flex-1 basis-52 flex-col">
          <Link
            data-row
            to="/bots/$botId"
            params={{ botId: bot.id }}
            className="self-start font-medium break-words after:absolute after:inset-0"
          >
            {bot.name}
          </Link>
          <span className="flex min-w-0 flex-wrap gap-x-2 text-sm text-ink-2">
            <PlatformName platform={bot.platform} />
            <span className="truncate">@{bot.handle}</span>
          </span>
        </div>
        <span className="shrink-0 sm:w-28">
          <BotStatusBadge status={bot.status} />
        </span>
        <span className="shrink-0 text-sm text-ink-2 tabular-nums sm:w-36">
          <Age bot={bot} />
        </span>
        <span className="shrink-0 text-sm text-ink-2 tabular-nums whitespace-nowrap sm:w-40">
          {words.today(bot.messages_today)}
        </span>
      </div>
      {bot.reason ? (
        <p className="max-w-prose pe-10 text-sm break-words text-ink-2">
          <LinkedText>{bot.reason}</LinkedText>
        </p>
      ) : null}
      {failure ? (
        <p role="alert" className="pe-10 text-sm text-bad">
          {failure.message}
        </p>
      ) : null}
      <Menu
        label={words.menu(bot.name)}
        className="absolute end-2 top-2.5"
        items={[
          stopped
            ? {
                label: words.start,
                icon: <Play size={ICON_PX} aria-hidden />,
                onSelect: () => start.mutate({ botId: bot.id, action: 'start' }),
              }
            : {
                label: words.stop,
                icon: <Square size={ICON_PX} aria-hidden />,
                onSelect: () => stop.mutate({ botId: bot.id, action: 'stop' }),
              },
          {
            label: words.restart,
            icon: <RotateCw size={ICON_PX} aria-hidden />,
            disabled: stopped,
            onSelect: () => restart.mutate({ botId: bot.id, action: 'restart' }),
          },
          {
            label: words.edit,
            icon: <Pencil size={ICON_PX} aria-hidden />,
            onSelect: () =>
              void navigate({ to: '/bots/$botId', params: { botId: bot.id }, search: { tab: 'model' } }),
          },
          {
            label: words.remove,
            icon: <Trash2 size={ICON_PX} aria-hidden />,
            danger: true,
            onSelect: () => setDeleting(true),
          },
        ]}
      >
        <Ellipsis size={18} aria-hidden />
      </Menu>
      {deleting ? (
        <DeleteDialog
          title={removing.title(bot.name)}
          what={removing.what}
          name={bot.name}
          typeLabel={removing.type(bot.name)}
          submitLabel={removing.submit}
          busy={remove.isPending}
          error={remove.error}
          onDelete={() => remove.mutate(bot.id)}
          onClose={() => setDeleting(false)}
        />
      ) : null}
    </li>
  );
}

/** How long it runs, ticking; otherwise how long it has been as it is. */
function Age({ bot }: { bot: ShownBot }) {
  const now_ms = useNow();
  if (bot.startedAt_ms !== null) return words.up(duration((now_ms - bot.startedAt_ms) / 1000));
  return ago(bot.since, now_ms);
}
