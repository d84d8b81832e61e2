import { count } from '../../lib/time';

export const words = {
  loadingTitle: 'Bot',
  back: 'All bots',
  missing: 'There is no such bot. It may have been deleted.',
  tabs: { logs: 'Logs', model: 'Model', knowledge: 'Knowledge', activity: 'Activity' },
  tabsLabel: 'About this bot',
  openTelegram: 'Open in Telegram',
  start: 'Start',
  stop: 'Stop',
  restart: 'Restart',
  restartTitle: (name: string) => `Restart ${name}?`,
  restartWhat: 'It stops answering for a few seconds. Nothing that was asked is lost.',
  up: (age: string) => `Up ${age}`,
  saves: {
    start: (name: string) => `Start ${name}`,
    stop: (name: string) => `Stop ${name}`,
    restart: (name: string) => `Restart ${name}`,
    change: (name: string) => `Settings of ${name}`,
  },
};

export const logs = {
  label: 'Log',
  level: 'Level',
  levels: { debug: 'Everything', info: 'Info and worse', warning: 'Warnings and errors', error: 'Errors' },
  search: 'Search the log',
  wrap: 'Wrap lines',
  download: 'Download',
  empty: 'Nothing logged yet. Lines appear when the bot starts.',
  noMatch: 'No line matches.',
  dropped: (lines: number) =>
    `${count(lines)} ${lines === 1 ? 'line' : 'lines'} dropped: only the latest are kept.`,
  jump: 'Go to the latest',
  jumpNew: (lines: number) => `${count(lines)} new ${lines === 1 ? 'line' : 'lines'}`,
  live: 'Live',
  paused: 'Paused while you read',
};

export const model = {
  name: 'Name',
  model: 'Model',
  modelHint: 'Left empty, the bot uses the model set up for this Roost, or quotes passages without one.',
  baseUrl: 'Base URL',
  baseUrlHint:
    'Of an OpenAI-compatible endpoint, such as https://api.openai.com/v1. Left empty: the one of this Roost.',
  apiKey: 'API key',
  apiKeyStored: 'A key is stored. It is never shown. Paste another to replace it.',
  apiKeyNone: 'Left empty, the key of this Roost is used.',
  forgetKey: 'Forget the stored key',
  save: 'Save',
  unsaved: 'You have changes that are not saved.',
  saved: 'Saved. A running bot takes them at once.',
  tokenTitle: 'Token',
  tokenNow: (last4: string) => `The token in use ends in ${last4}.`,
  tokenNew: 'New token',
  tokenHint: 'Send /token to BotFather to get one. It must belong to the same bot.',
  tokenSave: 'Change the token',
  tokenSaved: 'The token is changed.',
};

export const knowledge = {
  legend: 'Answers come from',
  all: 'Every source',
  allHint: 'Sources you add later are used too.',
  some: 'Only these',
  none: 'No sources yet. Add a site, GitBook or blog first.',
  toKnowledge: 'Go to Knowledge',
  manual: 'Manual of Roost',
  chooseOne: 'Choose at least one source.',
  save: 'Save',
  saved: 'Saved. A running bot takes it at once.',
};

export const activity = {
  today: 'Messages today',
  contact: 'Last contact with Telegram',
  never: 'Not yet',
  status: 'As it is since',
  desired: 'Wanted',
  desiredWords: { running: 'Running', stopped: 'Stopped' },
  transport: 'Updates arrive by',
  transports: { polling: 'Polling', webhook: 'Webhook' },
  chats: 'Answers in',
  allChats: 'All chats',
  someChats: (chats: number) => `${count(chats)} ${chats === 1 ? 'chat' : 'chats'} only`,
  created: 'Added',
  changed: 'Last changed',
  token: 'Token ends in',
};
