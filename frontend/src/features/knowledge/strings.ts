import type { CrawlStage, SourceKind } from '../../lib/apiTypes';

/** Words of the Knowledge page. */
export const knowledge = {
  title: 'Knowledge',
  add: 'Add a source',
  totals: 'Totals',
  pages: 'Pages',
  chunks: 'Passages',
  vectors: 'With vectors',
  version: 'Index version',
  stage: 'Now',
  ready: 'Ready',
  building: 'Building the index',
  notReady: 'No pages yet',
  sources: 'Sources',
  resyncAll: 'Re-sync all',
  cancelAll: 'Cancel all',
  pauseAll: 'Pause all',
  resumeAll: 'Resume all',
  empty: 'Add a site, GitBook or blog.',
  emptyHint: 'Roost reads it, keeps it fresh, and answers from it.',
  ask: 'Ask your docs',
  askHint: (pages: string) => `${pages} can be asked about.`,
};

export const kinds: Record<SourceKind, string> = {
  website: 'Website',
  gitbook: 'GitBook',
  blog: 'Blog',
  manual: 'Manual',
};

export const stages: Record<CrawlStage, string> = {
  idle: 'Up to date',
  discovering: 'Looking for pages',
  fetching: 'Reading',
  indexing: 'Indexing',
  embedding: 'Making vectors',
};

export const adding = {
  title: 'Add a source',
  kind: 'What is it?',
  url: 'Address',
  urlHint: 'Roost starts here and reads the pages of the same site.',
  placeholder: 'https://docs.example.com',
  needUrl: 'Type the address of a website, for example https://docs.example.com',
  submit: 'Add',
  submitKind: (kind: string) => `Add this ${kind}`,
  adding: 'Adding…',
  cancel: 'Cancel',
  or: 'or',
  manual: 'Use Roost’s own manual',
  manualHint: 'A sample that needs no network: a few pages on Roost itself.',
};

export const source = {
  manual: 'Roost’s own manual',
  progress: (done: string, total: string) => `${done} of ${total}`,
  soFar: (done: string) => `${done} so far`,
  pages: (count: string) => `${count} pages`,
  onePage: '1 page',
  failed: (count: string) => `${count} failed`,
  never: 'Never read completely',
  success: (ago: string) => `Last read ${ago}`,
  next: (when: string) => `next ${when}`,
  soon: 'soon',
  every: (period: string) => `every ${period}`,
  paused: 'Paused',
  waiting: 'Waiting for its turn',
  resync: 'Re-sync',
  cancel: 'Cancel',
  pause: 'Pause',
  resume: 'Resume',
  period: 'How often',
  remove: 'Remove',
  menu: (name: string) => `Actions for ${name}`,
  removeTitle: 'Remove this source?',
  removeWhat: (name: string, pages: string) =>
    `${name} leaves the answers at once, with its ${pages}. You can add it again later; it is then read anew.`,
  keep: 'Keep',
  save: 'Save',
  periodTitle: 'How often to read it',
  periodLabel: 'Read it',
  periods: [
    [600, 'every 10 minutes'],
    [3_600, 'every hour'],
    [21_600, 'every 6 hours'],
    [86_400, 'every day'],
    [604_800, 'every week'],
  ] as const,
  otherPeriod: (period: string) => `every ${period}`,
};

export const pages = {
  title: (name: string) => `Pages of ${name}`,
  show: 'Show',
  all: 'All pages',
  ok: 'Read',
  failed: 'Failed',
  gone: 'Gone',
  none: 'No pages here.',
  more: 'Show more',
  newTab: 'opens in a new tab',
  untitled: 'Untitled',
};

export const finding = {
  label: 'What would a question find?',
  placeholder: 'Type a question to see the passages it retrieves',
  none: 'Nothing found. Your docs do not seem to speak of this.',
  score: (score: string) => `Score ${score}`,
  results: 'Passages found',
  newTab: 'opens in a new tab',
};

export const writes = {
  add: 'New source',
  crawl: 'Re-sync',
  cancel: 'Cancelling a crawl',
  change: 'Source',
  remove: 'Removing a source',
};
