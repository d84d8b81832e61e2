/** Words of the Ask page. */
export const ask = {
  title: 'Ask',
  headline: 'Ask your docs anything.',
  question: 'Your question',
  placeholder: 'Ask a question',
  send: 'Send',
  stop: 'Stop',
  keys: 'Enter sends, Shift with Enter begins a new line.',
  tooLong: (length: string, most: string) =>
    `${length} of ${most} characters. Shorten the question to send it.`,
  answersAs: 'Answers as',
  noBot: 'Roost',
  conversation: 'Conversation',
  earlier: (count: string) => `Show ${count} earlier messages`,
  newest: 'To the end',
};

export const empty = {
  tryOne: 'Try one of these:',
  reading: 'Roost is reading your docs.',
  readingSoFar: (done: string, total: string) => `Roost is reading your docs: ${done} of ${total} pages.`,
  readingHint: 'You can ask already. Answers get better as more pages arrive.',
  building: 'You can ask as soon as the first pages are in. This page goes on by itself.',
  first: 'First, give Roost something to read: a website, or its own manual as a sample.',
  toKnowledge: 'Add a website or the manual',
  guest: 'Roost has nothing to read yet. Ask whoever runs it to add a source.',
  troubled: 'No page could be read so far. Knowledge says why.',
  toTrouble: 'Open Knowledge',
};

export const history = {
  title: 'Conversations',
  open: 'Conversations',
  begin: 'New conversation',
  search: 'Search titles and texts',
  none: 'No conversations yet. Your questions appear here.',
  nothing: (text: string) => `Nothing found for “${text}”.`,
  more: 'Show more',
  menu: (title: string) => `Actions for ${title}`,
  rename: 'Rename',
  name: 'Title',
  save: 'Save',
  cancel: 'Cancel',
  remove: 'Delete',
  removeTitle: 'Delete this conversation?',
  removeWhat: (title: string) =>
    `“${title}” goes with all its questions and answers. Export it first if you may need it again.`,
  keep: 'Keep',
  markdown: 'Export as Markdown',
  json: 'Export as JSON',
  exportFailed: 'The export failed.',
  gone: 'This conversation does not exist, or is not yours. Begin a new one.',
};

export const answer = {
  looking: 'Looking in your docs…',
  writing: 'Writing…',
  ready: (text: string) => `The answer is ready. ${text}`,
  again: 'Roost was interrupted and begins this answer again.',
  restarting: 'Roost restarts. The answer goes on by itself.',
  cut: 'The connection is cut. The answer goes on by itself once it is back.',
  stopped: 'Stopped. This is the text so far.',
  stoppedEmpty: 'Stopped before any text came.',
  failed: 'The answer could not be made. Ask again.',
  lost: 'This answer can no longer be followed.',
  quoted: 'Quoted passages',
  quotedHint: 'Passages from your docs, word for word. No model wrote this.',
  model: (name: string) => `Written by ${name}`,
  sources: 'Sources',
  nearest: 'Closest pages',
  followUps: 'Ask next',
  docsDontSay: 'The docs don’t say.',
  retry: 'Ask again',
  tryAgain: 'Try again',
  copy: 'Copy',
  copied: 'Copied',
  up: 'This helped',
  down: 'This did not help',
  reason: 'What was wrong or missing?',
  sendReason: 'Send',
  skipReason: 'Skip',
  thanks: 'Thank you. Noted with the question.',
  source: (n: string, title: string) => `Source ${n}: ${title}`,
  openPage: 'Open the page at this place',
  newTab: 'opens in a new tab',
  close: 'Close',
  picture: (alt: string) => (alt ? `[picture: ${alt}]` : '[picture]'),
};

export const unsent = {
  sending: 'Sending…',
  notSent: 'Not sent',
  retry: 'Retry',
  edit: 'Edit',
  discard: 'Discard',
};

/** What each write is called in the persistence status. */
export const writes = {
  question: 'Question',
  rename: 'Conversation’s title',
  remove: 'Deleting a conversation',
  feedback: 'What you thought of an answer',
  stop: 'Stopping an answer',
};
