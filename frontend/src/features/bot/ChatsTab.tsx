import { type FormEvent, useState } from 'react';
import type { Bot, Transport } from '../../lib/apiTypes';
import { fieldError, formError } from '../../lib/formErrors';
import { PrivacyMode } from '../../ui/BotSetup';
import { Button } from '../../ui/Button';
import { Choice } from '../../ui/Choice';
import { TextArea } from '../../ui/Field';
import { FailedState } from '../../ui/States';
import { useChangeBot } from './botApi';
import { readChats } from './chatList';
import { transports, chats as words } from './strings';

export function ChatsTab({ bot }: { bot: Bot }) {
  return (
    <div className="flex max-w-xl flex-col gap-8">
      <AllowedChats bot={bot} />
      {bot.platform === 'telegram' ? (
        <section className="flex flex-col gap-1 border-t border-line pt-6">
          <h2 className="font-medium">{words.groups}</h2>
          {bot.privacy_mode === null ? (
            <p className="text-ink-2">{words.unknown}</p>
          ) : (
            <PrivacyMode bot={bot} />
          )}
        </section>
      ) : null}
      <TransportForm bot={bot} />
    </div>
  );
}

/** What is typed: undefined where nothing was, null for every chat. */
type Typed = string | null | undefined;

function AllowedChats({ bot }: { bot: Bot }) {
  const save = useChangeBot(bot);
  const [typed, setTyped] = useState<Typed>(undefined);
  const text = typed === undefined ? (bot.allowed_chats?.join('\n') ?? null) : typed;
  const { chats, wrong } = readChats(text ?? '');
  const missing = text !== null && chats.length === 0;
  const mistake = wrong === null ? null : words.wrong(wrong);
  const other = formError(save.error, ['allowed_chats']);
  const type = (next: string | null) => {
    setTyped(next);
    save.reset();
  };

  function submit(event: FormEvent) {
    event.preventDefault();
    if (typed === undefined || missing || wrong !== null || save.isPending) return;
    save.mutate(
      { allowed_chats: text === null ? null : chats },
      {
        onSuccess: () => setTyped(undefined),
      },
    );
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <fieldset className="flex flex-col">
        <legend className="mb-1 font-medium">{words.legend}</legend>
        <Choice
          type="radio"
          name="chats"
          label={words.every}
          hint={words.everyHint}
          checked={text === null}
          onChange={() => type(null)}
        />
        <Choice
          type="radio"
          name="chats"
          label={words.only}
          checked={text !== null}
          onChange={() => type(bot.allowed_chats?.join('\n') ?? '')}
        />
      </fieldset>
      {text === null ? null : (
        <TextArea
          label={words.list}
          hint={words.listHint[bot.platform]}
          rows={4}
          maxLength={20_000}
          spellCheck={false}
          className="font-mono"
          error={mistake ?? fieldError(save.error, 'allowed_chats')}
          value={text}
          onChange={(event) => type(event.target.value)}
        />
      )}
      {other ? <FailedState error={new Error(other)} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button
          look="primary"
          type="submit"
          disabled={typed === undefined || missing || wrong !== null || save.isPending}
        >
          {words.save}
        </Button>
        <p role="status" className="text-sm text-ink-2">
          {missing ? words.missing : save.isSuccess ? words.saved : null}
        </p>
      </div>
    </form>
  );
}

const TRANSPORTS: readonly Transport[] = ['polling', 'webhook'];

function TransportForm({ bot }: { bot: Bot }) {
  const save = useChangeBot(bot);
  const [chosen, setChosen] = useState<Transport | null>(null);
  const shown = chosen ?? bot.transport;

  function submit(event: FormEvent) {
    event.preventDefault();
    if (shown === bot.transport || save.isPending) return;
    save.mutate({ transport: shown }, { onSuccess: () => setChosen(null) });
  }

  return (
    <form onSubmit={submit} className="flex flex-col gap-4 border-t border-line pt-6">
      <fieldset className="flex flex-col">
        <legend className="float-start mb-1 w-full font-medium">{words.transport[bot.platform]}</legend>
        {TRANSPORTS.map((each) => (
          <Choice
            key={each}
            type="radio"
            name="transport"
            label={transports[bot.platform][each]}
            hint={words.transportHints[bot.platform][each]}
            checked={shown === each}
            onChange={() => {
              setChosen(each);
              save.reset();
            }}
          />
        ))}
      </fieldset>
      {save.error ? <FailedState error={save.error} /> : null}
      <div className="flex flex-wrap items-center gap-3">
        <Button type="submit" disabled={shown === bot.transport || save.isPending}>
          {words.transportSave}
        </Button>
        <p role="status" className="text-sm text-ink-2">
          {save.isSuccess ? words.saved : null}
        </p>
      </div>
    </form>
  );
}
