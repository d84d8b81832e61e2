import { Link } from '@tanstack/react-router';
import { type FormEvent, useId, useState } from 'react';
import type { Bot, NewBot, Platform } from '../../lib/apiTypes';
import { useBots } from '../../lib/bots';
import { fieldError, formError } from '../../lib/formErrors';
import { usePrompts } from '../../lib/prompts';
import { BotSetup } from '../../ui/BotSetup';
import { BotStatusBadge } from '../../ui/BotStatusBadge';
import { Button, buttonLook } from '../../ui/Button';
import { Choice } from '../../ui/Choice';
import { Dialog } from '../../ui/Dialog';
import { ExternalLink } from '../../ui/ExternalLink';
import { Checkbox, TextField } from '../../ui/Field';
import { LinkedText } from '../../ui/LinkedText';
import { PlatformName } from '../../ui/PlatformName';
import { PromptField } from '../../ui/PromptField';
import { FailedState } from '../../ui/States';
import { controls } from '../../ui/strings';
import { useAddBot } from './botsApi';
import { adding } from './strings';

const FIELDS = ['token', 'name', 'model', 'system_prompt'];
const DEFAULT_PROMPT = 'default';
const PLATFORMS: readonly Platform[] = ['telegram', 'discord'];
const WHERE: Record<Platform, string> = {
  telegram: 'https://t.me/BotFather',
  discord: 'https://discord.com/developers/applications',
};

/** Takes a token, has the server ask the platform whose it is, and helps until the first message arrives. */
export function AddBotDialog({ onClose }: { onClose: () => void }) {
  const add = useAddBot();
  return add.data ? (
    <AddedBot bot={add.data} onClose={onClose} />
  ) : (
    <BotForm
      busy={add.isPending}
      error={add.error}
      onSubmit={(bot) => add.mutate(bot)}
      onTyping={() => {
        if (add.isError) add.reset();
      }}
      onClose={onClose}
    />
  );
}

function BotForm({
  busy,
  error,
  onSubmit,
  onTyping,
  onClose,
}: {
  busy: boolean;
  error: Error | null;
  onSubmit: (bot: NewBot) => void;
  onTyping: () => void;
  onClose: () => void;
}) {
  const formId = useId();
  const prompts = usePrompts().data ?? [];
  const [platform, setPlatform] = useState<Platform>('telegram');
  const [token, setToken] = useState('');
  const [name, setName] = useState('');
  const [model, setModel] = useState('');
  const [prompt, setPrompt] = useState(DEFAULT_PROMPT);
  const [start, setStart] = useState(true);
  const other = formError(error, FIELDS);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    onSubmit({
      platform,
      token: token.trim(),
      start,
      ...(name.trim() ? { name: name.trim() } : {}),
      ...(model.trim() ? { model: model.trim() } : {}),
      ...(prompt.trim() ? { system_prompt: prompt } : {}),
    });
  }

  return (
    <Dialog
      title={adding.title}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" onClick={onClose}>
            {controls.cancel}
          </Button>
          <Button look="primary" type="submit" form={formId} disabled={busy}>
            {busy ? adding.asking[platform] : adding.submit}
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={submit} className="flex flex-col gap-4" autoComplete="off">
        <fieldset>
          <legend className="text-sm font-medium">{adding.platform}</legend>
          <div className="flex flex-wrap gap-x-6">
            {PLATFORMS.map((each) => (
              <Choice
                key={each}
                type="radio"
                name="platform"
                label={<PlatformName platform={each} />}
                checked={platform === each}
                disabled={busy}
                onChange={() => {
                  setPlatform(each);
                  onTyping();
                }}
              />
            ))}
          </div>
        </fieldset>
        <TextField
          label={adding.token}
          type="password"
          required
          data-autofocus
          maxLength={500}
          autoComplete="new-password"
          spellCheck={false}
          className="font-mono"
          hint={
            <>
              {adding.tokenHint[platform]}{' '}
              <ExternalLink href={WHERE[platform]}>{adding.where[platform]}</ExternalLink>
            </>
          }
          error={fieldError(error, 'token')}
          value={token}
          onChange={(event) => {
            setToken(event.target.value);
            onTyping();
          }}
        />
        <TextField
          label={adding.name}
          hint={adding.nameHint[platform]}
          maxLength={100}
          error={fieldError(error, 'name')}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <details>
          <summary className="min-h-9 cursor-pointer py-1.5 font-medium text-ink-2">{adding.more}</summary>
          <div className="flex flex-col gap-4 pt-2">
            <TextField
              label={adding.model}
              hint={adding.modelHint}
              maxLength={200}
              spellCheck={false}
              error={fieldError(error, 'model')}
              value={model}
              onChange={(event) => setModel(event.target.value)}
            />
            <PromptField
              prompts={prompts}
              value={prompt}
              onChange={setPrompt}
              error={fieldError(error, 'system_prompt')}
            />
          </div>
        </details>
        <Checkbox label={adding.start} checked={start} onChange={(event) => setStart(event.target.checked)} />
        {other ? <FailedState error={new Error(other)} /> : null}
      </form>
    </Dialog>
  );
}

function AddedBot({ bot: added, onClose }: { bot: Bot; onClose: () => void }) {
  const bot = useBots().data?.find(({ id }) => id === added.id) ?? added;
  return (
    <Dialog
      title={bot.name}
      onClose={onClose}
      footer={
        <>
          <Button look="quiet" onClick={onClose}>
            {adding.done}
          </Button>
          <Link to="/bots/$botId" params={{ botId: bot.id }} className={buttonLook('primary')}>
            {adding.open}
          </Link>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
          <p className="font-medium">{adding.this(bot.handle)}</p>
          <BotStatusBadge status={bot.status} />
        </div>
        {bot.reason ? (
          <p role="alert" className="break-words">
            <LinkedText>{bot.reason}</LinkedText>
          </p>
        ) : null}
        <BotSetup bot={bot} />
      </div>
    </Dialog>
  );
}
