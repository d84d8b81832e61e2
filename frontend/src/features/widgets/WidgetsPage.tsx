import { Link } from '@tanstack/react-router';
import { Plus } from 'lucide-react';
import { useState } from 'react';
import type { Widget } from '../../lib/apiTypes';
import { useBots } from '../../lib/bots';
import { useUser } from '../../lib/session';
import { useShortcut } from '../../lib/shortcuts';
import { dateTime } from '../../lib/time';
import { useWidgets } from '../../lib/widgets';
import { Button, buttonLook } from '../../ui/Button';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { CopyLine } from '../../ui/CopyLine';
import { Dialog } from '../../ui/Dialog';
import { listLook } from '../../ui/looks';
import { Page } from '../../ui/Page';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import { ready, widgets as words } from './strings';
import { WidgetForm } from './WidgetForm';
import { useChangeWidget, useCreateWidget, useRevokeWidget, useSetLogo } from './widgetsApi';

/** The chats on people's own sites: made, changed, revoked, and the line that puts one into a page. */
export function WidgetsPage() {
  const found = useWidgets();
  const user = useUser();
  const [making, setMaking] = useState(false);
  const make = () => setMaking(true);
  useShortcut('c', make);
  const button = (
    <Button look="primary" onClick={make}>
      <Plus size={16} aria-hidden />
      {words.make}
    </Button>
  );
  return (
    <Page title={words.title} actions={found.data && found.data.length > 0 ? button : null}>
      <p className="max-w-prose text-ink-2">{words.intro}</p>
      {found.data ? (
        found.data.length === 0 ? (
          <EmptyState action={button}>{words.empty}</EmptyState>
        ) : (
          <>
            <ul aria-label={user?.role === 'owner' ? words.all : words.list} className={listLook}>
              {found.data.map((widget) => (
                <Row key={widget.id} widget={widget} />
              ))}
            </ul>
            <p className="max-w-prose text-sm text-ink-2">{words.public}</p>
          </>
        )
      ) : found.error ? (
        <FailedState error={found.error} onRetry={() => void found.refetch()} />
      ) : (
        <LoadingState rows={2} />
      )}
      {making ? <NewWidgetDialog onClose={() => setMaking(false)} /> : null}
    </Page>
  );
}

function Row({ widget }: { widget: Widget }) {
  const user = useUser();
  const bots = useBots().data ?? [];
  const [asking, setAsking] = useState<'change' | 'revoke' | null>(null);
  const mine = widget.owner_id === user?.id;
  const bot = bots.find(({ id }) => id === widget.bot_id);
  const close = () => setAsking(null);
  return (
    <li className="flex min-w-0 flex-col gap-2 px-4 py-3">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-60">
          <p className="flex items-center gap-2 font-medium break-words">
            <span
              aria-hidden
              className="size-3 shrink-0 rounded-full border border-line-strong/60"
              style={{ backgroundColor: widget.look.accent }}
            />
            {widget.name}
          </p>
          <p className="text-sm break-words text-ink-2">
            {[
              widget.origins.map((each) => each.replace(/^https:\/\//, '')).join(', '),
              widget.bot_id === null ? words.answersFromAll : words.answersFrom(bot?.name ?? words.goneBot),
              words.made(dateTime(widget.created_at)),
              ...(mine ? [] : [words.of]),
            ].join(' · ')}
          </p>
        </div>
        <div className="flex flex-wrap gap-2">
          <Link to="/insights" search={{ widget: widget.id }} className={buttonLook('quiet')}>
            {words.insights}
          </Link>
          {mine ? (
            <Button aria-label={words.editOf(widget.name)} onClick={() => setAsking('change')}>
              {words.edit}
            </Button>
          ) : null}
          <Button look="danger" aria-label={words.revokeOf(widget.name)} onClick={() => setAsking('revoke')}>
            {words.revoke}
          </Button>
        </div>
      </div>
      <CopyLine text={widget.snippet} label={words.copyOf(widget.name)} />
      {asking === 'change' ? <ChangeDialog widget={widget} onClose={close} /> : null}
      {asking === 'revoke' ? <RevokeDialog widget={widget} onClose={close} /> : null}
    </li>
  );
}

function NewWidgetDialog({ onClose }: { onClose: () => void }) {
  const create = useCreateWidget();
  const setLogo = useSetLogo();
  const logoMissing = setLogo.error ? new Error(ready.noLogo(setLogo.error.message)) : null;
  if (!create.data)
    return (
      <WidgetForm
        widget={null}
        busy={create.isPending}
        error={create.error}
        onSubmit={(widget, logo) =>
          create.mutate(widget, {
            onSuccess: ({ id }) => {
              if (logo) setLogo.mutate({ id, logo });
            },
          })
        }
        onClose={onClose}
      />
    );
  const origin = new URL(create.data.snippet.match(/src="([^"]+)"/)?.[1] ?? location.href).origin;
  return (
    <Dialog
      title={ready.title}
      onClose={onClose}
      footer={
        <Button look="primary" onClick={onClose}>
          {ready.done}
        </Button>
      }
    >
      <div className="flex flex-col gap-4">
        {logoMissing ? (
          <FailedState
            error={logoMissing}
            onRetry={() => setLogo.variables && setLogo.mutate(setLogo.variables)}
          />
        ) : null}
        <p>{ready.paste}</p>
        <CopyLine text={create.data.snippet} label={words.copyOf(create.data.name)} />
        <div className="flex flex-col gap-1 text-sm text-ink-2">
          <p>{words.policy}</p>
          <code className="rounded-1 bg-sunken px-3 py-2 font-mono break-all select-all">
            {words.policyLine(origin)}
          </code>
        </div>
      </div>
    </Dialog>
  );
}

function ChangeDialog({ widget, onClose }: { widget: Widget; onClose: () => void }) {
  const change = useChangeWidget();
  const setLogo = useSetLogo();
  const { id } = widget;
  return (
    <WidgetForm
      widget={widget}
      busy={change.isPending || setLogo.isPending}
      error={change.error ?? setLogo.error}
      onSubmit={(to, logo) =>
        change.mutate(
          { id, change: to },
          {
            onSuccess: () => {
              if (logo === undefined) onClose();
              else setLogo.mutate({ id, logo }, { onSuccess: onClose });
            },
          },
        )
      }
      onClose={onClose}
    />
  );
}

function RevokeDialog({ widget, onClose }: { widget: Widget; onClose: () => void }) {
  const revoke = useRevokeWidget();
  return (
    <ConfirmDialog
      title={words.revokeTitle(widget.name)}
      what={words.revokeWhat}
      submitLabel={words.revoke}
      busy={revoke.isPending}
      error={revoke.error}
      onSubmit={() => revoke.mutate(widget.id, { onSuccess: onClose })}
      onClose={onClose}
    />
  );
}
