import { type FormEvent, useState } from 'react';
import type { ApiKey } from '../../lib/apiTypes';
import { fieldError, formError } from '../../lib/formErrors';
import { ago, dateTime, useNow } from '../../lib/time';
import { Button } from '../../ui/Button';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { CopyLine } from '../../ui/CopyLine';
import { Dialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';
import { listLook, rowLook } from '../../ui/looks';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import { useApiKeys, useCreateKey, useRevokeKey } from './settingsApi';
import { keys as words } from './strings';

export function ApiKeys() {
  const keys = useApiKeys();
  const create = useCreateKey();
  const [name, setName] = useState('');
  const other = formError(create.error, ['name']);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (name.trim() && !create.isPending) create.mutate(name.trim(), { onSuccess: () => setName('') });
  }

  return (
    <div className="flex flex-col gap-4">
      <p className="max-w-prose text-ink-2">
        {words.intro}{' '}
        <a href="/api/openapi.json" className="text-accent underline underline-offset-2">
          {words.description}
        </a>
        .
      </p>
      <form onSubmit={submit} className="flex flex-wrap items-start gap-2">
        <div className="min-w-0 flex-1 basis-60">
          <TextField
            label={words.name}
            hint={words.nameHint}
            required
            maxLength={100}
            error={fieldError(create.error, 'name')}
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
        </div>
        <Button type="submit" disabled={!name.trim() || create.isPending} className="mt-6">
          {words.create}
        </Button>
      </form>
      {other ? <FailedState error={new Error(other)} /> : null}
      {keys.data ? (
        <KeyList keys={keys.data} />
      ) : keys.error ? (
        <FailedState error={keys.error} onRetry={() => void keys.refetch()} />
      ) : (
        <LoadingState rows={1} />
      )}
      {create.data ? <NewSecret secret={create.data.key} onClose={() => create.reset()} /> : null}
    </div>
  );
}

function KeyList({ keys }: { keys: readonly ApiKey[] }) {
  const now_ms = useNow();
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  if (keys.length === 0) return <EmptyState>{words.empty}</EmptyState>;
  return (
    <>
      <ul aria-label={words.list} className={listLook}>
        {keys.map((key) => (
          <li key={key.id} className={rowLook}>
            <div className="min-w-0 flex-1 basis-48">
              <p className="font-medium break-words">{key.name}</p>
              <p className="text-sm text-ink-2">
                {[
                  words.ends(key.last4),
                  words.added(dateTime(key.created_at)),
                  key.last_used_at ? words.used(ago(key.last_used_at, now_ms)) : words.unused,
                ].join(' · ')}
              </p>
            </div>
            <Button look="danger" aria-label={words.revokeOf(key.name)} onClick={() => setRevoking(key)}>
              {words.revoke}
            </Button>
          </li>
        ))}
      </ul>
      {revoking ? <RevokeDialog apiKey={revoking} onClose={() => setRevoking(null)} /> : null}
    </>
  );
}

function RevokeDialog({ apiKey, onClose }: { apiKey: ApiKey; onClose: () => void }) {
  const revoke = useRevokeKey();
  return (
    <ConfirmDialog
      title={words.revokeTitle(apiKey.name)}
      what={words.revokeWhat}
      submitLabel={words.revoke}
      busy={revoke.isPending}
      error={revoke.error}
      onSubmit={() => revoke.mutate(apiKey.id, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}

function NewSecret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog
      title={words.secret}
      onClose={onClose}
      footer={
        <Button look="primary" onClick={onClose}>
          {words.done}
        </Button>
      }
    >
      <div className="flex flex-col gap-4">
        <p>{words.made}</p>
        <CopyLine text={secret} />
      </div>
    </Dialog>
  );
}
