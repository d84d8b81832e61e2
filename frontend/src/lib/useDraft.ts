import { useState } from 'react';

/**
 * Text that a reload or a trip through sign-in must not lose. Kept for the tab under `key`; never for secrets.
 * Setting the empty string forgets it.
 */
export function useDraft(key: string): [string, (text: string) => void] {
  const place = `roost.draft.${key}`;
  const [text, setText] = useState(() => {
    try {
      return sessionStorage.getItem(place) ?? '';
    } catch {
      // Storage is refused: the text then lasts as long as the page.
      return '';
    }
  });
  const set = (next: string) => {
    setText(next);
    try {
      if (next === '') sessionStorage.removeItem(place);
      else sessionStorage.setItem(place, next);
    } catch {
      // As above.
    }
  };
  return [text, set];
}
