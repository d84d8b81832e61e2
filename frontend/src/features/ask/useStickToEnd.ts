import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

const NEAR_PX = 80;
const FAR_PX = 400;

/**
 * Keeps the end of the page in view while it grows, until the person scrolls away; again once they are back.
 *
 * `key` names what is shown: another one begins at its end.
 */
export function useStickToEnd(
  content: RefObject<HTMLElement | null>,
  key: string | null,
): { farFromEnd: boolean; toEnd: () => void } {
  const sticks = useRef(true);
  const [farFromEnd, setFar] = useState(false);

  const toEnd = useCallback(() => {
    sticks.current = true;
    scrollTo(0, document.documentElement.scrollHeight);
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another key is another content
  useEffect(() => {
    const element = content.current;
    if (!element) return;
    sticks.current = true;
    let lastTop = scrollY;
    const onScroll = () => {
      const left = document.documentElement.scrollHeight - innerHeight - scrollY;
      // Only a move upwards is the person's: the page growing under them moves nothing.
      if (scrollY < lastTop && left > NEAR_PX) sticks.current = false;
      else if (left <= NEAR_PX) sticks.current = true;
      lastTop = scrollY;
      setFar(left > FAR_PX);
    };
    const observer = new ResizeObserver(() => {
      if (sticks.current) scrollTo(0, document.documentElement.scrollHeight);
      else onScroll();
    });
    observer.observe(element);
    addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      removeEventListener('scroll', onScroll);
    };
  }, [key, content]);

  return { farFromEnd, toEnd };
}
