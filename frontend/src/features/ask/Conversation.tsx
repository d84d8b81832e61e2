import { ArrowDown } from 'lucide-react';
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError } from '../../lib/apiClient';
import type { Message } from '../../lib/apiTypes';
import { count } from '../../lib/time';
import { Button, IconButton } from '../../ui/Button';
import { FailedState, LoadingState } from '../../ui/States';
import { Answer } from './Answer';
import { messageKey, useMessages } from './askApi';
import { FollowUps } from './FollowUps';
import { Question, Unsent } from './Question';
import { history, ask as words } from './strings';
import type { UnsentQuestion } from './unsent';
import { useStickToEnd } from './useStickToEnd';

/** How many messages are drawn at first, and more with each step back: long conversations stay quick. */
const SHOWN = 40;

/** The messages of one conversation, and below them what is not on the server yet. */
export function Conversation({
  threadId,
  unsent,
  onArrived,
  onAskAgain,
  onRetry,
  onEdit,
  onDiscard,
}: {
  threadId: string;
  unsent: readonly UnsentQuestion[];
  /** The server has this question after all. */
  onArrived: (question: UnsentQuestion) => void;
  onAskAgain: (text: string) => void;
  onRetry: (question: UnsentQuestion) => void;
  onEdit: (question: UnsentQuestion) => void;
  onDiscard: (question: UnsentQuestion) => void;
}) {
  const begins = unsent.some((question) => question.begins !== null);
  const query = useMessages(threadId, begins);
  const list = useRef<HTMLOListElement>(null);
  const [shown, setShown] = useState(SHOWN);
  const messages = query.data;
  const ready = messages !== undefined || begins;
  const { farFromEnd, toEnd } = useStickToEnd(list, ready ? threadId : null);

  const arrived = unsent.find(({ id }) => messages?.some((message) => message.id === id));
  useEffect(() => {
    if (arrived) onArrived(arrived);
  }, [arrived, onArrived]);

  const unsentCount = unsent.length;
  // A question just sent is what the person looks at.
  useEffect(() => {
    if (unsentCount > 0) toEnd();
  }, [unsentCount, toEnd]);

  const known = useRef<readonly Message[]>([]);
  known.current = messages ?? [];
  const askAgain = useCallback(
    (answerId: string) => {
      const at = known.current.findIndex(({ id }) => id === answerId);
      const question = known.current.slice(0, at).findLast(({ role }) => role === 'user');
      if (question) onAskAgain(question.text);
    },
    [onAskAgain],
  );

  const all = messages ?? [];
  const hidden = Math.max(0, all.length - shown);
  const waiting = unsent.filter(({ id }) => all.every((message) => message.id !== id));
  const last = all.at(-1);
  const followed = waiting.length === 0 && last?.status === 'done' && last.role === 'assistant' ? last : null;
  return (
    <>
      {ready ? null : query.error ? (
        <NotShown error={query.error} onRetry={() => void query.refetch()} />
      ) : (
        <LoadingState />
      )}
      {hidden > 0 ? (
        <div className="mb-4 flex justify-center">
          <Button look="quiet" onClick={() => setShown((most) => most + SHOWN)}>
            {words.earlier(count(Math.min(SHOWN, hidden)))}
          </Button>
        </div>
      ) : null}
      <ol ref={list} aria-label={words.conversation} className={`flex flex-col gap-6 ${ready ? '' : 'mt-6'}`}>
        {all.slice(hidden).map((message) => (
          <li key={messageKey(message)} className="min-w-0">
            {message.role === 'user' ? (
              <Question text={message.text} />
            ) : (
              <Answer message={message} onAskAgain={askAgain} />
            )}
            {message === followed ? <FollowUps message={message} onAsk={onAskAgain} /> : null}
          </li>
        ))}
        {waiting.map((question) => (
          <li key={question.id} className="min-w-0">
            <Unsent
              question={question}
              onRetry={() => onRetry(question)}
              onEdit={() => onEdit(question)}
              onDiscard={() => onDiscard(question)}
            />
          </li>
        ))}
      </ol>
      {farFromEnd ? (
        <div className="pointer-events-none sticky bottom-44 flex justify-center md:bottom-28">
          <IconButton
            label={words.newest}
            onClick={toEnd}
            className="pointer-events-auto border border-line bg-surface shadow-float"
          >
            <ArrowDown size={18} aria-hidden />
          </IconButton>
        </div>
      ) : null}
    </>
  );
}

function NotShown({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const gone = error instanceof ApiError && error.status === 404;
  return gone ? <p>{history.gone}</p> : <FailedState error={error} onRetry={onRetry} />;
}
