import { mayRetry } from './apiClient';
import { uuid7 } from './ids';

/** A write that did not arrive and may be sent again. */
export interface WaitingSave {
  key: string;
  label: string;
  message: string;
}

export interface SavesState {
  /** Writes on their way. */
  saving: number;
  waiting: readonly WaitingSave[];
  savedAt_ms: number | null;
}

interface Entry {
  label: string;
  send: () => Promise<void>;
}

/**
 * The door every write passes through, so that the page can say what is saved and what is not.
 *
 * A write that fails for a reason that may pass is kept with its idempotency key and sent again on `retry`;
 * a refusal belongs to the form that asked for it and is not kept. An outbox takes the place of `entries`
 * to keep them over a reload.
 */
export class Saves {
  private state: SavesState = { saving: 0, waiting: [], savedAt_ms: null };
  private readonly entries = new Map<string, Entry>();
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly now_ms: () => number = Date.now,
    private readonly newKey: () => string = uuid7,
  ) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly current = (): SavesState => this.state;

  makeKey(): string {
    return this.newKey();
  }

  /**
   * Sends one write and resolves with its result, or rejects with the error of this try.
   *
   * `onSaved` runs whenever the write arrives, on a later retry too.
   */
  async run<T>(
    label: string,
    key: string,
    send: (key: string) => Promise<T>,
    onSaved?: (result: T) => void,
  ): Promise<T> {
    const attempt = async (): Promise<T> => {
      this.set({ saving: this.state.saving + 1, waiting: this.without(key) });
      try {
        const result = await send(key);
        this.entries.delete(key);
        this.set({ saving: this.state.saving - 1, savedAt_ms: this.now_ms() });
        onSaved?.(result);
        return result;
      } catch (error) {
        const keep = mayRetry(error);
        const message = error instanceof Error ? error.message : String(error);
        if (keep) this.entries.set(key, { label, send: async () => void (await attempt()) });
        else this.entries.delete(key);
        this.set({
          saving: this.state.saving - 1,
          waiting: keep ? [...this.without(key), { key, label, message }] : this.without(key),
        });
        throw error;
      }
    };
    return await attempt();
  }

  /** Sends everything that waits, in the order in which it was asked for. */
  async retry(): Promise<void> {
    for (const { key } of this.state.waiting) {
      const entry = this.entries.get(key);
      // A failure is shown by the state it leaves: the entry waits again, with its reason.
      await entry?.send().catch(() => undefined);
    }
  }

  /** Gives a waiting write up. */
  discard(key: string): void {
    this.entries.delete(key);
    this.set({ waiting: this.without(key) });
  }

  private without(key: string): readonly WaitingSave[] {
    return this.state.waiting.filter((each) => each.key !== key);
  }

  private set(change: Partial<SavesState>): void {
    this.state = { ...this.state, ...change };
    for (const listener of this.listeners) listener();
  }
}

/** The one store of the page. */
export const saves = new Saves();
