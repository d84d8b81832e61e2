import { count } from '../../lib/time';

export const words = {
  title: 'Bots',
  add: 'Add a bot',
  list: 'Your bots',
  empty: 'No bots yet. Paste a token from BotFather.',
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
  token: 'Token',
  tokenHint: 'Message BotFather in Telegram, send /newbot, and paste the token it gives you.',
  botFather: 'Open BotFather',
  name: 'Name (optional)',
  nameHint: 'Left empty, the bot keeps the name it has in Telegram.',
  more: 'Model and prompt',
  model: 'Model (optional)',
  modelHint: 'Left empty, the bot uses the model set up for this Roost, or quotes passages without one.',
  start: 'Start it at once',
  submit: 'Add the bot',
  asking: 'Asking Telegram…',
  this: (handle: string) => `This is @${handle}.`,
  starting: 'It is starting. Say hello to it in Telegram.',
  stopped: 'It is stored and stopped. Start it when you like.',
  open: 'Open the bot',
  openTelegram: 'Open in Telegram',
  done: 'Done',
};

export const removing = {
  title: (name: string) => `Delete ${name}?`,
  what: 'Roost stops the bot and forgets its token and settings. The bot itself stays with BotFather. This cannot be undone.',
  type: (name: string) => `Type ${name} to confirm`,
  submit: 'Delete the bot',
};
