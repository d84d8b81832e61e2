import { ExternalLink, X } from 'lucide-react';
import { useId, useLayoutEffect, useRef } from 'react';
import type { Citation } from '../../lib/apiTypes';
import { IconButton } from '../../ui/Button';
import { AnswerText } from './AnswerText';
import { safeAddress, shortAddress } from './addresses';
import { answer as words } from './strings';

const GAP_PX = 6;
const EDGE_PX = 8;

/** The passage behind a number: a dialog beside the mark, closed by Esc or a click elsewhere; the focus goes back to the mark. */
export function CitationPopover({
  citation,
  mark,
  onClose,
}: {
  citation: Citation;
  mark: HTMLElement;
  onClose: () => void;
}) {
  const titleId = useId();
  const ref = useRef<HTMLDialogElement>(null);
  const address = safeAddress(citation.url);

  useLayoutEffect(() => {
    const box = ref.current;
    if (!box) return;
    mark.setAttribute('aria-expanded', 'true');
    if (!box.open) box.showModal();
    const put = () => place(box, mark);
    put();
    addEventListener('resize', put);
    return () => {
      removeEventListener('resize', put);
      mark.removeAttribute('aria-expanded');
      box.close();
    };
  }, [mark]);

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes it by keyboard
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
      className="absolute inset-auto m-0 w-[min(26rem,calc(100vw-1rem))] overflow-hidden rounded-2 border border-line bg-surface p-0 text-ink shadow-float outline-none backdrop:bg-transparent"
    >
      <header className="flex items-start gap-2 ps-4 pe-1.5 pt-1.5">
        <h2 id={titleId} className="min-w-0 flex-1 pt-1.5 font-semibold leading-tight break-words">
          {citation.title}
        </h2>
        <IconButton label={words.close} onClick={onClose}>
          <X size={16} aria-hidden />
        </IconButton>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div tabIndex={0} className="max-h-60 overflow-y-auto overscroll-contain px-4 py-2 text-sm text-ink-2">
        <AnswerText text={citation.text} citations={[]} sites={[citation.url]} onCite={null} />
      </div>
      {address ? (
        <p className="border-t border-line px-4 py-2 text-sm">
          <a
            href={address}
            target="_blank"
            rel="noopener noreferrer"
            className="inline-flex min-h-6 max-w-full items-center gap-1.5 text-accent underline underline-offset-2 pointer-coarse:min-h-11"
          >
            <ExternalLink size={14} aria-hidden className="shrink-0" />
            {words.openPage}
            <span className="sr-only">
              {shortAddress(address)}, {words.newTab}
            </span>
          </a>
        </p>
      ) : null}
    </dialog>
  );
}

/** Below the mark where there is room, else above it; always inside the window. It scrolls with the page. */
function place(box: HTMLElement, mark: HTMLElement): void {
  const anchor = mark.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const below = anchor.bottom + GAP_PX;
  const top = below + height <= innerHeight - EDGE_PX ? below : anchor.top - GAP_PX - height;
  const start = Math.min(anchor.left, document.documentElement.clientWidth - width - EDGE_PX);
  box.style.top = `${Math.max(EDGE_PX, top) + scrollY}px`;
  box.style.left = `${Math.max(EDGE_PX, start)}px`;
}
