import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type {
  AllSourcesChange,
  Knowledge,
  NewSource,
  PageList,
  PageStatus,
  PassageList,
  Source,
  SourceChange,
  SourceList,
} from '../../lib/apiTypes';
import { useFallbackInterval, useLiveEvent } from '../../lib/liveEvents';
import { queryKeys } from '../../lib/queryKeys';
import { dropSource, putSource } from '../../lib/sources';
import { useWrite } from '../../lib/useWrite';
import { writes } from './strings';

const PAGES_A_TIME = 50;
const PASSAGES = 8;

/** Totals and sources, kept live by the `crawl` events. */
export function useKnowledge() {
  const put = usePutSource();
  useLiveEvent<Source | { id: string; deleted: true }>('crawl', put);
  return useQuery({
    queryKey: queryKeys.knowledge,
    queryFn: ({ signal }) => api.get<Knowledge>('/api/knowledge', { signal }),
    refetchInterval: useFallbackInterval(),
  });
}

/** Puts what was told about one source where it is shown. */
function usePutSource() {
  const client = useQueryClient();
  return (told: Source | { id: string; deleted: true }) => {
    if ('deleted' in told) dropSource(client, told.id);
    else putSource(client, told);
    // The totals beside the sources: a stage that begins or ends, and vectors that come, change them.
    const before = client
      .getQueryData<Knowledge>(queryKeys.knowledge)
      ?.sources.find(({ id }) => id === told.id);
    if (!('deleted' in told) && before && (before.stage !== told.stage || told.stage === 'embedding'))
      void client.invalidateQueries({ queryKey: queryKeys.knowledge });
    client.setQueryData<Knowledge>(queryKeys.knowledge, (knowledge) => {
      if (!knowledge) return knowledge;
      if ('deleted' in told)
        return { ...knowledge, sources: knowledge.sources.filter(({ id }) => id !== told.id) };
      const known = knowledge.sources.some(({ id }) => id === told.id);
      const sources = known
        ? knowledge.sources.map((each) => (each.id === told.id ? told : each))
        : [...knowledge.sources, told];
      return { ...knowledge, sources };
    });
  };
}

export function useAddSource() {
  const client = useQueryClient();
  const put = usePutSource();
  return useWrite({
    label: writes.add,
    send: (source: NewSource, idempotencyKey) => api.post<Source>('/api/sources', source, { idempotencyKey }),
    onSaved: (source) => {
      put(source);
      void client.invalidateQueries({ queryKey: queryKeys.knowledge });
    },
  });
}

export function useCrawl(sourceId: string, action: 'crawl' | 'cancel') {
  const put = usePutSource();
  return useWrite({
    label: writes[action],
    send: (_: undefined, idempotencyKey) =>
      api.post<Source>(`/api/sources/${encodeURIComponent(sourceId)}/${action}`, undefined, {
        idempotencyKey,
      }),
    onSaved: put,
  });
}

/** Does it to every source: reads all again, ends all crawls. */
export function useCrawlAll(action: 'crawl' | 'cancel') {
  return useWrite({
    label: writes[action],
    send: (_: undefined, idempotencyKey) =>
      api.post<SourceList>(`/api/sources/${action}`, undefined, { idempotencyKey }),
    onSaved: usePutSources(),
  });
}

export function usePauseAll() {
  return useWrite({
    label: writes.change,
    send: (paused: boolean, idempotencyKey) =>
      api.patch<SourceList>('/api/sources', { paused } satisfies AllSourcesChange, { idempotencyKey }),
    onSaved: usePutSources(),
  });
}

function usePutSources() {
  const put = usePutSource();
  return ({ items }: SourceList) => {
    for (const source of items) put(source);
  };
}

export function useChangeSource(sourceId: string) {
  const put = usePutSource();
  return useWrite({
    label: writes.change,
    send: (change: SourceChange, idempotencyKey) =>
      api.patch<Source>(`/api/sources/${encodeURIComponent(sourceId)}`, change, { idempotencyKey }),
    onSaved: put,
  });
}

export function useRemoveSource() {
  const client = useQueryClient();
  const put = usePutSource();
  return useWrite({
    label: writes.remove,
    send: (sourceId: string, idempotencyKey) =>
      api.delete(`/api/sources/${encodeURIComponent(sourceId)}`, { idempotencyKey }),
    onSaved: (_, id) => {
      put({ id, deleted: true });
      void client.invalidateQueries({ queryKey: queryKeys.knowledge });
    },
  });
}

/** A source's pages by address; null shows those of every status. */
export function usePages(sourceId: string, status: PageStatus | null) {
  return useInfiniteQuery({
    queryKey: [...queryKeys.sourcePages(sourceId), status],
    queryFn: ({ pageParam, signal }) =>
      api.get<PageList>(`/api/sources/${encodeURIComponent(sourceId)}/pages`, {
        query: { status, cursor: pageParam, limit: PAGES_A_TIME },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}

/** The passages a question would retrieve. */
export function usePassages(question: string, indexVersion: number | undefined) {
  return useQuery({
    queryKey: ['passages', question, indexVersion],
    queryFn: async ({ signal }) => {
      const query = { q: question, k: PASSAGES };
      return (await api.get<PassageList>('/api/knowledge/search', { query, signal })).items;
    },
    enabled: question !== '',
    placeholderData: keepPreviousData,
  });
}
