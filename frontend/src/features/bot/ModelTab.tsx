import { type FormEvent, useState } from 'react';
import type { Bot, BotChange } from '../../lib/apiTypes';
import { fieldError, formError } from '../../lib/formErrors';
import { usePrompts } from '../../lib/prompts';
import { count } from '../../lib/time';
import { Button } from '../../ui/Button';
import { Checkbox, TextField } from '../../ui/Field';
import { PromptField } from '../../ui/PromptField';
import { FailedState } from '../../ui/States';
import { useChangeBot } from './botApi';
import { model as words } from './strings';

const FIELDS = ['name', 'model', 'system_prompt', 'base_url', 'api_key'];

export function ModelTab({ bot }: { bot: Bot }) {
  return (
    <div className="flex max-w-xl flex-col gap-10">
      <Usage bot={bot} />
      <SettingsForm bot={bot} />
      <TokenForm bot={bot} />
    </div>
  );
}

function Usage({ bot: { tokens_today, tokens_limit } }: { bot: Bot }) {
  const used = count(tokens_today);
  const spent = tokens_limit !== null && tokens_today >= tokens_limit;
  return (
    <section className="flex flex-col gap-1">
      <p className="flex flex-wrap justify-between gap-x-4">
        <span className="font-medium">{words.usage}</span>
        <span className="tabular-nums">
          {tokens_limit === null ? words.usageNoLimit(used) : words.usageOf(used, count(tokens_limit))}
        </span>
      </p>
      {tokens_limit === null ? null : (
        <div aria-hidden className="h-1.5 overflow-hidden rounded-full bg-sunken">
          <div
            className={`h-full ${spent ? 'bg-warn' : 'bg-accent'}`}
            style={{ width: `${Math.min(100, (100 * tokens_today) / Math.max(1, tokens_limit))}%` }}
          />
        </div>
      )}
      <p className="text-sm text-ink-2">{spent ? words.usageSpent : words.usageHint}</p>
    </section>
  );
}

interface Typed {
  name?: string;
  model?: string;
  system_prompt?: string;
  base_url?: string;
  api_key?: string;
  forgetKey?: boolean;
}

/** Only what somebody changed is sent, so that two open pages do not undo each other's work. */
function changeOf(typed: Typed): BotChange {
  const { forgetKey, name, model, system_prompt, base_url, api_key } = typed;
  return {
    ...(name === undefined ? {} : { name: name.trim() }),
    ...(model === undefined ? {} : { model: model.trim() || null }),
    ...(system_prompt === undefined ? {} : { system_prompt }),
    ...(base_url === undefined ? {} : { base_url: base_url.trim() || null }),
    ...(api_key?.trim() ? { api_key: api_key.trim() } : forgetKey ? { api_key: null } : {}),
  };
}

function SettingsForm({ bot }: { bot: Bot }) {
  const prompts = usePrompts().data ?? [];
  const save = useChangeBot(bot);
  const [typed, setTyped] = useState<Typed>({});
  const change = changeOf(typed);
  const changed = Object.keys(change).length > 0;
  const other = formError(save.error, FIELDS);
  const type = (part: Typed) => {
    setTyped((before) => ({ ...before, ...part }));
    save.reset();
  };

  function submit(event: FormEvent) {
    event.preventDefault();
    if (changed && !save.isPending) save.mutate(change, { onSuccess: () => setTyped({}) });
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4" autoComplete="off">
      <TextField
        label={words.name}
        required
        maxLength={100}
        error={fieldError(save.error, 'name')}
        value={typed.name ?? bot.name}
        onChange={(event) => type({ name: event.target.value })}
      />
      <TextField
        label={words.model}
        hint={words.modelHint}
        maxLength={200}
        spellCheck={false}
        error={fieldError(save.error, 'model')}
        value={typed.model ?? bot.model ?? ''}
        onChange={(event) => type({ model: event.target.value })}
      />
      <PromptField
        prompts={prompts}
        value={typed.system_prompt ?? bot.system_prompt}
        onChange={(system_prompt) => type({ system_prompt })}
        error={fieldError(save.error, 'system_prompt')}
      />
      <TextField
        label={words.baseUrl}
        hint={words.baseUrlHint}
        type="url"
        maxLength={2000}
        spellCheck={false}
        error={fieldError(save.error, 'base_url')}
        value={typed.base_url ?? bot.base_url ?? ''}
        onChange={(event) => type({ base_url: event.target.value })}
      />
      <TextField
        label={words.apiKey}
        hint={bot.has_api_key ? words.apiKeyStored : words.apiKeyNone}
        type="password"
        autoComplete="new-password"
        maxLength={500}
        className="font-mono"
        error={fieldError(save.error, 'api_key')}
        value={typed.api_key ?? ''}
        onChange={(event) => type({ api_key: event.target.value })}
      />
      {bot.has_api_key && !typed.api_key ? (
        <Checkbox
          label={words.forgetKey}
          checked={typed.forgetKey ?? false}
          onChange={(event) => type({ forgetKey: event.target.checked })}
        />
      ) : null}
      {other ? <FailedState error={new Error(other)} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button look="primary" type="submit" disabled={!changed || save.isPending}>
          {words.save}
        </Button>
        <p role="status" className="text-sm text-ink-2">
          {changed ? words.unsaved : save.isSuccess ? words.saved : null}
        </p>
      </div>
    </form>
  );
}

function TokenForm({ bot }: { bot: Bot }) {
  const save = useChangeBot(bot);
  const [token, setToken] = useState('');
  const other = formError(save.error, ['token']);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (token.trim() && !save.isPending)
      save.mutate({ token: token.trim() }, { onSuccess: () => setToken('') });
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4 border-t border-line pt-6" autoComplete="off">
      <div>
        <h2 className="text-lg font-semibold">{words.tokenTitle}</h2>
        <p className="text-ink-2">{words.tokenNow(bot.token_last4)}</p>
      </div>
      <TextField
        label={words.tokenNew}
        hint={words.tokenHint[bot.platform]}
        type="password"
        autoComplete="new-password"
        spellCheck={false}
        maxLength={500}
        className="font-mono"
        error={fieldError(save.error, 'token')}
        value={token}
        onChange={(event) => {
          setToken(event.target.value);
          save.reset();
        }}
      />
      {other ? <FailedState error={new Error(other)} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" disabled={!token.trim() || save.isPending}>
          {words.tokenSave}
        </Button>
        <p role="status" className="text-sm text-ink-2">
          {save.isSuccess ? words.tokenSaved : null}
        </p>
      </div>
    </form>
  );
}
