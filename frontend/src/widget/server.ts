import type { Citation, ShownLook, VisitorAnswer, WidgetLook } from '../lib/apiTypes';
import { EventParser } from '../lib/eventStream';
import { words } from './words';

export type { Citation, ShownLook, VisitorAnswer, WidgetLook };

/** Why the chat cannot go on, in a sentence for the visitor. `status` 0: no answer at all. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** What has come of an answer so far. */
export interface Draft {
  text: string;
  citations: readonly Citation[];
}

const SILENCE_MS = 60_000;
const COMES_BACK_FOR_MS = 60_000;
const PAUSE_MS = 2_000;
const PAUSE_MOST_MS = 10_000;

/** The addresses of one widget. No cookie goes along, whatever the page has. */
export class Server {
  /** `base` is the address of the script, without its name. */
  constructor(readonly base: string) {}

  async look(): Promise<ShownLook> {
    return (await (await this.send('look')).json()) as ShownLook;
  }

  /** Kept by the browser under its name: another picture has another one. */
  async logo(name: string): Promise<Blob> {
    return await (await this.send(`logo?name=${name}`, undefined, undefined, 'default')).blob();
  }

  /** Calls `onDraft` as the answer grows. Rejects with Refused, or an AbortError when `signal` aborts. */
  async ask(
    body: { id: string; conversation_id: string; question: string },
    onDraft: (draft: Draft) => void,
    signal: AbortSignal,
  ): Promise<VisitorAnswer> {
    const response = await this.send('ask', body, signal);
    const reader = response.body?.getReader();
    if (!reader) throw new Refused(words.unreachable, 0);
    const parser = new EventParser();
    const decoder = new TextDecoder();
    let draft: Draft = { text: '', citations: [] };
    for (;;) {
      const { done, value } = await patient(reader.read());
      if (done) throw new Refused(words.interrupted, 0);
      for (const { event, data } of parser.push(decoder.decode(value, { stream: true }))) {
        const payload = JSON.parse(data);
        if (event === 'done') return payload;
        if (event === 'error') throw new Refused(payload.message, response.status);
        if (event === 'sources') draft = { text: '', citations: payload.citations };
        else if (event === 'delta') draft = { ...draft, text: draft.text + payload.text };
        onDraft(draft);
      }
    }
  }

  async judge(body: {
    conversation_id: string;
    answer_id: string;
    thumb: 'up' | 'down';
    reason?: string;
  }): Promise<void> {
    await this.send('feedback', body);
  }

  private async send(
    what: string,
    body?: object,
    signal?: AbortSignal,
    cache: RequestCache = 'no-store',
  ): Promise<Response> {
    const until_ms = Date.now() + COMES_BACK_FOR_MS;
    for (;;) {
      const response = await this.sendOnce(what, body, signal, cache);
      if (response.ok) return response;
      // Roost starts, or is replaced by a newer one: nothing of it was done, and it says when to come back.
      if (response.status === 503 && Date.now() < until_ms) await pause(response, signal);
      else {
        const told = await response.json().catch(() => null);
        throw new Refused(told?.error?.message ?? words.unreachable, response.status);
      }
    }
  }

  private async sendOnce(
    what: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
    cache: RequestCache,
  ): Promise<Response> {
    try {
      return await fetch(`${this.base}/${what}`, {
        credentials: 'omit',
        cache,
        referrerPolicy: 'no-referrer',
        ...(signal ? { signal } : {}),
        ...(body
          ? { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
          : {}),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new Refused(words.unreachable, 0);
    }
  }
}

/** Waits as long as the refusal asks for. Rejects with an AbortError when `signal` aborts. */
async function pause(refusal: Response, signal: AbortSignal | undefined): Promise<void> {
  const asked_ms = Number(refusal.headers.get('Retry-After')) * 1_000 || PAUSE_MS;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, Math.min(asked_ms, PAUSE_MOST_MS));
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** A stream that goes silent is a dead connection. */
async function patient<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refused(words.interrupted, 0)), SILENCE_MS);
  });
  try {
    return await Promise.race([reading, silence]);
  } catch (error) {
    if (error instanceof Refused || (error instanceof DOMException && error.name === 'AbortError'))
      throw error;
    throw new Refused(words.interrupted, 0);
  } finally {
    clearTimeout(timer);
  }
}
