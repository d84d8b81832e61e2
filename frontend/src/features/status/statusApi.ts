import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { InstallationStatus, Readiness, Replication, UnansweredList } from '../../lib/apiTypes';
import { queryKeys } from '../../lib/queryKeys';

const POLL_MS = 10_000;
const QUESTIONS_A_TIME = 20;

export function useStatus() {
  return useQuery({
    queryKey: queryKeys.status,
    queryFn: ({ signal }) => api.get<InstallationStatus>('/api/status', { signal }),
    refetchInterval: POLL_MS,
  });
}

/** The file stays where it is; it is only not shown any more. */
export function useDismissConflict() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      api.post<Replication>(`/api/backup/conflicts/${encodeURIComponent(id)}/dismiss`),
    onSettled: () => queries.invalidateQueries({ queryKey: queryKeys.status }),
  });
}

/** Goes on with what this Roost has, in a bucket that was emptied or exchanged. */
export function useAdoptBucket() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => api.post<Replication>('/api/backup', { adopt: true }),
    onSettled: () => queries.invalidateQueries({ queryKey: queryKeys.status }),
  });
}

/** What a load balancer is told; a refusal means: not ready. */
export function useReadiness() {
  return useQuery({
    queryKey: ['readiness'],
    queryFn: ({ signal }) => api.get<Readiness>('/readyz', { signal }),
    refetchInterval: POLL_MS,
    retry: false,
  });
}

export function useUnanswered() {
  return useInfiniteQuery({
    queryKey: ['unanswered'],
    queryFn: ({ pageParam, signal }) =>
      api.get<UnansweredList>('/api/questions/unanswered', {
        query: { cursor: pageParam, limit: QUESTIONS_A_TIME },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });
}
