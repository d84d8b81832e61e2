/** Words of the Insights page. */
export const insights = {
  title: 'Insights',
  intro: 'What people asked, what your docs left open, and which pages are read. Nobody is named.',
  period: 'Period',
  periods: { 7: 'Last 7 days', 30: 'Last 30 days', 90: 'Last 90 days', 365: 'Last year' },
  bot: 'Bot',
  widget: 'Widget',
  source: 'Source',
  all: { bot: 'All, and the page', widget: 'All', source: 'All' },
  filters: 'What is shown',
  manual: 'Roost’s manual',
  csv: 'CSV',
  csvOf: (list: string) => `Download “${list}” as CSV`,
  nothing: 'Nothing was asked in this time.',
  nothingAll:
    'Nothing was asked yet. As soon as somebody asks a bot, a widget or the Ask page, you see here what they want to know, and what your docs do not say.',
  ask: 'Ask the first question',
  addBot: 'Add a bot',
};

export const totals = {
  title: 'In short',
  asked: 'Questions',
  answered: 'Answered from the docs',
  unanswered: 'Not in the docs',
  thumbs: 'Thumbs up and down',
  of: (part: string, whole: string) => `${part} of ${whole}`,
  upDown: (up: string, down: string) => `${up} up, ${down} down`,
};

export const chart = {
  title: 'Questions over time',
  answered: 'Answered',
  unanswered: 'Not in the docs',
  summary: (asked: string, open: string, most: string, day: string) =>
    `${asked} questions, ${open} of them not in the docs. The most, ${most}, on ${day}.`,
  summaryWeeks: (asked: string, open: string, most: string, day: string) =>
    `${asked} questions, ${open} of them not in the docs. The most, ${most}, in the week of ${day}.`,
  table: 'Show as a table',
  day: 'Day (UTC)',
  week: 'Week of (UTC)',
};

export const open = {
  title: 'Not in the docs',
  hint: 'Questions nobody could answer, whatever their words. Write the page that is missing, then re-sync the source.',
  empty: 'Every question found an answer in the docs.',
  times: (count: number, shown: string) => (count === 1 ? 'once' : `${shown} times`),
};

export const asked = {
  title: 'Most asked',
  hint: 'Asked more than once, whatever the words. What one person alone asks in the page is shown to them only.',
  empty: 'Nothing was asked more than once.',
};

export const judged = {
  title: 'Thumbs down',
  hint: 'Answers that did not help, and why, where people said so.',
  empty:
    'Nobody thought ill of an answer. Thumbs stand under every answer, in the page, in chats and on sites.',
  noReason: 'No reason given',
  answer: 'The answer',
};

export const pages = {
  title: 'Most cited pages',
  hint: 'The pages your answers rest on: keep these the best.',
  empty: 'No answer cited a page yet.',
  cited: (count: number, shown: string) => (count === 1 ? 'in 1 answer' : `in ${shown} answers`),
  down: (count: number) => (count === 1 ? '1 thumb down' : `${count} thumbs down`),
  gone: 'no longer in a source',
};
