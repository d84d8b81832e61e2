import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { AuditLog, Invitation, InvitationList, PersonList, SessionList } from '../../lib/apiTypes';
import { queryKeys } from '../../lib/queryKeys';
import { useWrite } from '../../lib/useWrite';
import { sessions, words } from './strings';

const PAGE_SIZE = 200;
const LOG_PAGE_SIZE = 50;

export function usePeople() {
  return useQuery({
    queryKey: queryKeys.people,
    queryFn: async ({ signal }) =>
      (await api.get<PersonList>('/api/people', { query: { limit: PAGE_SIZE }, signal })).items,
  });
}

export function useSessionsOf(personId: string) {
  return useQuery({
    queryKey: queryKeys.sessionsOf(personId),
    queryFn: async ({ signal }) =>
      (
        await api.get<SessionList>(`/api/people/${personId}/sessions`, {
          query: { limit: PAGE_SIZE },
          signal,
        })
      ).items,
  });
}

export function useEndSessionOf(personId: string) {
  const client = useQueryClient();
  const changed = useChanged();
  return useWrite({
    label: sessions.save,
    send: (sessionId: string, idempotencyKey) =>
      api.delete(`/api/people/${personId}/sessions/${sessionId}`, { idempotencyKey }),
    onSaved: () => {
      void client.invalidateQueries({ queryKey: queryKeys.sessionsOf(personId) });
      changed();
    },
  });
}

export function useInvitations() {
  return useQuery({
    queryKey: queryKeys.invitations,
    queryFn: async ({ signal }) =>
      (await api.get<InvitationList>('/api/invitations', { query: { limit: PAGE_SIZE }, signal })).items,
  });
}

export function useAudit() {
  return useInfiniteQuery({
    queryKey: queryKeys.audit,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      api.get<AuditLog>('/api/audit', { query: { limit: LOG_PAGE_SIZE, cursor: pageParam }, signal }),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/**
 * After any change, all three lists are asked for again: each change is in the log too. A first answer that is
 * still on its way may be from before the change, and would not be asked for anew.
 */
function useChanged() {
  const client = useQueryClient();
  return () => {
    for (const queryKey of [queryKeys.people, queryKeys.invitations, queryKeys.audit])
      void client.cancelQueries({ queryKey }).then(() => client.invalidateQueries({ queryKey }));
  };
}

export function useInvite() {
  const changed = useChanged();
  return useWrite({
    label: words.saves.invite,
    send: (email: string, idempotencyKey) =>
      api.post<Invitation>('/api/invitations', { email }, { idempotencyKey }),
    onSaved: changed,
  });
}

export function useWithdraw() {
  const changed = useChanged();
  return useWrite({
    label: words.saves.withdraw,
    send: (id: string, idempotencyKey) => api.delete(`/api/invitations/${id}`, { idempotencyKey }),
    onSaved: changed,
  });
}

export function useSetRole() {
  const changed = useChanged();
  return useWrite({
    label: words.saves.role,
    send: ({ id, role }: { id: string; role: 'member' | 'guest' }, idempotencyKey) =>
      api.patch(`/api/people/${id}`, { role }, { idempotencyKey }),
    onSaved: changed,
  });
}

export function useRemove() {
  const changed = useChanged();
  return useWrite({
    label: words.saves.remove,
    send: (id: string, idempotencyKey) => api.delete(`/api/people/${id}`, { idempotencyKey }),
    onSaved: changed,
  });
}
