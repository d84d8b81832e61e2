import type { Message } from '../../lib/apiTypes';
import { Button } from '../../ui/Button';
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
          <Button
            onClick={() => onAsk(question)}
            className="max-w-full text-start text-sm [overflow-wrap:anywhere] whitespace-normal"
          >
            {question}
          </Button>
        </li>
      ))}
    </ul>
  );
}
