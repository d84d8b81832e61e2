import { useEffect, useRef } from 'react';
import { shortcutsOn } from './preferences';

/** How long the second key of a pair ("g b") may take. */
const PAIR_MS = 1_000;

const bindings = new Map<string, (() => void)[]>();
let first: { key: string; at_ms: number } | null = null;

function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable) return true;
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button'].includes(target.type);
  return target.matches('textarea, select');
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    run(`Mod+${key}`, event);
    return;
  }
  if (event.altKey || event.ctrlKey || event.metaKey || !shortcutsOn() || typing(event.target)) return;
  if (document.querySelector('dialog[open], [role=menu]:popover-open')) return;
  const pair = first && event.timeStamp - first.at_ms < PAIR_MS ? `${first.key} ${key}` : null;
  first = null;
  if (pair && run(pair, event)) return;
  if (key === 'g') first = { key, at_ms: event.timeStamp };
  else run(key, event);
}

function run(keys: string, event: KeyboardEvent): boolean {
  const action = bindings.get(keys)?.at(-1);
  if (!action) return false;
  event.preventDefault();
  action();
  return true;
}

/** Listens for the whole page; call it once. Returns the function that stops it. */
export function listenForShortcuts(): () => void {
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}

/**
 * Binds keys while the component is shown: "c", "/", "g b", "Mod+k" (Ctrl or Cmd, works in fields too).
 * Single keys do nothing inside fields, dialogs and menus, or when shortcuts are switched off.
 */
export function useShortcut(keys: string, action: () => void): void {
  const latest = useRef(action);
  latest.current = action;
  useEffect(() => {
    const bound = () => latest.current();
    bindings.set(keys, [...(bindings.get(keys) ?? []), bound]);
    return () => {
      bindings.set(
        keys,
        (bindings.get(keys) ?? []).filter((each) => each !== bound),
      );
    };
  }, [keys]);
}

/** `j` and `k` move the focus through the elements with `data-row` inside the list; Enter opens what has the focus. */
export function useListShortcuts(list: React.RefObject<HTMLElement | null>): void {
  const move = (step: 1 | -1) => {
    const rows = Array.from(list.current?.querySelectorAll<HTMLElement>('[data-row]') ?? []);
    if (rows.length === 0) return;
    const at = rows.indexOf(document.activeElement as HTMLElement);
    const next =
      at === -1 ? (step === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step));
    rows[next]?.focus();
  };
  useShortcut('j', () => move(1));
  useShortcut('k', () => move(-1));
}
