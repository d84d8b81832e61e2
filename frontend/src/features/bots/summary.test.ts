import { expect, test } from 'vitest';
import type { BotStatus } from '../../lib/apiTypes';
import { summary } from './summary';

const bots = (...states: BotStatus[]) =>
  states.map((status, index) => ({ name: `Bot ${index + 1}`, status }));

test.each([
  [bots('running', 'crashed', 'degraded'), '2 need you: Bot 2, Bot 3.'],
  [bots('crashed'), '1 needs you: Bot 1.'],
  [bots('running', 'running'), 'All 2 bots are running.'],
  [bots('running'), 'Your bot is running.'],
  [bots('stopped'), 'Your bot is not running.'],
  [bots('running', 'stopped', 'starting'), '1 of 3 bots are running.'],
])('the sentence for %j', (given, sentence) => {
  expect(summary(given)).toBe(sentence);
});
