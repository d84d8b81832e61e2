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
    let response: Response;
    try {
      response = await fetch(`${this.base}/${what}`, {
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
    if (response.ok) return response;
    const told = await response.json().catch(() => null);
    throw new Refused(told?.error?.message ?? words.unreachable, response.status);
  }
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
