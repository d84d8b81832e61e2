import { useSyncExternalStore } from 'react';

/** The person's own kind of the page's language ("en-GB"), so that words and dates do not mix two languages. */
function locale(): string {
  const language = document.documentElement.lang || 'en';
  return navigator.languages.find((each) => each.split('-')[0] === language) ?? language;
}

/** "2 d 4 h", "3 h 12 min", "4 min 09 s", "12 s": the two largest units, for ages that tick. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor(whole / 3600) % 24;
  const minutes = Math.floor(whole / 60) % 60;
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${whole} s`;
}

/** Seconds from an RFC 3339 time to now; never negative, for clocks differ. */
export function secondsSince(at: string, now_ms: number): number {
  return Math.max(0, (now_ms - Date.parse(at)) / 1000);
}

/** "10:54" */
export function clockTime(at: string | number): string {
  return new Intl.DateTimeFormat(locale(), { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(
    new Date(at),
  );
}

/** "10:54:07" for log lines. */
export function clockSecond(at: string): string {
  const format = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
  return new Intl.DateTimeFormat(locale(), format).format(new Date(at));
}

/** "21 Nov 2026, 10:54" */
export function dateTime(at: string): string {
  return new Intl.DateTimeFormat(locale(), {
    dateStyle: 'medium',
    timeStyle: 'short',
    hourCycle: 'h23',
  }).format(new Date(at));
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];

/** "5 minutes ago", "just now" under a minute. */
export function ago(at: string, now_ms: number, justNow = 'just now'): string {
  const seconds = secondsSince(at, now_ms);
  const step = STEPS.find(([, size]) => seconds >= size);
  if (!step) return justNow;
  const format = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
  return format.format(-Math.floor(seconds / step[1]), step[0]);
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now_ms = Date.now();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    now_ms = Date.now();
    timer = setInterval(() => {
      now_ms = Date.now();
      for (const each of listeners) each();
    }, 1000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time in milliseconds, once a second; one timer serves the whole page. */
export function useNow(): number {
  return useSyncExternalStore(
    subscribe,
    () => now_ms,
    () => now_ms,
  );
}
