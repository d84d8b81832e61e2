import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { ApiKeyList, CreatedApiKey, SessionList } from '../../lib/apiTypes';
import { queryKeys } from '../../lib/queryKeys';
import { useWrite } from '../../lib/useWrite';
import { sessions as sessionWords, keys as words } from './strings';

const PAGE_SIZE = 200;

export function useApiKeys() {
  return useQuery({
    queryKey: queryKeys.apiKeys,
    queryFn: async ({ signal }) =>
      (await api.get<ApiKeyList>('/api/keys', { query: { limit: PAGE_SIZE }, signal })).items,
  });
}

export function useCreateKey() {
  const client = useQueryClient();
  return useWrite({
    label: words.saves.create,
    send: (name: string, idempotencyKey) =>
      api.post<CreatedApiKey>('/api/keys', { name }, { idempotencyKey }),
    onSaved: () => void client.invalidateQueries({ queryKey: queryKeys.apiKeys }),
  });
}

export function useRevokeKey() {
  const client = useQueryClient();
  return useWrite({
    label: words.saves.revoke,
    send: (keyId: string, idempotencyKey) => api.delete(`/api/keys/${keyId}`, { idempotencyKey }),
    onSaved: () => void client.invalidateQueries({ queryKey: queryKeys.apiKeys }),
  });
}

export function useSessions() {
  return useQuery({
    queryKey: queryKeys.sessions,
    queryFn: async ({ signal }) =>
      (await api.get<SessionList>('/api/account/sessions', { query: { limit: PAGE_SIZE }, signal })).items,
  });
}

export function useEndSession() {
  const client = useQueryClient();
  return useWrite({
    label: sessionWords.save,
    send: (sessionId: string, idempotencyKey) =>
      api.delete(`/api/account/sessions/${sessionId}`, { idempotencyKey }),
    onSaved: () => void client.invalidateQueries({ queryKey: queryKeys.sessions }),
  });
}

export async function signOut(): Promise<void> {
  await api.post('/auth/logout');
}
