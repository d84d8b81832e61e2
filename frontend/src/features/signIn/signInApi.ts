import { api } from '../../lib/apiClient';

export function signInLocally(): Promise<unknown> {
  return api.post('/auth/local');
}

export function signInByLink(code: string): Promise<unknown> {
  return api.post('/auth/link', { code });
}
