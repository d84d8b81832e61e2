import { QueryClient } from '@tanstack/react-query';
import { mayRetry } from '../lib/apiClient';

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (failures, error) => mayRetry(error) && failures < 2,
      // A server on this machine answers without a network: let the request itself find out.
      networkMode: 'always',
    },
  },
});
