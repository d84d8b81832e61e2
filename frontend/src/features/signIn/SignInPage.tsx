import { useMutation } from '@tanstack/react-query';
import type { Session } from '../../lib/apiTypes';
import { Button, buttonLook } from '../../ui/Button';
import { useTitle } from '../../ui/Page';
import { FailedState } from '../../ui/States';
import { signInByLink, signInLocally } from './signInApi';
import { words } from './strings';

/** Stands before everything until the server knows who is there. */
export function SignInPage({
  signIn,
  linkCode,
  onSignedIn,
}: {
  signIn: Session['sign_in'];
  /** The code of the one-time link this page was opened with. */
  linkCode: string | null;
  onSignedIn: () => Promise<void>;
}) {
  useTitle(words.title);
  const local = useMutation({ mutationFn: signInLocally, onSuccess: onSignedIn, networkMode: 'always' });
  const link = useMutation({ mutationFn: signInByLink, onSuccess: onSignedIn, networkMode: 'always' });
  const failure = link.error ?? local.error;
  return (
    <main className="mx-auto flex min-h-dvh w-full max-w-md flex-col justify-center gap-5 px-4 py-8">
      <h1 className="text-2xl font-semibold">Roost</h1>
      <p className="text-ink-2">{words.intro}</p>
      {linkCode === null ? null : (
        <div className="flex flex-col gap-2">
          <p>{words.linkReady}</p>
          <Button look="primary" disabled={link.isPending} onClick={() => link.mutate(linkCode)}>
            {words.useLink}
          </Button>
        </div>
      )}
      {signIn.local ? (
        <div className="flex flex-col gap-2">
          <Button
            look={linkCode === null ? 'primary' : 'plain'}
            disabled={local.isPending}
            onClick={() => local.mutate()}
          >
            {words.local}
          </Button>
          <p className="text-sm text-ink-2">{words.localHint}</p>
        </div>
      ) : null}
      {signIn.google ? (
        <a href={toGoogle()} className={buttonLook(signIn.local ? 'plain' : 'primary')}>
          {words.google}
        </a>
      ) : null}
      {signIn.link && linkCode === null ? (
        <div className="flex flex-col gap-2">
          <p>{words.link}</p>
          <code className="rounded-1 bg-sunken px-3 py-2 font-mono text-sm">{words.linkCommand}</code>
        </div>
      ) : null}
      {signIn.local || signIn.google || signIn.link ? null : <p>{words.none}</p>}
      {failure ? <FailedState error={failure} /> : null}
    </main>
  );
}

/** Back to this very page afterwards. */
function toGoogle(): string {
  const page = location.pathname + location.search;
  return page === '/' ? '/auth/google' : `/auth/google?next=${encodeURIComponent(page)}`;
}
