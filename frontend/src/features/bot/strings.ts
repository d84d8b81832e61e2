import { count } from '../../lib/time';

export const words = {
  loadingTitle: 'Bot',
  back: 'All bots',
  missing: 'There is no such bot. It may have been deleted.',
  tabs: { logs: 'Logs', model: 'Model', knowledge: 'Knowledge', chats: 'Chats', activity: 'Activity' },
  tabsLabel: 'About this bot',
  setupLabel: 'Set-up',
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
  tokenHint: {
    telegram: 'Send /token to BotFather to get one. It must belong to the same bot.',
    discord:
      'Choose Reset Token on the Bot page of the Discord developer portal. It must belong to the same bot.',
  },
  usage: 'Tokens used today',
  usageOf: (used: string, limit: string) => `${used} of ${limit}`,
  usageNoLimit: (used: string) => `${used}, no limit`,
  usageHint: 'Counted for written answers, from midnight UTC. Quoted passages use none.',
  usageSpent: 'The limit is reached. Until midnight UTC answers are quoted passages.',
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

/** What carries a bot’s updates, by platform. */
export const transports = {
  telegram: { polling: 'Polling', webhook: 'Webhook' },
  discord: { polling: 'Gateway', webhook: 'Gateway and webhook' },
};

export const chats = {
  legend: 'The bot answers in',
  every: 'Every chat',
  everyHint: 'Anybody who finds the bot can ask it.',
  only: 'Only these chats',
  list: 'Numbers of chats',
  listHint: {
    telegram:
      'One to a line. A private chat has the person’s number, a group’s begins with a minus sign. A chat that is not listed is told its number once, so that whoever wrote there can send it to you.',
    discord:
      'One to a line: a channel, a whole server, or a person for private messages. Where the bot may not answer, its commands, such as /ask, reply with the number to add. Threads belong to their channel.',
  },
  wrong: (line: string) =>
    `“${line}” is not the number of a chat. Write digits only, such as -1001234567890.`,
  missing: 'List at least one chat.',
  save: 'Save',
  saved: 'Saved. A running bot takes it at once.',
  groups: 'In groups',
  unknown: 'Telegram says what the bot is shown in groups once the bot has run.',
  transport: {
    telegram: 'How messages reach Roost',
    discord: 'How slash commands and presses of buttons reach Roost',
  },
  transportHints: {
    telegram: {
      polling: 'Roost asks Telegram for messages. Works everywhere, also behind a firewall.',
      webhook:
        'Telegram brings messages to PUBLIC_URL. Roost must be reachable there from the internet, with https.',
    },
    discord: {
      polling:
        'They come over the connection to Discord, as messages do. Works everywhere, also behind a firewall.',
      webhook:
        'Discord brings them to PUBLIC_URL. Roost must be reachable there from the internet, with https. Messages and mentions still come over the connection to Discord.',
    },
  },
  transportSave: 'Change',
};

export const activity = {
  today: 'Messages today',
  contact: { telegram: 'Last contact with Telegram', discord: 'Last contact with Discord' },
  message: 'Last message',
  never: 'Not yet',
  status: 'As it is since',
  desired: 'Wanted',
  desiredWords: { running: 'Running', stopped: 'Stopped' },
  transport: 'Updates arrive by',
  chats: 'Answers in',
  allChats: 'All chats',
  someChats: (chats: number) => `${count(chats)} ${chats === 1 ? 'chat' : 'chats'} only`,
  created: 'Added',
  changed: 'Last changed',
  token: 'Token ends in',
};
