import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { api } from './apiClient';
import type { Widget, WidgetList } from './apiTypes';
import { queryKeys } from './queryKeys';

const PAGE_SIZE = 200;

/** The widgets this person sees: their own, and everybody's for an owner. */
export function useWidgets(): UseQueryResult<Widget[], Error> {
  return useQuery({
    queryKey: queryKeys.widgets,
    queryFn: async ({ signal }) =>
      (await api.get<WidgetList>('/api/widgets', { query: { limit: PAGE_SIZE }, signal })).items,
  });
}
