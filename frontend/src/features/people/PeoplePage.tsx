import { type FormEvent, useState } from 'react';
import type { ListedPerson } from '../../lib/apiTypes';
import { fieldError, formError } from '../../lib/formErrors';
import { useUser } from '../../lib/session';
import { ago, dateTime, useNow } from '../../lib/time';
import { Button } from '../../ui/Button';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { TextField } from '../../ui/Field';
import { listLook, rowLook } from '../../ui/looks';
import { Page, Section } from '../../ui/Page';
import { EmptyState, FailedState, LoadingState } from '../../ui/States';
import {
  useAudit,
  useInvitations,
  useInvite,
  usePeople,
  useRemove,
  useSetRole,
  useWithdraw,
} from './peopleApi';
import { SessionsOf } from './SessionsOf';
import { audit, invitations as invitationWords, sessions as sessionWords, words } from './strings';

/** For owners: who is here, who is invited, who did what. */
export function PeoplePage() {
  return (
    <Page title={words.title}>
      <div className="flex flex-col gap-10">
        <Section title={words.here}>
          <Everybody />
        </Section>
        <Section title={invitationWords.title}>
          <Invitations />
        </Section>
        <Section title={audit.title}>
          <Log />
        </Section>
      </div>
    </Page>
  );
}

type Question = { person: ListedPerson; ask: 'remove' | 'guest' };

function Everybody() {
  const people = usePeople();
  const setRole = useSetRole();
  const me = useUser();
  const now_ms = useNow();
  const [question, setQuestion] = useState<Question | null>(null);
  const [looking, setLooking] = useState<ListedPerson | null>(null);
  if (!people.data)
    return people.error ? (
      <FailedState error={people.error} onRetry={() => void people.refetch()} />
    ) : (
      <LoadingState rows={2} />
    );
  return (
    <>
      <ul aria-label={words.here} className={listLook}>
        {people.data.map((person) => {
          const called = person.email ?? person.name;
          const movable = person.grant === 'invitation' || person.grant === 'nothing';
          const removable = person.role !== 'owner' && person.id !== me?.id;
          return (
            <li key={person.id} className={rowLook}>
              <div className="min-w-0 flex-1 basis-48">
                <p className="font-medium break-words">
                  {person.name}
                  {person.id === me?.id ? <span className="text-ink-2"> ({words.you})</span> : null}
                </p>
                <p className="text-sm break-words text-ink-2">
                  {[
                    person.email,
                    `${words.roles[person.role]} ${words.grants[person.grant]}`,
                    words.bots(person.bots),
                    person.last_signed_in_at ? words.signedIn(ago(person.last_signed_in_at, now_ms)) : null,
                  ]
                    .filter(Boolean)
                    .join(' · ')}
                </p>
              </div>
              {movable && person.role === 'guest' ? (
                <Button
                  disabled={setRole.isPending}
                  aria-label={words.makeMemberOf(called)}
                  onClick={() => setRole.mutate({ id: person.id, role: 'member' })}
                >
                  {words.makeMember}
                </Button>
              ) : null}
              {movable && person.role === 'member' ? (
                <Button
                  aria-label={words.makeGuestOf(called)}
                  onClick={() => setQuestion({ person, ask: 'guest' })}
                >
                  {words.makeGuest}
                </Button>
              ) : null}
              {person.sessions > 0 && person.id !== me?.id ? (
                <Button
                  look="quiet"
                  aria-label={sessionWords.openOf(called)}
                  onClick={() => setLooking(person)}
                >
                  {sessionWords.open(person.sessions)}
                </Button>
              ) : null}
              {removable ? (
                <Button
                  look="danger"
                  aria-label={words.removeOf(called)}
                  onClick={() => setQuestion({ person, ask: 'remove' })}
                >
                  {words.remove}
                </Button>
              ) : null}
            </li>
          );
        })}
      </ul>
      {setRole.error ? <FailedState error={setRole.error} /> : null}
      {question ? <Confirm {...question} onClose={() => setQuestion(null)} /> : null}
      {looking ? <SessionsOf person={looking} onClose={() => setLooking(null)} /> : null}
    </>
  );
}

function Confirm({ person, ask, onClose }: Question & { onClose: () => void }) {
  const remove = useRemove();
  const setRole = useSetRole();
  const called = person.email ?? person.name;
  const go = () => {
    if (ask === 'remove') remove.mutate(person.id, { onSuccess: onClose });
    else setRole.mutate({ id: person.id, role: 'guest' }, { onSuccess: onClose });
  };
  return (
    <ConfirmDialog
      title={ask === 'remove' ? words.removeTitle(called) : words.guestTitle(called)}
      what={ask === 'remove' ? words.removeWhat : words.guestWhat}
      submitLabel={ask === 'remove' ? words.remove : words.makeGuest}
      busy={remove.isPending || setRole.isPending}
      error={remove.error ?? setRole.error}
      onSubmit={go}
      onClose={onClose}
    />
  );
}

function Invitations() {
  const open = useInvitations();
  const invite = useInvite();
  const withdraw = useWithdraw();
  const now_ms = useNow();
  const [email, setEmail] = useState('');
  const other = formError(invite.error, ['email']);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (email.trim() && !invite.isPending) invite.mutate(email.trim(), { onSuccess: () => setEmail('') });
  }

  return (
    <div className="flex flex-col gap-4">
      <p className="max-w-prose text-ink-2">{invitationWords.intro}</p>
      <form onSubmit={submit} noValidate className="flex flex-wrap items-start gap-2">
        <div className="min-w-0 flex-1 basis-60">
          <TextField
            label={invitationWords.email}
            type="email"
            autoComplete="off"
            required
            maxLength={254}
            error={fieldError(invite.error, 'email')}
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
        </div>
        <Button type="submit" disabled={!email.trim() || invite.isPending} className="mt-6">
          {invitationWords.invite}
        </Button>
      </form>
      {other ? <FailedState error={new Error(other)} /> : null}
      {open.data ? (
        open.data.length === 0 ? (
          <EmptyState>{invitationWords.empty}</EmptyState>
        ) : (
          <ul aria-label={invitationWords.list} className={listLook}>
            {open.data.map((invitation) => (
              <li key={invitation.id} className={rowLook}>
                <div className="min-w-0 flex-1 basis-48">
                  <p className="font-medium break-all">{invitation.email}</p>
                  <p className="text-sm text-ink-2">
                    {invitationWords.invited(ago(invitation.created_at, now_ms))}
                  </p>
                </div>
                <Button
                  aria-label={invitationWords.withdrawOf(invitation.email)}
                  disabled={withdraw.isPending}
                  onClick={() => withdraw.mutate(invitation.id)}
                >
                  {invitationWords.withdraw}
                </Button>
              </li>
            ))}
          </ul>
        )
      ) : open.error ? (
        <FailedState error={open.error} onRetry={() => void open.refetch()} />
      ) : (
        <LoadingState rows={1} />
      )}
      {withdraw.error ? <FailedState error={withdraw.error} /> : null}
    </div>
  );
}

function Log() {
  const log = useAudit();
  const entries = log.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="flex flex-col gap-3">
      <p className="max-w-prose text-ink-2">{audit.intro}</p>
      {log.data ? (
        entries.length === 0 ? (
          <EmptyState>{audit.empty}</EmptyState>
        ) : (
          <ol aria-label={audit.list} className={listLook}>
            {entries.map((entry) => (
              <li key={entry.id} className="flex flex-wrap gap-x-4 gap-y-0.5 px-4 py-2">
                <time dateTime={entry.at} className="shrink-0 basis-40 text-sm text-ink-2 tabular-nums">
                  {dateTime(entry.at)}
                </time>
                <p className="min-w-0 flex-1 basis-60 break-words">{audit.sentence(entry)}</p>
              </li>
            ))}
          </ol>
        )
      ) : log.error ? (
        <FailedState error={log.error} onRetry={() => void log.refetch()} />
      ) : (
        <LoadingState rows={3} />
      )}
      {log.hasNextPage ? (
        <Button
          className="self-start"
          disabled={log.isFetchingNextPage}
          onClick={() => void log.fetchNextPage()}
        >
          {audit.older}
        </Button>
      ) : null}
    </div>
  );
}
