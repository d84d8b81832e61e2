import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { Insights } from '../../lib/apiTypes';
import type { InsightSearch } from '../../lib/insightSearch';
import { queryKeys } from '../../lib/queryKeys';

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const USUAL_DAYS = 30;

export type ListName = 'unanswered' | 'asked' | 'judged' | 'pages';

/** The query of a choice; the period ends with the running minute, so that it stays the same for a while. */
export function insightQuery(search: InsightSearch, now_ms: number): Record<string, string> {
  const until_ms = Math.ceil(now_ms / MINUTE_MS) * MINUTE_MS;
  const since_ms = until_ms - (search.days ?? USUAL_DAYS) * DAY_MS;
  return {
    since: new Date(since_ms).toISOString(),
    until: new Date(until_ms).toISOString(),
    ...(search.bot ? { bot_id: search.bot } : {}),
    ...(search.widget ? { widget_id: search.widget } : {}),
    ...(search.source ? { source_id: search.source } : {}),
  };
}

/** Where the browser downloads one of the lists. */
export function exportAddress(list: ListName, query: Record<string, string>): string {
  return `/api/insights/export?${new URLSearchParams({ list, ...query })}`;
}

export function useInsights(query: Record<string, string>) {
  return useQuery({
    queryKey: queryKeys.insights(JSON.stringify(query)),
    queryFn: ({ signal }) => api.get<Insights>('/api/insights', { query, signal }),
    placeholderData: keepPreviousData,
  });
}
