import type { Platform } from '../lib/apiTypes';

/** Words of the shared controls. */
export const controls = {
  close: 'Close',
  cancel: 'Cancel',
  copy: 'Copy',
  copied: 'Copied',
  loading: 'Loading…',
  retry: 'Try again',
  prompt: 'Prompt',
  ownPrompt: 'Your own text',
  promptText: 'Prompt text',
  promptHint: 'Tells the bot who it is and how to answer. Your docs are added to it by themselves.',
  showPrompt: 'Show the text',
};

export const platformNames = { telegram: 'Telegram', discord: 'Discord' } as const satisfies Record<
  Platform,
  string
>;

/** How a new bot is brought to its first message. */
export const setup = {
  title: 'Set up',
  heard: 'The first message has arrived. The bot is set up.',
  waiting: 'Waiting for the first message…',
  waitingHint: 'The tick comes by itself when the message arrives.',
  stopped: 'The bot is stopped. Start it, and it hears what was sent meanwhile.',
  crashed: 'The bot hears nothing until it runs again.',
  telegram: {
    say: 'Send /start to',
    privacyOn: 'In groups it sees only mentions, replies and commands (privacy mode is on).',
    privacyOnMore:
      'That is enough to answer when it is asked. To let it see every message, send /setprivacy to BotFather, choose the bot, choose Disable, then remove the bot from the group and add it again.',
    privacyOff: 'In groups Telegram shows it every message (privacy mode is off).',
    privacyOffMore:
      'It still answers only mentions, replies and commands. To show it less, send /setprivacy to BotFather, choose the bot, choose Enable, then remove the bot from the group and add it again.',
  },
  discord: {
    invite: 'Add the bot to your server',
    inviteHint: 'The link asks for the permissions the bot needs, no more.',
    say: (handle: string) => `Mention @${handle} in a channel, write to it privately, or use /ask.`,
  },
};
