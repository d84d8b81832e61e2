import { expect, test } from 'vitest';
import { barsOf, ceilingOf } from './bars';

test('days without a question have a bar too', () => {
  const { bars, weeks } = barsOf(
    [{ day: '2030-01-02', answered: 3, unanswered: 1 }],
    '2030-01-01T15:00:00.000Z',
    '2030-01-03T15:00:00.000Z',
  );
  expect(weeks).toBe(false);
  expect(bars).toEqual([
    { day: '2030-01-01', answered: 0, unanswered: 0 },
    { day: '2030-01-02', answered: 3, unanswered: 1 },
    { day: '2030-01-03', answered: 0, unanswered: 0 },
  ]);
});

test('a year is shown by weeks, and nothing is lost', () => {
  const days = [
    { day: '2029-01-01', answered: 1, unanswered: 0 },
    { day: '2029-12-30', answered: 2, unanswered: 5 },
    { day: '2029-12-31', answered: 4, unanswered: 0 },
  ];
  const { bars, weeks } = barsOf(days, '2029-01-01T00:00:00.000Z', '2030-01-01T00:00:00.000Z');
  expect(weeks).toBe(true);
  expect(bars).toHaveLength(53);
  expect(bars.reduce((sum, each) => sum + each.answered + each.unanswered, 0)).toBe(12);
  expect(bars.at(-1)).toEqual({ day: '2029-12-25', answered: 6, unanswered: 5 });
});

test.each([
  [0, 4],
  [5, 5],
  [6, 10],
  [11, 20],
  [51, 100],
  [1234, 2000],
])('%i fits under %i', (highest, ceiling) => {
  expect(ceilingOf(highest)).toBe(ceiling);
});
