import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../lib/apiClient';
import type { NewWidget, Widget, WidgetChange } from '../../lib/apiTypes';
import { queryKeys } from '../../lib/queryKeys';
import { useWrite } from '../../lib/useWrite';
import type { Picture } from './picture';
import { form as words } from './strings';

function useChanged() {
  const client = useQueryClient();
  return () => void client.invalidateQueries({ queryKey: queryKeys.widgets });
}

export function useCreateWidget() {
  return useWrite({
    label: words.saves.create,
    send: (widget: NewWidget, idempotencyKey) => api.post<Widget>('/api/widgets', widget, { idempotencyKey }),
    onSaved: useChanged(),
  });
}

export function useChangeWidget() {
  return useWrite({
    label: words.saves.change,
    send: ({ id, change }: { id: string; change: WidgetChange }, idempotencyKey) =>
      api.patch<Widget>(`/api/widgets/${id}`, change, { idempotencyKey }),
    onSaved: useChanged(),
  });
}

/** Gives a widget its logo; `logo` null takes it away. */
export function useSetLogo() {
  return useWrite({
    label: words.saves.logo,
    send: async ({ id, logo }: { id: string; logo: Picture | null }, idempotencyKey) => {
      const path = `/api/widgets/${id}/logo`;
      if (logo) await api.put<Widget>(path, logo.file, { idempotencyKey });
      else await api.delete(path, { idempotencyKey });
    },
    onSaved: useChanged(),
  });
}

export function useRevokeWidget() {
  return useWrite({
    label: words.saves.revoke,
    send: (id: string, idempotencyKey) => api.delete(`/api/widgets/${id}`, { idempotencyKey }),
    onSaved: useChanged(),
  });
}
