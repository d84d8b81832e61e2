import { type ApiError, pause, refusalOf } from './apiClient';

/** One server-sent event. `id` is null where the server gave none. */
export interface ServerEvent {
  id: string | null;
  event: string;
  data: string;
}

/** Cuts a text/event-stream into events as it arrives (HTML standard, section 9.2.6). */
export class EventParser {
  private buffer = '';
  private event = '';
  private data: string[] = [];
  private id: string | null = null;
  retry_ms: number | null = null;

  push(chunk: string): ServerEvent[] {
    this.buffer += chunk;
    const events: ServerEvent[] = [];
    for (;;) {
      const end = /\r\n|\n|\r(?!$)/.exec(this.buffer);
      if (!end) return events;
      const line = this.buffer.slice(0, end.index);
      this.buffer = this.buffer.slice(end.index + end[0].length);
      const complete = this.line(line);
      if (complete) events.push(complete);
    }
  }

  private line(line: string): ServerEvent | null {
    if (line === '') {
      const complete =
        this.data.length > 0
          ? { id: this.id, event: this.event || 'message', data: this.data.join('\n') }
          : null;
      this.event = '';
      this.data = [];
      return complete;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.event = value;
    else if (name === 'data') this.data.push(value);
    else if (name === 'id' && !value.includes('\0')) this.id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retry_ms = Number(value);
    return null;
  }
}

export type StreamState = 'connecting' | 'open' | 'waiting';

export interface EventStreamOptions {
  url: string;
  onEvent: (event: ServerEvent) => void;
  /** Abort it to close the stream: also the way to end a stream once its last event has come. */
  signal: AbortSignal;
  onState?: (state: StreamState) => void;
  /** A refusal that trying again cannot mend (401, 403, 404, 422). The stream is then closed. */
  onRefused?: (error: ApiError) => void;
  lastEventId?: string | null;
  /** The server sends a comment at least every 15 s; a longer silence means a dead connection. */
  silence_ms?: number;
  fetch?: typeof fetch;
  pause?: (delay_ms: number, signal?: AbortSignal) => Promise<void>;
  random?: () => number;
}

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const SILENCE_MS = 45_000;

/**
 * Reads server-sent events with fetch and reconnects with Last-Event-ID until aborted.
 *
 * The delay doubles from half a second to 15 s, with jitter, and starts over once an event arrived.
 * Resolves when the signal aborts or the server refuses for good; rejects only with what a listener threw.
 */
export async function readEventStream(options: EventStreamOptions): Promise<void> {
  const { signal, onState, onEvent } = options;
  const doFetch = options.fetch ?? ((...args: Parameters<typeof fetch>) => fetch(...args));
  const doPause = options.pause ?? pause;
  const random = options.random ?? Math.random;
  let lastEventId = options.lastEventId ?? null;
  let failures = 0;
  while (!signal.aborted) {
    onState?.('connecting');
    const connection = new AbortController();
    const silence = new Silence(options.silence_ms ?? SILENCE_MS, () => connection.abort());
    const parser = new EventParser();
    let wait_s: number | null = null;
    try {
      const response = await doFetch(options.url, {
        credentials: 'same-origin',
        cache: 'no-store',
        headers: {
          Accept: 'text/event-stream',
          ...(lastEventId === null ? {} : { 'Last-Event-ID': lastEventId }),
        },
        signal: AbortSignal.any([signal, connection.signal]),
      });
      if (!response.ok || !response.body) {
        const refusal = await refusalOf(response);
        if (
          refusal.status >= 400 &&
          refusal.status < 500 &&
          refusal.status !== 408 &&
          refusal.status !== 429
        ) {
          options.onRefused?.(refusal);
          return;
        }
        wait_s = refusal.retryAfter_s;
      } else {
        onState?.('open');
        const reader = response.body.getReader();
        const decoder = new TextDecoder();
        for (;;) {
          const { done, value } = await reader.read();
          if (done || signal.aborted) break;
          silence.heard();
          for (const event of parser.push(decoder.decode(value, { stream: true }))) {
            failures = 0;
            if (event.id !== null) lastEventId = event.id;
            onEvent(event);
            if (signal.aborted) return;
          }
        }
      }
    } catch (error) {
      // A cut connection is the normal end of a stream; anything a listener threw must not be hidden.
      if (!signal.aborted && !isConnectionError(error)) throw error;
    } finally {
      silence.stop();
      connection.abort();
    }
    if (signal.aborted) return;
    onState?.('waiting');
    const backoff_ms = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** failures) * (0.5 + random() / 2);
    failures += 1;
    await doPause(Math.max(backoff_ms, (wait_s ?? 0) * 1000), signal).catch(() => undefined);
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name !== 'SyntaxError');
}

class Silence {
  private timer: ReturnType<typeof setTimeout>;
  constructor(
    private readonly limit_ms: number,
    private readonly onSilence: () => void,
  ) {
    this.timer = setTimeout(onSilence, limit_ms);
  }
  heard() {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.onSilence, this.limit_ms);
  }
  stop() {
    clearTimeout(this.timer);
  }
}
