import { useMutation } from '@tanstack/react-query';
import { setPreferences, type Theme, usePreferences } from '../../lib/preferences';
import { useUser } from '../../lib/session';
import { Button } from '../../ui/Button';
import { Checkbox } from '../../ui/Field';
import { Page, Section } from '../../ui/Page';
import { FailedState } from '../../ui/States';
import { ApiKeys } from './ApiKeys';
import { Sessions } from './Sessions';
import { signOut } from './settingsApi';
import { keys, sessions, words } from './strings';

const themes = Object.keys(words.themes) as Theme[];

export function SettingsPage() {
  const guest = useUser()?.role === 'guest';
  return (
    <Page title={words.title}>
      <div className="flex flex-col gap-10">
        <Section title={words.account}>
          <Account />
        </Section>
        <Section title={words.appearance}>
          <Appearance />
        </Section>
        <Section title={sessions.title}>
          <Sessions />
        </Section>
        {guest ? null : (
          <Section title={keys.title}>
            <ApiKeys />
          </Section>
        )}
      </div>
    </Page>
  );
}

function Account() {
  const user = useUser();
  const leave = useMutation({
    mutationFn: signOut,
    networkMode: 'always',
    // A fresh page: nothing of this person stays in memory.
    onSuccess: () => location.assign('/'),
  });
  if (!user) return null;
  return (
    <div className="flex flex-col items-start gap-3">
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-1">
        <dt className="text-ink-2">{words.name}</dt>
        <dd className="break-words">{user.name}</dd>
        <dt className="text-ink-2">{words.email}</dt>
        <dd className="break-all">{user.email ?? words.none}</dd>
        <dt className="text-ink-2">{words.role}</dt>
        <dd>{words.roles[user.role]}</dd>
      </dl>
      <Button disabled={leave.isPending} onClick={() => leave.mutate()}>
        {words.signOut}
      </Button>
      {leave.error ? <FailedState error={leave.error} /> : null}
    </div>
  );
}

function Appearance() {
  const { theme, shortcuts } = usePreferences();
  return (
    <div className="flex flex-col gap-2">
      <fieldset className="flex flex-wrap gap-x-5">
        <legend className="mb-1 text-sm font-medium">{words.theme}</legend>
        {themes.map((each) => (
          <label
            key={each}
            className="flex min-h-9 cursor-pointer items-center gap-2 pointer-coarse:min-h-11"
          >
            <input
              type="radio"
              name="theme"
              checked={theme === each}
              onChange={() => setPreferences({ theme: each })}
              className="size-4 accent-accent"
            />
            {words.themes[each]}
          </label>
        ))}
      </fieldset>
      <Checkbox
        label={words.shortcuts}
        hint={words.shortcutsHint}
        checked={shortcuts}
        onChange={(event) => setPreferences({ shortcuts: event.target.checked })}
      />
    </div>
  );
}
