import type { OpenSession } from '../../lib/apiTypes';
import { browserName } from '../../lib/browserName';
import { ago, dateTime, useNow } from '../../lib/time';
import { Button } from '../../ui/Button';
import { listLook, rowLook } from '../../ui/looks';
import { FailedState, LoadingState } from '../../ui/States';
import { useEndSession, useSessions } from './settingsApi';
import { sessions as words } from './strings';

/** Where this person is signed in; any other browser can be signed out from here. */
export function Sessions() {
  const sessions = useSessions();
  const end = useEndSession();
  const now_ms = useNow();
  if (!sessions.data)
    return sessions.error ? (
      <FailedState error={sessions.error} onRetry={() => void sessions.refetch()} />
    ) : (
      <LoadingState rows={1} />
    );
  const about = (session: OpenSession) =>
    [
      session.current ? words.current : null,
      words.began(dateTime(session.created_at)),
      words.used(ago(session.last_used_at, now_ms)),
    ]
      .filter(Boolean)
      .join(' · ');
  return (
    <div className="flex flex-col gap-3">
      <ul aria-label={words.title} className={listLook}>
        {sessions.data.map((session) => (
          <li key={session.id} className={rowLook}>
            <div className="min-w-0 flex-1 basis-48">
              <p className="font-medium break-words">{browserName(session.user_agent) ?? words.unknown}</p>
              <p className="text-sm text-ink-2">{about(session)}</p>
            </div>
            {session.current ? null : (
              <Button look="danger" disabled={end.isPending} onClick={() => end.mutate(session.id)}>
                {words.end}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {end.error ? <FailedState error={end.error} /> : null}
    </div>
  );
}
