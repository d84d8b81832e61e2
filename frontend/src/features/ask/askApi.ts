import {
  type InfiniteData,
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import { ApiError, api } from '../../lib/apiClient';
import type {
  AcceptedMessage,
  Feedback,
  FollowUpList,
  Knowledge,
  Message,
  MessageList,
  PageList,
  Thread,
  ThreadList,
  Thumb,
} from '../../lib/apiTypes';
import { useFallbackInterval } from '../../lib/liveEvents';
import { queryKeys } from '../../lib/queryKeys';
import { saves } from '../../lib/saves';
import { useWrite } from '../../lib/useWrite';
import { writes } from './strings';
import { questionsFrom } from './suggestions';
import { type UnsentQuestion, unsentOf } from './unsent';

const THREADS_A_PAGE = 50;
const MESSAGES_A_PAGE = 200;
const MOST_MESSAGE_PAGES = 50;

type ThreadPages = InfiniteData<ThreadList, string | null>;

/** A person's conversations, the latest first; `search` looks in titles and texts. */
export function useThreads(search: string) {
  return useInfiniteQuery({
    queryKey: [...queryKeys.threads, search],
    queryFn: ({ pageParam, signal }) =>
      api.get<ThreadList>('/api/threads', {
        query: { q: search, cursor: pageParam, limit: THREADS_A_PAGE },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

/** All messages of a conversation, oldest first. A conversation that is still to begin has none. */
export function useMessages(threadId: string, begins: boolean) {
  return useQuery({
    queryKey: queryKeys.messages(threadId),
    queryFn: async ({ signal }) => {
      const messages: Message[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < MOST_MESSAGE_PAGES; page++) {
        const answer: MessageList = await api.get(`/api/threads/${encodeURIComponent(threadId)}/messages`, {
          query: { cursor, limit: MESSAGES_A_PAGE },
          signal,
        });
        messages.push(...answer.items);
        cursor = answer.next_cursor;
        if (cursor === null) break;
      }
      return messages;
    },
    enabled: !begins,
    staleTime: 30_000,
  });
}

export function useThread(threadId: string, begins: boolean) {
  return useQuery({
    queryKey: ['thread', threadId],
    queryFn: ({ signal }) => api.get<Thread>(`/api/threads/${encodeURIComponent(threadId)}`, { signal }),
    enabled: !begins,
  });
}

/** Puts one message in its place: an answer over the one its run had, a new one at the end. */
export function withMessage(messages: readonly Message[] | undefined, message: Message): Message[] {
  const known = messages ?? [];
  const at = known.findIndex((each) => messageKey(each) === messageKey(message));
  return at === -1 ? [...known, message] : known.map((each, index) => (index === at ? message : each));
}

/** What a message stays known by while it turns from a placeholder into the stored answer. */
export function messageKey({ id, role, run_id }: Message): string {
  return role === 'assistant' && run_id !== null ? `run:${run_id}` : id;
}

export function putMessage(client: QueryClient, message: Message): void {
  const key = queryKeys.messages(message.thread_id);
  // A list that is on its way was read before this message: it must not come after it.
  void client.cancelQueries({ queryKey: key });
  client.setQueryData<Message[]>(key, (messages) => withMessage(messages, message));
}

function accepted(client: QueryClient, { message, run_id }: AcceptedMessage): void {
  const key = queryKeys.messages(message.thread_id);
  void client.cancelQueries({ queryKey: key });
  client.setQueryData<Message[]>(key, (messages) => {
    const asked = withMessage(messages, message);
    if (asked.some((each) => each.role === 'assistant' && each.run_id === run_id)) return asked;
    return [
      ...asked,
      {
        ...message,
        id: run_id,
        role: 'assistant',
        text: '',
        citations: [],
        run_id,
        status: 'pending',
        model: null,
        refused: false,
        nearest: [],
        notice: null,
        feedback: null,
      },
    ];
  });
  void client.invalidateQueries({ queryKey: key });
  void client.invalidateQueries({ queryKey: queryKeys.threads });
  void client.invalidateQueries({ queryKey: ['thread', message.thread_id] });
}

const onTheirWay = new Set<string>();

/** True while the question is being sent by this tab. */
export function isOnItsWay(questionId: string): boolean {
  return onTheirWay.has(questionId);
}

/**
 * Sends a question, and before it the beginning of its conversation where it is the first.
 *
 * Both carry ids made here, so that sending again after a lost answer asks once. The question stays in the
 * person's unsent ones until the server has acknowledged it. Never rejects: the outcome is in the store.
 */
export async function deliver(
  client: QueryClient,
  personId: string,
  question: UnsentQuestion,
): Promise<void> {
  if (onTheirWay.has(question.id)) return;
  const store = unsentOf(personId);
  onTheirWay.add(question.id);
  store.put({ ...question, problem: null });
  const { id, threadId, begins, text } = question;
  const thread = `/api/threads/${encodeURIComponent(threadId)}`;
  try {
    await saves.run(
      writes.question,
      id,
      async (idempotencyKey) => {
        if (begins) {
          const body = { id: threadId, ...(begins.botId === null ? {} : { bot_id: begins.botId }) };
          await api.post<Thread>('/api/threads', body, { idempotencyKey: threadId });
        }
        return await api.post<AcceptedMessage>(`${thread}/messages`, { id, text }, { idempotencyKey });
      },
      (answer) => {
        accepted(client, answer);
        store.remove(id);
      },
    );
  } catch (error) {
    const permanent = error instanceof ApiError && error.status < 500 && error.status !== 429;
    const problem = error instanceof Error ? error.message : String(error);
    store.change(id, { problem, mayPass: !permanent || error.status === 401 });
  } finally {
    onTheirWay.delete(id);
  }
}

/** Takes a question out of everything that would send it. */
export function withdraw(personId: string, question: UnsentQuestion): void {
  unsentOf(personId).remove(question.id);
  saves.discard(question.id);
}

export function useRenameThread() {
  const client = useQueryClient();
  return useWrite({
    label: writes.rename,
    send: ({ id, title }: { id: string; title: string }, idempotencyKey) =>
      api.patch<Thread>(`/api/threads/${encodeURIComponent(id)}`, { title }, { idempotencyKey }),
    onSaved: (thread) => {
      client.setQueryData(['thread', thread.id], thread);
      void client.invalidateQueries({ queryKey: queryKeys.threads });
    },
  });
}

export function useDeleteThread() {
  const client = useQueryClient();
  return useWrite({
    label: writes.remove,
    send: (id: string, idempotencyKey) =>
      api.delete(`/api/threads/${encodeURIComponent(id)}`, { idempotencyKey }),
    onSaved: (_, id) => {
      client.setQueriesData<ThreadPages>({ queryKey: queryKeys.threads }, (threads) =>
        threads
          ? {
              ...threads,
              pages: threads.pages.map((page) => ({
                ...page,
                items: page.items.filter((thread) => thread.id !== id),
              })),
            }
          : threads,
      );
      void client.invalidateQueries({ queryKey: queryKeys.threads });
    },
  });
}

export function useStopRun() {
  const client = useQueryClient();
  return useWrite({
    label: writes.stop,
    send: (runId: string, idempotencyKey) =>
      api.post<Message>(`/api/runs/${encodeURIComponent(runId)}/stop`, undefined, { idempotencyKey }),
    onSaved: (message) => {
      if (message.status !== 'pending') putMessage(client, message);
    },
  });
}

export function useFeedback(message: Message) {
  const client = useQueryClient();
  return useWrite({
    label: writes.feedback,
    send: (given: { thumb: Thumb; reason?: string }, idempotencyKey) =>
      api.post<Feedback>(`/api/messages/${encodeURIComponent(message.id)}/feedback`, given, {
        idempotencyKey,
      }),
    onSaved: ({ thumb }) => putMessage(client, { ...message, feedback: thumb }),
  });
}

/** Saves a conversation as a file on this machine. */
export async function exportThread(threadId: string, format: 'md' | 'json'): Promise<void> {
  const path = `/api/threads/${encodeURIComponent(threadId)}/export?format=${format}`;
  const { blob, filename } = await api.download(path);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = filename ?? `conversation-${threadId}.${format}`;
  link.click();
  // The browser reads the address after the click: it must outlive this turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** What there is to answer from. Guests may not know (403): they do not ask. */
export function useKnowledge(enabled: boolean) {
  return useQuery({
    enabled,
    queryKey: queryKeys.knowledge,
    queryFn: ({ signal }) => api.get<Knowledge>('/api/knowledge', { signal }),
    refetchInterval: useFallbackInterval(),
  });
}

/** Questions that could come after a finished answer; each finds its place in the docs as they are now. */
export function useFollowUps({ id, refused, citations }: Message) {
  return useQuery({
    queryKey: queryKeys.followUps(id),
    queryFn: async ({ signal }) => {
      const path = `/api/messages/${encodeURIComponent(id)}/follow-ups`;
      const { items } = await api.get<FollowUpList>(path, { signal });
      return items.map(({ question }) => question);
    },
    enabled: !refused && citations.length > 0,
    staleTime: 300_000,
    // Nice to have: an answer does not fail for the want of them.
    retry: false,
  });
}

const SUGGESTING_SOURCES = 3;

/** Questions made from the titles of pages that were read. */
export function useSuggestions(knowledge: Knowledge | undefined) {
  const sources = (knowledge?.sources ?? []).filter(({ pages }) => pages > 0).slice(0, SUGGESTING_SOURCES);
  return useQuery({
    queryKey: ['suggestions', sources.map(({ id }) => id)],
    queryFn: async ({ signal }) => {
      const lists = await Promise.all(
        sources.map(({ id }) =>
          api.get<PageList>(`/api/sources/${encodeURIComponent(id)}/pages`, {
            query: { status: 'ok', limit: 30 },
            signal,
          }),
        ),
      );
      return questionsFrom(lists.flatMap(({ items }) => items.map(({ title }) => title)));
    },
    enabled: sources.length > 0,
    staleTime: 300_000,
  });
}
