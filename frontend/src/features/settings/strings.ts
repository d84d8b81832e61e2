export const words = {
  title: 'Settings',
  account: 'Account',
  signOut: 'Sign out',
  roles: { owner: 'Owner', member: 'Member', guest: 'Guest' },
  name: 'Name',
  email: 'E-mail',
  role: 'Role',
  none: 'None',
  appearance: 'Appearance',
  theme: 'Theme',
  themes: { system: 'As the system has it', light: 'Light', dark: 'Dark' },
  shortcuts: 'Keyboard shortcuts',
  shortcutsHint: 'Single keys such as c, / and g b. Press ? for the list. Ctrl or Cmd with K always works.',
};

export const sessions = {
  title: 'Where you are signed in',
  current: 'this browser',
  began: (date: string) => `since ${date}`,
  used: (age: string) => `used ${age}`,
  unknown: 'A browser',
  end: 'Sign out',
  save: 'Sign out another browser',
};

export const keys = {
  title: 'API keys',
  intro:
    'A key lets scripts do what you may do. Send it as “Authorization: Bearer …”. The API describes itself at',
  description: '/api/openapi.json',
  name: 'Name',
  nameHint: 'What the key is for, such as “nightly report”.',
  create: 'Make a key',
  list: 'Your API keys',
  empty: 'No keys yet.',
  made: 'This is the key. Copy it now: Roost stores only its fingerprint and never shows it again.',
  secret: 'The new key',
  done: 'I have stored it',
  ends: (last4: string) => `ends in ${last4}`,
  added: (date: string) => `made ${date}`,
  used: (age: string) => `last used ${age}`,
  unused: 'never used',
  revoke: 'Revoke',
  revokeOf: (name: string) => `Revoke ${name}`,
  revokeTitle: (name: string) => `Revoke ${name}?`,
  revokeWhat: 'Scripts that use this key are refused from now on. A revoked key cannot be brought back.',
  saves: { create: 'New API key', revoke: 'Revoke an API key' },
};
