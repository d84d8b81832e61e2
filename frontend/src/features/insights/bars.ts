import type { InsightDay } from '../../lib/apiTypes';

export interface Bar {
  /** The first day of it, in UTC, as 2030-01-31. */
  day: string;
  answered: number;
  unanswered: number;
}

export interface Bars {
  bars: Bar[];
  /** Whether each bar is a week. */
  weeks: boolean;
}

const DAY_MS = 86_400_000;
const DAYS_SHOWN_MOST = 100;

/** A bar a day from first to last, days without a question too; a bar a week where days were too many. */
export function barsOf(days: readonly InsightDay[], since: string, until: string): Bars {
  const known = new Map(days.map((each) => [each.day, each]));
  const first = Date.parse(`${since.slice(0, 10)}T00:00:00Z`);
  const last = Date.parse(until) - 1;
  const all: Bar[] = [];
  for (let at = first; at <= last; at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    const { answered, unanswered } = known.get(day) ?? { answered: 0, unanswered: 0 };
    all.push({ day, answered, unanswered });
  }
  if (all.length <= DAYS_SHOWN_MOST) return { bars: all, weeks: false };
  const weeks: Bar[] = [];
  // Counted from the end, so that the week of today is a whole one.
  for (let end = all.length; end > 0; end -= 7) {
    const week = all.slice(Math.max(0, end - 7), end);
    weeks.unshift({
      day: week[0]!.day,
      answered: week.reduce((sum, each) => sum + each.answered, 0),
      unanswered: week.reduce((sum, each) => sum + each.unanswered, 0),
    });
  }
  return { bars: weeks, weeks: true };
}

/** A round number not below the highest bar: 1, 2 or 5 with zeros, at least 4. */
export function ceilingOf(highest: number): number {
  if (highest <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= highest)!;
}
