import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { api } from './apiClient';
import type { Prompt, PromptList } from './apiTypes';
import { queryKeys } from './queryKeys';

/** The prompt templates the server brings along. */
export function usePrompts(): UseQueryResult<Prompt[], Error> {
  return useQuery({
    queryKey: queryKeys.prompts,
    queryFn: async ({ signal }) => (await api.get<PromptList>('/api/prompts', { signal })).items,
    staleTime: Number.POSITIVE_INFINITY,
  });
}
