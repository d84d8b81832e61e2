/** Words of the frame around the pages. */
export const frame = {
  product: 'Roost',
  skip: 'Skip to the content',
  pages: 'Pages',
  bots: 'Bots',
  ask: 'Ask',
  knowledge: 'Knowledge',
  insights: 'Insights',
  widgets: 'Widgets',
  status: 'Status',
  people: 'People',
  settings: 'Settings',
  addBot: 'Add a bot',
  more: 'More',
  notFound: 'This page does not exist. Use the list of pages to go on.',
  notFoundTitle: 'No such page',
  broken: 'This page failed to show. Nothing you saved is lost. Reload the page to go on.',
  brokenTitle: 'Something broke',
  reload: 'Reload the page',
  moving: 'Roost is moving to a new container.',
  kept: 'You can go on; what you write is saved in a moment.',
  lost: 'Roost does not answer. Trying again…',
  notReady: {
    restoring: 'Roost is restoring your data.',
    standby: 'Another copy of Roost is at work. This one stands by.',
    handover: 'Roost is handing over to a newer copy.',
    ready: '',
  },
  goesOn: 'The page goes on by itself.',
  connecting: 'Connecting to Roost…',
};

export const find = {
  open: 'Find',
  title: 'Find a page, a bot or an action',
  placeholder: 'Type a name',
  nothing: (text: string) => `Nothing is called “${text}”.`,
  results: 'Results',
  page: 'Page',
  bot: 'Bot',
  action: 'Action',
};

export const saving = {
  saving: 'Saving…',
  idle: 'All saved',
  saved: (time: string) => `Saved ${time}`,
  notSaved: (waiting: number) => `Not saved · ${waiting} waiting`,
  retry: 'Retry',
  queue: 'What is not saved yet',
  queueIntro: 'These changes did not reach Roost. They wait on this page: keep it open, and send them again.',
  retryAll: 'Send all again',
  discard: 'Discard',
};

export const theme = {
  label: 'Theme',
  light: 'Light',
  dark: 'Dark',
  system: 'System',
};

export const keys = {
  title: 'Keyboard shortcuts',
  off: 'Shortcuts are switched off. Ctrl or Cmd with K still works. Switch them on in Settings.',
  rows: [
    ['Ctrl K', 'Find a page, a bot or an action'],
    ['g b', 'Bots'],
    ['g a', 'Ask'],
    ['g k', 'Knowledge'],
    ['g i', 'Insights'],
    ['g w', 'Widgets'],
    ['g s', 'Status'],
    ['c', 'New bot, question or source'],
    ['/', 'Filter or search on this page'],
    ['j k', 'Next and previous row'],
    ['Enter', 'Open the row'],
    ['r', 'Restart the bot shown (asks first)'],
    ['Esc', 'Close'],
    ['?', 'This list'],
  ] as const,
};
