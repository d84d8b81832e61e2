// @vitest-environment happy-dom
import { act, cleanup, renderHook } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { browserStore, draftKey, useDraft } from './drafts';

afterEach(() => {
  cleanup();
  localStorage.clear();
});

const show = (key: string) =>
  renderHook(({ at }: { at: string }) => useDraft(at), { initialProps: { at: key } });

test('what was typed is there again after the page was closed', () => {
  const key = draftKey('ann', null);
  const first = show(key);
  act(() => first.result.current[1]('How do I'));
  first.unmount();
  expect(show(key).result.current[0]).toBe('How do I');
});

test('each conversation, and each person, has a draft of its own', () => {
  const { result, rerender } = show(draftKey('ann', 'a'));
  act(() => result.current[1]('in a'));
  rerender({ at: draftKey('ann', 'b') });
  expect(result.current[0]).toBe('');
  act(() => result.current[1]('in b'));
  rerender({ at: draftKey('ann', 'a') });
  expect(result.current[0]).toBe('in a');
  rerender({ at: draftKey('ben', 'a') });
  expect(result.current[0]).toBe('');
});

test('an emptied draft leaves nothing behind', () => {
  const key = draftKey('ann', null);
  const { result } = show(key);
  act(() => result.current[1]('x'));
  act(() => result.current[1](''));
  expect(localStorage.length).toBe(0);
});

test('where storage is full the text stays in the field', () => {
  const refusing = {
    ...browserStore,
    set: () => undefined,
    get: () => null,
  };
  const { result } = renderHook(() => useDraft('k', refusing));
  act(() => result.current[1]('still here'));
  expect(result.current[0]).toBe('still here');
});
