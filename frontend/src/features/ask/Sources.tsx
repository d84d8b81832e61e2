import { useId } from 'react';
import type { Citation } from '../../lib/apiTypes';
import { safeAddress, shortAddress } from './addresses';
import { answer as words } from './strings';

/** The pages an answer rests on, by their number in the text; or the nearest ones where it rests on none. */
export function Sources({
  title,
  citations,
  numbered,
}: {
  title: string;
  citations: readonly Citation[];
  numbered: boolean;
}) {
  const titleId = useId();
  if (citations.length === 0) return null;
  return (
    <div className="mt-3 border-t border-line pt-2 text-sm">
      <p id={titleId} className="font-medium text-ink-2">
        {title}
      </p>
      <ol aria-labelledby={titleId} className="mt-1 flex flex-col">
        {citations.map((citation, at) => (
          <li key={numbered ? citation.n : `${at} ${citation.url}`} className="flex min-w-0 gap-2">
            {numbered ? (
              <span className="w-5 shrink-0 py-1 text-end text-ink-2 tabular-nums pointer-coarse:py-2.5">
                {citation.n}
              </span>
            ) : null}
            <SourceLink citation={citation} />
          </li>
        ))}
      </ol>
    </div>
  );
}

function SourceLink({ citation: { title, url } }: { citation: Citation }) {
  const address = safeAddress(url);
  const text = (
    <>
      <span className="font-medium break-words">{title}</span>{' '}
      <span className="text-ink-2 [overflow-wrap:anywhere]">{shortAddress(url)}</span>
    </>
  );
  if (address === null) return <span className="min-w-0 py-1">{text}</span>;
  return (
    <a
      href={address}
      target="_blank"
      rel="noopener noreferrer"
      className="min-w-0 py-1 underline-offset-2 hover:underline pointer-coarse:py-2.5"
    >
      {text}
      <span className="sr-only">, {words.newTab}</span>
    </a>
  );
}
