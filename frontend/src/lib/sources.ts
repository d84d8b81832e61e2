import { type QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query';
import { api } from './apiClient';
import type { Source, SourceList } from './apiTypes';
import { useFallbackInterval } from './liveEvents';
import { queryKeys } from './queryKeys';

const PAGE_SIZE = 200;

/** The sources of the workspace. */
export function useSources(): UseQueryResult<Source[], Error> {
  return useQuery({
    queryKey: queryKeys.sources,
    queryFn: async ({ signal }) => {
      const answer = await api.get<SourceList>('/api/sources', { query: { limit: PAGE_SIZE }, signal });
      return answer.items;
    },
    refetchInterval: useFallbackInterval(),
  });
}

/** Puts what an answer or a live event told about one source into the list; a new source comes last. */
export function putSource(client: QueryClient, source: Source): void {
  client.setQueryData<Source[]>(queryKeys.sources, (sources) => {
    if (!sources) return sources;
    const known = sources.some(({ id }) => id === source.id);
    return known ? sources.map((each) => (each.id === source.id ? source : each)) : [...sources, source];
  });
}

export function dropSource(client: QueryClient, sourceId: string): void {
  client.setQueryData<Source[]>(queryKeys.sources, (sources) => sources?.filter(({ id }) => id !== sourceId));
}
