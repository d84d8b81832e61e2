import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { api } from './apiClient';
import type { Person, Session } from './apiTypes';
import { queryKeys } from './queryKeys';

const RETRY_MS = 2_000;

/** Who is signed in, and whether the server is ready; asked again by itself until it is. */
export function useSession(): UseQueryResult<Session, Error> {
  return useQuery({
    queryKey: queryKeys.session,
    queryFn: ({ signal }) => api.get<Session>('/api/session', { signal }),
    staleTime: 60_000,
    refetchInterval: ({ state }) =>
      state.status === 'error' || (state.data && state.data.state !== 'ready') ? RETRY_MS : false,
  });
}

/** The person the page works for; null only while the sign-in page is shown. */
export function useUser(): Person | null {
  return useSession().data?.user ?? null;
}
