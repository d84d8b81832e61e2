import { browserStore, type TextStore } from './drafts';

/** A question a person has sent and the server has not acknowledged. */
export interface UnsentQuestion {
  /** The message's id: sending it again can never ask twice. */
  id: string;
  threadId: string;
  /** The conversation begins with this question, as this bot (null: none). */
  begins: { botId: string | null } | null;
  text: string;
  at: string;
  /** Why it was not sent; null while it is on its way. */
  problem: string | null;
  /** The problem may pass by itself: a network, a restart. */
  mayPass: boolean;
}

/** The questions that are not on the server yet, kept over a reload and shared with the person's other tabs. */
export class UnsentQuestions {
  private questions: readonly UnsentQuestion[];
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly key: string,
    private readonly store: TextStore = browserStore,
  ) {
    this.questions = this.read();
  }

  readonly current = (): readonly UnsentQuestion[] => this.questions;

  readonly subscribe = (listener: () => void): (() => void) => {
    const onStorage = (event: StorageEvent) => {
      if (event.key !== this.key) return;
      this.questions = this.read();
      listener();
    };
    addEventListener('storage', onStorage);
    this.listeners.add(listener);
    return () => {
      removeEventListener('storage', onStorage);
      this.listeners.delete(listener);
    };
  };

  put(question: UnsentQuestion): void {
    const known = this.questions.some(({ id }) => id === question.id);
    this.write(
      known
        ? this.questions.map((each) => (each.id === question.id ? question : each))
        : [...this.questions, question],
    );
  }

  change(id: string, change: Partial<UnsentQuestion>): void {
    this.write(this.questions.map((each) => (each.id === id ? { ...each, ...change } : each)));
  }

  remove(id: string): void {
    this.write(this.questions.filter((each) => each.id !== id));
  }

  private write(questions: readonly UnsentQuestion[]): void {
    this.questions = questions;
    this.store.set(this.key, questions.length > 0 ? JSON.stringify(questions) : null);
    for (const listener of this.listeners) listener();
  }

  private read(): readonly UnsentQuestion[] {
    const text = this.store.get(this.key);
    if (text === null) return [];
    try {
      const questions: unknown = JSON.parse(text);
      return Array.isArray(questions) ? questions.filter(isQuestion) : [];
    } catch {
      // Something else wrote there: nothing of ours can be read from it.
      return [];
    }
  }
}

function isQuestion(value: unknown): value is UnsentQuestion {
  const question = value as UnsentQuestion | null;
  return (
    typeof question === 'object' &&
    typeof question?.id === 'string' &&
    typeof question.threadId === 'string' &&
    typeof question.text === 'string'
  );
}

const stores = new Map<string, UnsentQuestions>();

/** One store a person: nobody's question is ever sent in another's name. */
export function unsentOf(personId: string): UnsentQuestions {
  const known = stores.get(personId);
  if (known) return known;
  const store = new UnsentQuestions(`roost.${personId}.unsent`);
  stores.set(personId, store);
  return store;
}
