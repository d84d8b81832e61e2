import type { Citation, Message } from '../../lib/apiTypes';
import type { ServerEvent } from '../../lib/eventStream';

/** An answer as far as its run has told it. */
export interface AnswerState {
  phase: 'waiting' | 'writing' | 'done' | 'failed';
  citations: readonly Citation[];
  text: string;
  /** The stored message, once the run is done. */
  message: Message | null;
  error: string | null;
  /** Roost said that it stops, or began this answer again; true until text arrives. */
  interrupted: boolean;
  lastId: number | null;
}

export const nothingYet: AnswerState = {
  phase: 'waiting',
  citations: [],
  text: '',
  message: null,
  error: null,
  interrupted: false,
  lastId: null,
};

/**
 * The state after one event of a run.
 *
 * `sources` begins the text, also in the middle: a run done again after a crash sends it anew. An id that goes
 * back means that the server replays from the start, for example because it did not know our Last-Event-ID: what
 * was read so far is void. The id of the event just read, again, is a repetition. Kinds of events from a newer
 * server, and data of another shape, change nothing.
 */
export function nextState(state: AnswerState, event: ServerEvent): AnswerState {
  if (state.phase === 'done') return state;
  const data = parsed(event.data);
  if (data === null) return state;
  const id = event.id !== null && /^\d+$/.test(event.id) ? Number(event.id) : null;
  let known = state;
  if (id !== null && state.lastId !== null) {
    if (id === state.lastId && event.event !== 'sources') return state;
    if (id < state.lastId) known = nothingYet;
  }
  return { ...applied(known, event.event, data), lastId: id ?? known.lastId };
}

function applied(state: AnswerState, kind: string, data: Record<string, unknown>): AnswerState {
  switch (kind) {
    case 'sources':
      return {
        ...nothingYet,
        citations: Array.isArray(data.citations) ? (data.citations as Citation[]) : [],
        interrupted: state.interrupted || state.text !== '',
      };
    case 'delta':
      if (typeof data.text !== 'string') return state;
      return { ...state, phase: 'writing', text: state.text + data.text, interrupted: false, error: null };
    case 'done': {
      const message = data.message as Message | undefined;
      if (!message || typeof message.text !== 'string') return state;
      return { ...state, phase: 'done', message, text: message.text, interrupted: false, error: null };
    }
    case 'error':
      return { ...state, phase: 'failed', error: typeof data.message === 'string' ? data.message : null };
    case 'restart':
      return { ...state, interrupted: true };
    default:
      return state;
  }
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const data: unknown = JSON.parse(text);
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : null;
  } catch {
    // A line cut by a proxy: the next `sources` or `done` puts the text right.
    return null;
  }
}
