import type { Source } from '../../lib/apiTypes';
import { count } from '../../lib/time';
import { source as words } from './strings';

/** What people call a source: its address without scheme and final slash. */
export function sourceName({ url }: Pick<Source, 'url'>): string {
  return url === null ? words.manual : url.replace(/^https?:\/\//, '').replace(/\/$/, '');
}

/** "41 of 120" while the number of pages is known, "41 so far" while it is not. */
export function progressText({ done, total }: Pick<Source, 'done' | 'total'>): string {
  return total > 0 ? words.progress(count(done), count(total)) : words.soFar(count(done));
}

export function pagesText(pages: number): string {
  return pages === 1 ? words.onePage : words.pages(count(pages));
}

/** "10 min", "6 h", "1 d": a period in its one largest whole unit. */
export function periodText(seconds: number): string {
  if (seconds % 86_400 === 0) return `${count(seconds / 86_400)} d`;
  if (seconds % 3600 === 0) return `${count(seconds / 3600)} h`;
  if (seconds % 60 === 0) return `${count(seconds / 60)} min`;
  return `${count(seconds)} s`;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** "in 9 minutes"; "soon" when less than a minute is left. */
export function untilText(at: string, now_ms: number): string {
  const seconds = (Date.parse(at) - now_ms) / 1000;
  const step = STEPS.find(([, size]) => seconds >= size);
  if (!step) return words.soon;
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang || 'en', { numeric: 'always' });
  return format.format(Math.round(seconds / step[1]), step[0]);
}

/** How much of each stage is done, from 0 to 1; null for a stage that runs without saying how far it is. */
export function stageShares({ stage, done, total }: Pick<Source, 'stage' | 'done' | 'total'>) {
  const order = ['discovering', 'fetching', 'indexing', 'embedding'] as const;
  const at = stage === 'idle' ? order.length : order.indexOf(stage);
  return order.map((name, index) => {
    if (index < at) return { name, share: 1 };
    if (index > at) return { name, share: 0 };
    return { name, share: name !== 'discovering' && total > 0 ? Math.min(1, done / total) : null };
  });
}
