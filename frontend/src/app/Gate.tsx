import { useQueryClient } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { api } from '../lib/apiClient';
import type { Person, Session } from '../lib/apiTypes';
import { queryKeys } from '../lib/queryKeys';
import { useSession } from '../lib/session';
import { FailedState } from '../ui/States';
import { signedOut } from './liveUpdates';
import { Shell } from './Shell';
import { frame } from './strings';

const SignInPage = lazy(async () => ({
  default: (await import('../features/signIn/SignInPage')).SignInPage,
}));

/**
 * Decides between the pages and what stands before them: connecting, restoring, signing in.
 *
 * Once pages were shown they stay mounted, covered, while their person signs in again: nothing typed is lost.
 * Somebody else signing in starts afresh.
 */
export function Gate() {
  const client = useQueryClient();
  const session = useSession();
  const { data } = session;
  const lastUser = useRef<Person | null>(null);
  const [linkCode, setLinkCode] = useState(readLinkCode);

  useEffect(() => api.onUnauthorized(() => signedOut(client)), [client]);
  useEffect(
    () => api.onMoving(() => void client.invalidateQueries({ queryKey: queryKeys.session })),
    [client],
  );

  if (data?.user && data.user.id !== lastUser.current?.id) {
    if (lastUser.current) client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
    lastUser.current = data.user;
  }

  const onSignedIn = async () => {
    setLinkCode(null);
    await client.invalidateQueries({ queryKey: queryKeys.session });
    // What was refused while nobody was signed in.
    await client.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== queryKeys.session[0] });
  };

  const user = lastUser.current;
  // While Roost moves to another container the pages stay: they read, and their writes wait by themselves.
  const moves = user !== null && data !== undefined && data.state !== 'ready';
  const before = moves ? null : whatComesBefore(data, session.error, linkCode, onSignedIn);
  return (
    <>
      {user ? <Shell key={user.id} user={user} /> : null}
      {user && before ? <Cover>{before}</Cover> : before}
    </>
  );
}

function whatComesBefore(
  session: Session | undefined,
  error: Error | null,
  linkCode: string | null,
  onSignedIn: () => Promise<void>,
) {
  if (!session) return <Waiting error={error} />;
  if (session.state !== 'ready') return <NotReady session={session} />;
  if (session.user && linkCode === null) return null;
  return (
    <Suspense fallback={<Waiting error={null} />}>
      <SignInPage signIn={session.sign_in} linkCode={linkCode} onSignedIn={onSignedIn} />
    </Suspense>
  );
}

/** The code of a one-time link (`/auth/link#CODE`), which never reaches a server's log. */
function readLinkCode(): string | null {
  return location.pathname === '/auth/link' && location.hash.length > 1 ? location.hash.slice(1) : null;
}

function Waiting({ error }: { error: Error | null }) {
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-4 px-4">
      <h1 className="text-xl font-semibold">{frame.product}</h1>
      {error ? <FailedState error={error} /> : <p role="status">{frame.connecting}</p>}
    </main>
  );
}

function NotReady({ session }: { session: Session }) {
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-3 px-4">
      <h1 className="text-xl font-semibold">{frame.product}</h1>
      <div role="status" className="flex flex-col gap-1">
        <p>{frame.notReady[session.state]}</p>
        {session.reason ? <p className="text-ink-2">{session.reason}</p> : null}
        <p className="text-ink-2">{frame.goesOn}</p>
      </div>
    </main>
  );
}

/** Lies over everything, open dialogs too: only the top one of the browser's modal dialogs can be used. */
function Cover({ children }: { children: ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  const cover = () => {
    if (ref.current && !ref.current.open) ref.current.showModal();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, while it is shown
  useLayoutEffect(() => {
    cover();
    const dialog = ref.current;
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={ref}
      aria-label={frame.product}
      onCancel={(event) => event.preventDefault()}
      // Browsers close on a second Esc whatever a page says.
      onClose={cover}
      className="m-0 h-dvh max-h-none w-full max-w-none overflow-y-auto bg-paper p-0 text-ink"
    >
      {children}
    </dialog>
  );
}
