import { count } from '../../lib/time';

export const words = {
  title: 'Bots',
  add: 'Add a bot',
  list: 'Your bots',
  empty: 'No bots yet. Paste a token from BotFather or the Discord portal.',
  emptyOther: 'No token at hand? You can ask your docs right here:',
  toKnowledge: 'add a source',
  filter: 'Filter by name',
  nothing: (text: string) => `No bot is called “${text}”.`,
  needYou: (many: number, names: string) => `${many} ${many === 1 ? 'needs' : 'need'} you: ${names}.`,
  allRun: (many: number) => (many === 1 ? 'Your bot is running.' : `All ${many} bots are running.`),
  someRun: (running: number, all: number) =>
    all === 1 ? 'Your bot is not running.' : `${running} of ${all} bots are running.`,
  up: (age: string) => `Up ${age}`,
  today: (messages: number) => `${count(messages)} ${messages === 1 ? 'message' : 'messages'} today`,
  menu: (name: string) => `Actions for ${name}`,
  start: 'Start',
  stop: 'Stop',
  restart: 'Restart',
  edit: 'Edit',
  remove: 'Delete…',
  saves: {
    add: (name: string) => `New bot ${name}`.trim(),
    start: (name: string) => `Start ${name}`,
    stop: (name: string) => `Stop ${name}`,
    restart: (name: string) => `Restart ${name}`,
    remove: (name: string) => `Delete ${name}`,
  },
};

export const adding = {
  title: 'Add a bot',
  platform: 'Where it answers',
  token: 'Token',
  tokenHint: {
    telegram: 'Message BotFather in Telegram, send /newbot, and paste the token it gives you.',
    discord:
      'Create an application in the Discord developer portal, choose Reset Token on its Bot page, and paste the token it shows you. It needs no privileged intents.',
  },
  where: { telegram: 'Open BotFather', discord: 'Open the developer portal' },
  name: 'Name (optional)',
  nameHint: {
    telegram: 'Left empty, the bot keeps the name it has in Telegram.',
    discord: 'Left empty, the bot keeps the name it has on Discord.',
  },
  more: 'Model and prompt',
  model: 'Model (optional)',
  modelHint: 'Left empty, the bot uses the model set up for this Roost, or quotes passages without one.',
  start: 'Start it at once',
  submit: 'Add the bot',
  asking: { telegram: 'Asking Telegram…', discord: 'Asking Discord…' },
  this: (handle: string) => `This is @${handle}.`,
  open: 'Open the bot',
  done: 'Done',
};

export const removing = {
  title: (name: string) => `Delete ${name}?`,
  what: 'Roost stops the bot and forgets its token and settings. The bot itself stays on its platform. This cannot be undone.',
  type: (name: string) => `Type ${name} to confirm`,
  submit: 'Delete the bot',
};
