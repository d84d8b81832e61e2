import { useEffect, useState } from 'react';

/** Where text survives a closed tab. Storage may be refused or full: text then lasts as long as the page. */
export interface TextStore {
  get: (key: string) => string | null;
  set: (key: string, text: string | null) => void;
}

export const browserStore: TextStore = {
  get: (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set: (key, text) => {
    try {
      if (text === null) localStorage.removeItem(key);
      else localStorage.setItem(key, text);
    } catch {
      // Refused or full: the text is still in the field.
    }
  },
};

/** The key of what somebody types into one conversation; `null` is the one not begun yet. */
export function draftKey(personId: string, threadId: string | null): string {
  return `roost.${personId}.draft.${threadId ?? 'new'}`;
}

/** What is typed under `key`, kept with every keystroke until it is set to the empty string. */
export function useDraft(key: string, store: TextStore = browserStore): [string, (text: string) => void] {
  const [draft, setDraft] = useState(() => ({ key, text: store.get(key) ?? '' }));
  // Another conversation has another draft: shown with the same render, so that no keystroke lands in the wrong one.
  const shown = draft.key === key ? draft : { key, text: store.get(key) ?? '' };
  useEffect(() => {
    if (draft.key !== key) setDraft({ key, text: store.get(key) ?? '' });
  }, [draft.key, key, store]);
  const set = (text: string) => {
    store.set(key, text === '' ? null : text);
    setDraft({ key, text });
  };
  return [shown.text, set];
}
