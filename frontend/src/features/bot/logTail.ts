import type { LogLevel, LogLine } from '../../lib/apiTypes';
import { clockSecond } from '../../lib/time';

/** What the page keeps of a log: the latest lines in order, and how many went missing before or between them. */
export interface LogTail {
  lines: readonly LogLine[];
  dropped: number;
}

export const emptyTail: LogTail = { lines: [], dropped: 0 };

const MOST_LINES = 2_000;

/**
 * Adds lines in any order; those already there are left out, the oldest beyond 2,000 fall away and are counted.
 * Ids increase within one run of Roost, so a lower id with a later time means that Roost started again.
 */
export function withLines(tail: LogTail, added: readonly LogLine[], dropped = 0): LogTail {
  const known = new Set(tail.lines.map(keyOf));
  const fresh = added.filter((line) => !known.has(keyOf(line)));
  if (fresh.length === 0 && dropped === 0) return tail;
  const lines = [...tail.lines, ...fresh].sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.id - b.id);
  const over = Math.max(0, lines.length - MOST_LINES);
  return { lines: lines.slice(over), dropped: tail.dropped + dropped + over };
}

/** How many lines came between the last one known and these: ids count by one. */
export function gapBefore(lines: readonly LogLine[], lastId: number | null): number {
  const first = lines[0];
  return first ? Math.max(0, first.id - 1 - (lastId ?? 0)) : 0;
}

export function keyOf(line: LogLine): string {
  return `${line.id} ${line.at}`;
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warning: 2, error: 3 };

export function matching(lines: readonly LogLine[], level: LogLevel, text: string): readonly LogLine[] {
  const wanted = text.trim().toLowerCase();
  return lines.filter(
    (line) =>
      severity[line.level] >= severity[level] && (!wanted || line.text.toLowerCase().includes(wanted)),
  );
}

/** The lines as a text file. */
export function asText(lines: readonly LogLine[]): string {
  return lines.map(({ at, level, text }) => `${at} ${level.toUpperCase().padEnd(7)} ${text}\n`).join('');
}

export function shownTime(line: LogLine): string {
  return clockSecond(line.at);
}
