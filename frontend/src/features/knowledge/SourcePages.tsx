import { CircleAlert, CircleCheck, CircleMinus } from 'lucide-react';
import { useState } from 'react';
import type { Page, PageStatus, Source } from '../../lib/apiTypes';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { SelectField } from '../../ui/Field';
import { FailedState, LoadingState } from '../../ui/States';
import { usePages } from './knowledgeApi';
import { sourceName } from './sourceText';
import { pages as words } from './strings';

export type PagesShown = PageStatus | 'all';

const looks = {
  ok: { icon: CircleCheck, colour: 'text-ok', word: words.ok },
  failed: { icon: CircleAlert, colour: 'text-bad', word: words.failed },
  gone: { icon: CircleMinus, colour: 'text-ink-2', word: words.gone },
} as const;

/** The pages of a source, and why some could not be read. */
export function SourcePages({
  source,
  show,
  onClose,
}: {
  source: Source;
  show: PagesShown;
  onClose: () => void;
}) {
  const [shown, setShown] = useState(show);
  const list = usePages(source.id, shown === 'all' ? null : shown);
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Dialog title={words.title(sourceName(source))} onClose={onClose}>
      <SelectField
        label={words.show}
        value={shown}
        onChange={(event) => setShown(event.target.value as PagesShown)}
      >
        <option value="all">{words.all}</option>
        <option value="ok">{words.ok}</option>
        <option value="failed">{words.failed}</option>
        <option value="gone">{words.gone}</option>
      </SelectField>
      <div className="mt-3">
        {list.error && !list.data ? (
          <FailedState error={list.error} onRetry={() => void list.refetch()} />
        ) : list.isPending ? (
          <LoadingState />
        ) : items.length === 0 ? (
          <p className="text-ink-2">{words.none}</p>
        ) : (
          <ul className="divide-y divide-line">
            {items.map((page) => (
              <PageRow key={page.url} page={page} />
            ))}
          </ul>
        )}
        {list.hasNextPage ? (
          <Button look="quiet" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {words.more}
          </Button>
        ) : null}
      </div>
    </Dialog>
  );
}

function PageRow({ page: { url, title, status, reason } }: { page: Page }) {
  const { icon: Icon, colour, word } = looks[status];
  return (
    <li className="flex items-start gap-2 py-2">
      <Icon size={16} role="img" aria-label={word} className={`mt-0.5 shrink-0 ${colour}`} />
      <div className="min-w-0">
        <a
          href={url}
          target="_blank"
          rel="noopener noreferrer"
          className="font-medium break-words underline-offset-2 hover:underline"
        >
          {title || words.untitled}
          <span className="sr-only">, {words.newTab}</span>
        </a>
        {title === url ? null : <p className="text-sm break-all text-ink-2">{url}</p>}
        {reason ? <p className="text-sm break-words">{reason}</p> : null}
      </div>
    </li>
  );
}
