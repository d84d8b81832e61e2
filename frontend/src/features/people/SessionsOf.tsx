import type { ListedPerson } from '../../lib/apiTypes';
import { browserName } from '../../lib/browserName';
import { ago, dateTime, useNow } from '../../lib/time';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { FailedState, LoadingState } from '../../ui/States';
import { useEndSessionOf, useSessionsOf } from './peopleApi';
import { sessions as words } from './strings';

/** Where somebody is signed in, for owners to end: a sign-in link may have come into wrong hands. */
export function SessionsOf({ person, onClose }: { person: ListedPerson; onClose: () => void }) {
  const sessions = useSessionsOf(person.id);
  const end = useEndSessionOf(person.id);
  const now_ms = useNow();
  const called = person.email ?? person.name;
  return (
    <Dialog
      title={words.title(called)}
      onClose={onClose}
      footer={
        <Button look="quiet" onClick={onClose}>
          {words.close}
        </Button>
      }
    >
      {!sessions.data ? (
        sessions.error ? (
          <FailedState error={sessions.error} onRetry={() => void sessions.refetch()} />
        ) : (
          <LoadingState rows={1} />
        )
      ) : sessions.data.length === 0 ? (
        <p className="text-ink-2">{words.none}</p>
      ) : (
        <ul aria-label={words.title(called)} className="divide-y divide-line">
          {sessions.data.map((session) => (
            <li key={session.id} className="flex min-h-11 flex-wrap items-center gap-x-4 gap-y-1 py-2">
              <div className="min-w-0 flex-1 basis-48">
                <p className="font-medium break-words">{browserName(session.user_agent) ?? words.unknown}</p>
                <p className="text-sm text-ink-2">
                  {[
                    session.current ? words.current : null,
                    words.began(dateTime(session.created_at)),
                    words.used(ago(session.last_used_at, now_ms)),
                  ]
                    .filter(Boolean)
                    .join(' · ')}
                </p>
              </div>
              <Button look="danger" disabled={end.isPending} onClick={() => end.mutate(session.id)}>
                {words.end}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {end.error ? <FailedState error={end.error} /> : null}
    </Dialog>
  );
}
