import type { BotStatus, CrawlStage, State } from '../../lib/apiTypes';

/** Words of the Status page. */
export const status = {
  title: 'Status',
  ready: (version: string) => `Roost ${version} is ready.`,
  states: {
    restoring: 'Roost is restoring your data.',
    standby: 'Another copy of Roost is at work. This one stands by.',
    handover: 'Roost is handing over to a newer copy.',
    ready: '',
  } satisfies Record<State, string>,
  notReady: 'Roost is not ready.',
  up: (age: string, since: string) => `Up ${age}, since ${since}.`,
};

export const picture = {
  label: 'How a question travels',
  sources: 'Sources',
  pages: (pages: number, count: string) => (pages === 1 ? '1 page' : `${count} pages`),
  from: (sources: number, count: string) => (sources === 1 ? 'from 1 source' : `from ${count} sources`),
  noSources: 'None yet',
  index: 'Index',
  indexNow: (chunks: string) => `${chunks} passages`,
  vectors: (share: string) => `${share} with vectors`,
  noIndex: 'Empty',
  answers: 'Answers',
  quoted: 'Quoted passages',
  quotedHint: 'Set OPENAI_API_KEY for written answers.',
  written: (model: string) => `Written by ${model}`,
  people: 'People',
  page: 'This page',
  bots: (running: string, all: string) => `${running} of ${all} bots running`,
  noBots: 'No bots yet',
};

export const bots = {
  title: 'Bots',
  none: 'No bots yet.',
  states: {
    running: 'Running',
    starting: 'Starting',
    stopped: 'Stopped',
    degraded: 'Degraded',
    crashed: 'Crashed',
  } satisfies Record<BotStatus, string>,
};

export const crawl = {
  title: 'Crawl',
  none: 'No sources yet.',
  manual: 'Roost’s own manual',
  stages: {
    idle: 'Up to date',
    discovering: 'Looking for pages',
    fetching: 'Reading',
    indexing: 'Indexing',
    embedding: 'Making vectors',
  } satisfies Record<CrawlStage, string>,
  progress: (done: string, total: string) => `${done} of ${total}`,
  failed: (count: string) => `${count} failed`,
  paused: 'Paused',
  never: 'Never read completely',
  last: (ago: string) => `Last read ${ago}`,
  open: 'Open Knowledge',
};

export const data = {
  title: 'Data',
  database: 'Database',
  sqlite: (version: string) => `SQLite ${version}`,
  tiers: 'Tiers',
  backup: 'Backup',
  noBucket: 'No bucket configured: data stays in DATA_DIR',
  bucket: 'Bucket',
  lastBackup: 'Last backup',
  noBackup: 'None yet',
  trouble: 'Trouble',
  adopt: 'Fill the bucket again',
  conflicts: 'Set aside',
  dismiss: 'Dismiss',
  lag: 'Behind by',
  lagNow: (age: string) => age,
  unshipped: 'Not shipped yet',
  bytes: (count: string) => `${count} bytes`,
  lastShipped: 'Last shipped',
  holder: 'Lease held by',
  thisServer: 'This server',
  position: 'Epoch, sequence',
  cost: 'Storage cost a month',
  costSoon: 'Known ten minutes after a start',
};

export const unanswered = {
  title: 'Questions your docs don’t answer',
  none: 'None. Every question so far found something in your docs.',
  hint: 'Write a page for these, or add a source that covers them.',
  where: { web: 'in the page', telegram: 'on Telegram', discord: 'on Discord', widget: 'on a site' },
  more: 'Show more',
};
