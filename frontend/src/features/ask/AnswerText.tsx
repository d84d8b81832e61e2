import { createContext, memo, type ReactNode, useContext } from 'react';
import Markdown, { type Components } from 'react-markdown';
import remarkGfm from 'remark-gfm';
import type { Citation } from '../../lib/apiTypes';
import { safeAddress, sameSite } from './addresses';
import { blocksOf } from './blocks';
import { remarkCitations } from './citations';
import { answer as words } from './strings';

interface Surroundings {
  citations: readonly Citation[];
  /** Sites whose links are shown as links; null: every site. */
  sites: readonly string[] | null;
  onCite: ((citation: Citation, mark: HTMLElement) => void) | null;
}

const nowhere: Surroundings = { citations: [], sites: [], onCite: null };
const AroundText = createContext<Surroundings>(nowhere);

const plugins = [remarkGfm, remarkCitations];

/** The text of an answer: markdown without raw HTML, without pictures, with links to known sites only. */
export function AnswerText({ text, ...around }: { text: string } & Surroundings) {
  return (
    <AroundText value={around}>
      <div className="answer-text">
        {blocksOf(text).map((block, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: blocks only ever grow at the end
          <Block key={at} text={block} />
        ))}
      </div>
    </AroundText>
  );
}

/** A finished block never changes, so it is never parsed again while the answer grows. */
const Block = memo(function Block({ text }: { text: string }) {
  return (
    <Markdown
      remarkPlugins={plugins}
      components={components}
      urlTransform={(address) => safeAddress(address) ?? ''}
    >
      {text}
    </Markdown>
  );
});

const components: Components = {
  a: ({ href, children }) => <SafeLink href={href}>{children}</SafeLink>,
  cite: (props) => <Mark n={Number((props as { 'data-n'?: string })['data-n'])} />,
  // A picture's address can carry what was said to somebody else's server: none is loaded.
  img: ({ alt }) => <span className="text-ink-2">{words.picture(alt ?? '')}</span>,
  h1: ({ children }) => <h3>{children}</h3>,
  h2: ({ children }) => <h3>{children}</h3>,
  h3: ({ children }) => <h4>{children}</h4>,
  h4: ({ children }) => <h5>{children}</h5>,
  pre: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <pre tabIndex={0}>{children}</pre>
  ),
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: as above
    <div className="overflow-x-auto" tabIndex={0}>
      <table>{children}</table>
    </div>
  ),
  input: ({ checked }) => <span>{checked ? '[x] ' : '[ ] '}</span>,
};

function SafeLink({ href, children }: { href: string | undefined; children?: ReactNode }) {
  const { sites } = useContext(AroundText);
  const address = safeAddress(href);
  if (address === null) return <span>{children}</span>;
  if (sites !== null && !sameSite(address, sites)) {
    // Nobody vouches for this address: it is shown, and not followed by a slip of the hand.
    if (children === address || `mailto:${children}` === address) return <span>{children}</span>;
    return (
      <span>
        {children} <span className="break-all text-ink-2">({address})</span>
      </span>
    );
  }
  return (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  );
}

function Mark({ n }: { n: number }) {
  const { citations, onCite } = useContext(AroundText);
  const citation = citations.find((each) => each.n === n);
  if (!citation || !onCite) return `[${n}]`;
  return (
    <button
      type="button"
      className="citation-mark"
      aria-haspopup="dialog"
      aria-label={words.source(String(n), citation.title)}
      onClick={(event) => onCite(citation, event.currentTarget)}
    >
      {n}
    </button>
  );
}
