import type { Bot } from '../../lib/apiTypes';
import { words } from './strings';

/** The one sentence that tells how the bots are: who needs help first, else how many run. */
export function summary(bots: readonly Pick<Bot, 'name' | 'status'>[]): string {
  const troubled = bots.filter(({ status }) => status === 'crashed' || status === 'degraded');
  if (troubled.length > 0) return words.needYou(troubled.length, troubled.map(({ name }) => name).join(', '));
  const running = bots.filter(({ status }) => status === 'running').length;
  return running === bots.length ? words.allRun(running) : words.someRun(running, bots.length);
}
