import { Link, useParams, useSearch } from '@tanstack/react-router';
import { ExternalLink, Play, RotateCw, Square } from 'lucide-react';
import { useState } from 'react';
import { useBotAction } from '../../lib/botActions';
import { type ShownBot, useBots } from '../../lib/bots';
import { type BotTab, botTabs } from '../../lib/botTabs';
import { useShortcut } from '../../lib/shortcuts';
import { ago, duration, useNow } from '../../lib/time';
import { BotSetup } from '../../ui/BotSetup';
import { BotStatusBadge } from '../../ui/BotStatusBadge';
import { Button, buttonLook } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { LinkedText } from '../../ui/LinkedText';
import { Page } from '../../ui/Page';
import { PlatformName } from '../../ui/PlatformName';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import { controls } from '../../ui/strings';
import { ActivityTab } from './ActivityTab';
import { ChatsTab } from './ChatsTab';
import { KnowledgeTab } from './KnowledgeTab';
import { LogsTab } from './LogsTab';
import { ModelTab } from './ModelTab';
import { words } from './strings';

const tabPanels: Record<BotTab, (props: { bot: ShownBot }) => React.ReactNode> = {
  logs: LogsTab,
  model: ModelTab,
  knowledge: KnowledgeTab,
  chats: ChatsTab,
  activity: ActivityTab,
};

export function BotPage() {
  const { botId } = useParams({ from: '/bots/$botId' });
  const bots = useBots();
  const bot = bots.data?.find(({ id }) => id === botId);
  if (bot) return <ShownBotPage key={bot.id} bot={bot} />;
  return (
    <Page title={words.loadingTitle}>
      {bots.data ? (
        <EmptyState
          action={
            <Link to="/" className={buttonLook()}>
              {words.back}
            </Link>
          }
        >
          {words.missing}
        </EmptyState>
      ) : bots.error ? (
        <FailedState error={bots.error} onRetry={() => void bots.refetch()} />
      ) : (
        <LoadingState />
      )}
    </Page>
  );
}

function ShownBotPage({ bot }: { bot: ShownBot }) {
  const { tab = 'logs' } = useSearch({ from: '/bots/$botId' });
  const Panel = tabPanels[tab];
  return (
    <Page wide title={bot.name} actions={<Actions bot={bot} />}>
      <div className="-mt-3 flex flex-col gap-2">
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-ink-2">
          <BotStatusBadge status={bot.status} />
          <span className="tabular-nums">
            <Age bot={bot} />
          </span>
          <PlatformName platform={bot.platform} />
          {bot.deep_link ? (
            <a
              href={bot.deep_link}
              target="_blank"
              rel="noreferrer"
              title={words.openTelegram}
              className="inline-flex items-center gap-1 underline decoration-line-strong underline-offset-4 hover:text-ink"
            >
              @{bot.handle}
              <ExternalLink size={13} aria-hidden />
            </a>
          ) : (
            <span>@{bot.handle}</span>
          )}
        </div>
        {bot.reason ? (
          <p className="max-w-prose break-words">
            <LinkedText>{bot.reason}</LinkedText>
          </p>
        ) : null}
      </div>
      <SetupHelp bot={bot} />
      <nav aria-label={words.tabsLabel} className="flex gap-1 overflow-x-auto border-b border-line">
        {botTabs.map((each) => (
          <Link
            key={each}
            to="/bots/$botId"
            params={{ botId: bot.id }}
            search={each === 'logs' ? {} : { tab: each }}
            replace
            activeOptions={{ exact: true, includeSearch: true }}
            className="-mb-px inline-flex min-h-10 items-center border-b-2 border-transparent px-3 text-ink-2 hover:text-ink aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-ink pointer-coarse:min-h-11"
          >
            {words.tabs[each]}
          </Link>
        ))}
      </nav>
      <Panel bot={bot} />
    </Page>
  );
}

/** Shown until the first message arrived; a tick that comes while one looks stays for that visit. */
function SetupHelp({ bot }: { bot: ShownBot }) {
  const [wasNew] = useState(bot.last_message_at === null);
  if (!wasNew) return null;
  return (
    <section
      aria-label={words.setupLabel}
      className="max-w-xl rounded-2 border border-line bg-surface px-4 py-3"
    >
      <BotSetup bot={bot} />
    </section>
  );
}

function Age({ bot }: { bot: ShownBot }) {
  const now_ms = useNow();
  if (bot.startedAt_ms !== null) return words.up(duration((now_ms - bot.startedAt_ms) / 1000));
  return ago(bot.since, now_ms);
}

function Actions({ bot }: { bot: ShownBot }) {
  const start = useBotAction(words.saves.start(bot.name));
  const stop = useBotAction(words.saves.stop(bot.name));
  const restart = useBotAction(words.saves.restart(bot.name));
  const [asking, setAsking] = useState(false);
  const stopped = bot.desired === 'stopped';
  const failure = start.error ?? stop.error ?? restart.error;
  useShortcut('r', () => {
    if (!stopped) setAsking(true);
  });
  return (
    <>
      {stopped ? (
        <Button
          look="primary"
          disabled={start.isPending}
          onClick={() => start.mutate({ botId: bot.id, action: 'start' })}
        >
          <Play size={15} aria-hidden />
          {words.start}
        </Button>
      ) : (
        <>
          <Button
            disabled={restart.isPending}
            onClick={() => restart.mutate({ botId: bot.id, action: 'restart' })}
          >
            <RotateCw size={15} aria-hidden />
            {words.restart}
          </Button>
          <Button disabled={stop.isPending} onClick={() => stop.mutate({ botId: bot.id, action: 'stop' })}>
            <Square size={15} aria-hidden />
            {words.stop}
          </Button>
        </>
      )}
      {failure ? (
        <p role="alert" className="basis-full text-sm text-bad sm:text-end">
          {failure.message}
        </p>
      ) : null}
      {asking ? (
        <Dialog
          title={words.restartTitle(bot.name)}
          onClose={() => setAsking(false)}
          footer={
            <>
              <Button look="quiet" onClick={() => setAsking(false)}>
                {controls.cancel}
              </Button>
              <Button
                look="primary"
                data-autofocus
                onClick={() => {
                  setAsking(false);
                  restart.mutate({ botId: bot.id, action: 'restart' });
                }}
              >
                {words.restart}
              </Button>
            </>
          }
        >
          <p>{words.restartWhat}</p>
        </Dialog>
      ) : null}
    </>
  );
}
