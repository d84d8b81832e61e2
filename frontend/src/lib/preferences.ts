import { useSyncExternalStore } from 'react';

export type Theme = 'system' | 'light' | 'dark';

export interface Preferences {
  theme: Theme;
  shortcuts: boolean;
}

const THEME_KEY = 'roost.theme';
const SHORTCUTS_KEY = 'roost.shortcuts';
const listeners = new Set<() => void>();
let preferences: Preferences = read();

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // Storage is refused (private window, policy): preferences then last as long as the page.
    return null;
  }
}

function read(): Preferences {
  const theme = stored(THEME_KEY);
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : 'system',
    shortcuts: stored(SHORTCUTS_KEY) !== 'off',
  };
}

function applyTheme(theme: Theme): void {
  const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
}

export function setPreferences(change: Partial<Preferences>): void {
  preferences = { ...preferences, ...change };
  try {
    localStorage.setItem(THEME_KEY, preferences.theme);
    localStorage.setItem(SHORTCUTS_KEY, preferences.shortcuts ? 'on' : 'off');
  } catch {
    // As above: the choice still holds for this page.
  }
  applyTheme(preferences.theme);
  for (const listener of listeners) listener();
}

/** Follows the system's theme while the choice is "system", and choices made in other tabs. */
export function watchTheme(): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => applyTheme(preferences.theme));
  addEventListener('storage', (event) => {
    if (event.key !== THEME_KEY && event.key !== SHORTCUTS_KEY) return;
    preferences = read();
    applyTheme(preferences.theme);
    for (const listener of listeners) listener();
  });
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => preferences,
  );
}

export function shortcutsOn(): boolean {
  return preferences.shortcuts;
}
