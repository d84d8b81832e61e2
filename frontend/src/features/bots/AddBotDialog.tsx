import { Link } from '@tanstack/react-router';
import { CircleCheck, ExternalLink } from 'lucide-react';
import { type FormEvent, useId, useState } from 'react';
import type { Bot, NewBot } from '../../lib/apiTypes';
import { fieldError, formError } from '../../lib/formErrors';
import { usePrompts } from '../../lib/prompts';
import { Button, buttonLook } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Checkbox, TextField } from '../../ui/Field';
import { PromptField } from '../../ui/PromptField';
import { FailedState } from '../../ui/States';
import { controls } from '../../ui/strings';
import { useAddBot } from './botsApi';
import { adding } from './strings';

const FIELDS = ['token', 'name', 'model', 'system_prompt'];
const DEFAULT_PROMPT = 'default';

/** Takes a token, has the server ask Telegram who it is, and shows Telegram's answer. */
export function AddBotDialog({ onClose }: { onClose: () => void }) {
  const add = useAddBot();
  return add.data ? (
    <AddedBot bot={add.data} onClose={onClose} />
  ) : (
    <BotForm busy={add.isPending} error={add.error} onSubmit={(bot) => add.mutate(bot)} onClose={onClose} />
  );
}

function BotForm({
  busy,
  error,
  onSubmit,
  onClose,
}: {
  busy: boolean;
  error: Error | null;
  onSubmit: (bot: NewBot) => void;
  onClose: () => void;
}) {
  const formId = useId();
  const prompts = usePrompts().data ?? [];
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
      platform: 'telegram',
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
            {busy ? adding.asking : adding.submit}
          </Button>
        </>
      }
    >
      <form id={formId} onSubmit={submit} className="flex flex-col gap-4" autoComplete="off">
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
              {adding.tokenHint}{' '}
              <a
                href="https://t.me/BotFather"
                target="_blank"
                rel="noreferrer"
                className="inline-flex items-center gap-1 text-accent underline underline-offset-2"
              >
                {adding.botFather}
                <ExternalLink size={13} aria-hidden />
              </a>
            </>
          }
          error={fieldError(error, 'token')}
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
        <TextField
          label={adding.name}
          hint={adding.nameHint}
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

function AddedBot({ bot, onClose }: { bot: Bot; onClose: () => void }) {
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
      <div role="status" className="flex gap-3">
        <CircleCheck size={20} aria-hidden className="mt-0.5 shrink-0 text-ok" />
        <div className="flex flex-col gap-1">
          <p className="font-medium">{adding.this(bot.handle)}</p>
          <p className="text-ink-2">{bot.desired === 'running' ? adding.starting : adding.stopped}</p>
          <a
            href={`https://t.me/${bot.handle}`}
            target="_blank"
            rel="noreferrer"
            className="inline-flex min-h-9 items-center gap-1 self-start text-accent underline underline-offset-2"
          >
            {adding.openTelegram}
            <ExternalLink size={13} aria-hidden />
          </a>
        </div>
      </div>
    </Dialog>
  );
}
