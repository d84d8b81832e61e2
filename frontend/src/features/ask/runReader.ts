import type { ApiError } from '../../lib/apiClient';
import type { Message } from '../../lib/apiTypes';
import { readEventStream, type StreamState } from '../../lib/eventStream';
import { type AnswerState, nextState, nothingYet } from './answerState';

/** A run as it is shown: the answer so far and how the connection is. */
export interface ShownRun extends AnswerState {
  connection: StreamState;
  /** The server will not tell about this run: it is gone, or the person is signed out. */
  refused: ApiError | null;
}

export interface RunReaderOptions {
  onDone: (message: Message) => void;
  read?: typeof readEventStream;
  /** Runs the callback before the next paint. */
  onFrame?: (paint: () => void) => void;
}

/**
 * Reads one run's events into a state that changes at most once per frame, however fast the words come.
 *
 * The connection is disposable: the answer lives on the server, so a reader may be closed and another opened at
 * any time, and a cut connection goes on with Last-Event-ID.
 */
export class RunReader {
  private latest: ShownRun = { ...nothingYet, connection: 'connecting', refused: null };
  private painted: ShownRun = this.latest;
  private frameAsked = false;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly runId: string,
    private readonly options: RunReaderOptions,
  ) {}

  readonly current = (): ShownRun => this.painted;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Begins to read; returns the function that stops it. */
  open(): () => void {
    const closing = new AbortController();
    const { read = readEventStream, onDone } = this.options;
    this.latest = { ...this.latest, refused: null };
    void read({
      url: `/api/runs/${encodeURIComponent(this.runId)}/events`,
      signal: closing.signal,
      lastEventId: this.latest.lastId === null ? null : String(this.latest.lastId),
      onState: (connection) => this.set({ ...this.latest, connection }),
      onEvent: (event) => {
        const next = nextState(this.latest, event);
        if (next === this.latest) return;
        this.set({ ...this.latest, ...next });
        if (next.phase === 'done' || next.phase === 'failed') closing.abort();
        if (next.phase === 'done' && next.message) {
          this.paint();
          onDone(next.message);
        }
      },
      onRefused: (refused) => this.set({ ...this.latest, refused }),
    });
    return () => closing.abort();
  }

  private set(next: ShownRun): void {
    this.latest = next;
    if (this.frameAsked) return;
    this.frameAsked = true;
    const onFrame = this.options.onFrame ?? requestAnimationFrame;
    onFrame(() => {
      this.frameAsked = false;
      this.paint();
    });
  }

  private paint(): void {
    if (this.painted === this.latest) return;
    this.painted = this.latest;
    for (const listener of this.listeners) listener();
  }
}
