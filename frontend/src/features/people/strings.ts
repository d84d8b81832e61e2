import type { AuditEntry, ListedPerson } from '../../lib/apiTypes';

export const words = {
  title: 'People',
  here: 'Who is here',
  name: 'Name',
  role: 'Role',
  roles: { owner: 'Owner', member: 'Member', guest: 'Guest' } satisfies Record<ListedPerson['role'], string>,
  grants: {
    settings: 'by the settings',
    invitation: 'by invitation',
    local: 'on this machine',
    nothing: 'may only ask',
  } satisfies Record<ListedPerson['grant'], string>,
  you: 'you',
  signedIn: (age: string) => `signed in ${age}`,
  bots: (count: number) => (count === 1 ? '1 bot' : `${count} bots`),
  makeMember: 'Make a member',
  makeGuest: 'Make a guest',
  makeMemberOf: (name: string) => `Make ${name} a member`,
  makeGuestOf: (name: string) => `Make ${name} a guest`,
  remove: 'Remove',
  removeOf: (name: string) => `Remove ${name}`,
  removeTitle: (name: string) => `Remove ${name}?`,
  removeWhat:
    'Their sessions and API keys end at once. Their bots become yours and keep running; a model key they brought is forgotten. Their conversations stay theirs. They cannot sign in again until you invite them.',
  guestTitle: (name: string) => `Make ${name} a guest?`,
  guestWhat:
    'They keep the chat only. Their API keys end, and their bots become yours and keep running; a model key they brought is forgotten.',
  saves: {
    invite: 'New invitation',
    withdraw: 'Withdraw an invitation',
    role: 'Role of a person',
    remove: 'Remove a person',
  },
};

export const invitations = {
  title: 'Invitations',
  intro:
    'Whoever signs in with an invited Google address becomes a member: they can add bots and sources. Roost sends no mail; tell them the address of this page.',
  email: 'E-mail address',
  invite: 'Invite',
  list: 'Open invitations',
  empty: 'No open invitations.',
  invited: (age: string) => `invited ${age}`,
  withdraw: 'Withdraw',
  withdrawOf: (email: string) => `Withdraw the invitation of ${email}`,
};

const actions = {
  signed_in: 'signed in',
  sign_in_failed: 'A sign-in failed',
  signed_out: 'signed out',
  session_ended: 'ended a session',
  person_invited: 'invited',
  invitation_withdrawn: 'withdrew the invitation of',
  role_changed: 'changed the role of',
  person_removed: 'removed',
  key_created: 'made the API key',
  key_revoked: 'revoked the API key',
  bot_created: 'added the bot',
  bot_changed: 'changed the bot',
  bot_token_changed: 'changed the token of',
  bot_started: 'started',
  bot_stopped: 'stopped',
  bot_restarted: 'restarted',
  bot_deleted: 'deleted the bot',
  source_added: 'added the source',
  source_changed: 'changed the source',
  widget_created: 'made the widget',
  widget_changed: 'changed the widget',
  widget_revoked: 'revoked the widget',
  source_deleted: 'deleted the source',
  decryption_refused: 'A stored secret was refused:',
  sign_in_link_made: 'made a sign-in link',
  secret_key_exchanged: 'exchanged SECRET_KEY',
  workspace_exported: 'exported their workspace',
  workspace_imported: 'imported a workspace',
  backed_up: 'backed up to',
  bucket_adopted: 'filled the bucket again:',
  conflict_dismissed: 'dismissed the conflict',
} satisfies Record<AuditEntry['action'], string>;

export const sessions = {
  open: (count: number) => (count === 1 ? '1 session' : `${count} sessions`),
  openOf: (name: string) => `Sessions of ${name}`,
  title: (name: string) => `Where ${name} is signed in`,
  none: 'Nowhere.',
  unknown: 'Unknown browser',
  current: 'this browser',
  began: (when: string) => `since ${when}`,
  used: (age: string) => `used ${age}`,
  end: 'Sign out',
  close: 'Close',
  save: 'Sign somebody out',
};

export const audit = {
  title: 'Log',
  intro:
    'Who signed in, and who changed people, keys, bots and sources, and who took data in or out. Kept for 400 days.',
  list: 'Log entries',
  empty: 'Nothing yet.',
  older: 'Show older entries',
  somebody: 'Roost',
  actions,
  /** One entry as a sentence. */
  sentence: ({ action, actor, subject, detail }: AuditEntry) => {
    const alone = action === 'sign_in_failed' || action === 'decryption_refused';
    const who = alone ? '' : `${actor ?? 'Roost'} `;
    const what = action === 'sign_in_failed' && subject ? `, from ${subject}` : subject ? ` ${subject}` : '';
    return `${who}${actions[action]}${what}${detail ? ` (${detail.replace(/\.$/, '')})` : ''}`;
  },
};
