import { useSyncExternalStore } from 'react';

const query = () => matchMedia('(min-width: 64rem)');

function subscribe(listener: () => void): () => void {
  const list = query();
  list.addEventListener('change', listener);
  return () => list.removeEventListener('change', listener);
}

/** True where the list of conversations has room beside the conversation. */
export function useWide(): boolean {
  return useSyncExternalStore(subscribe, () => query().matches);
}
