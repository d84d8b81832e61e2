import type { Message } from '../../lib/apiTypes';
import { useFollowUps } from './askApi';
import { answer as words } from './strings';

/** What could be asked next, from headings near the answer; a press asks it. Nothing while there is nothing. */
export function FollowUps({ message, onAsk }: { message: Message; onAsk: (question: string) => void }) {
  const { data: questions = [] } = useFollowUps(message);
  if (questions.length === 0) return null;
  return (
    <ul aria-label={words.followUps} className="mt-3 flex flex-wrap gap-2">
      {questions.map((question) => (
        <li key={question} className="min-w-0 max-w-full">
          <button
            type="button"
            onClick={() => onAsk(question)}
            className="min-h-9 rounded-1 border border-line bg-surface px-3 py-1.5 text-start text-sm transition-colors duration-150 [overflow-wrap:anywhere] hover:border-line-strong pointer-coarse:min-h-11"
          >
            {question}
          </button>
        </li>
      ))}
    </ul>
  );
}
