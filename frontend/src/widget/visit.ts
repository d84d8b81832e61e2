import { uuid7 } from '../lib/ids';
import type { VisitorAnswer } from './server';

/** One question with what became of it. `failure` is a sentence; without it and an answer, it was cut off. */
export interface Turn {
  id: string;
  question: string;
  answer: VisitorAnswer | null;
  failure: string | null;
  thumb: 'up' | 'down' | null;
}

interface Kept {
  conversationId: string;
  turns: Turn[];
  open: boolean;
}

const TURNS_KEPT = 30;

/** The conversation of one tab: it outlives a change of page, and is gone with the tab. */
export class Visit {
  conversationId = uuid7();
  turns: Turn[] = [];
  open = false;
  private readonly name: string;

  constructor(key: string) {
    this.name = `roost-chat ${key}`;
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.name) ?? 'null') as Kept | null;
      if (kept && Array.isArray(kept.turns)) {
        this.conversationId = kept.conversationId;
        this.turns = kept.turns;
        this.open = kept.open;
      }
    } catch {
      // Storage is switched off, or holds something else: the conversation lives as long as the page.
    }
  }

  save(): void {
    this.turns = this.turns.slice(-TURNS_KEPT);
    const kept: Kept = { conversationId: this.conversationId, turns: this.turns, open: this.open };
    try {
      sessionStorage.setItem(this.name, JSON.stringify(kept));
    } catch {
      // As above; or it is full.
    }
  }

  begin(question: string): Turn {
    const turn: Turn = { id: uuid7(), question, answer: null, failure: null, thumb: null };
    this.turns.push(turn);
    this.save();
    return turn;
  }

  clear(): void {
    this.conversationId = uuid7();
    this.turns = [];
    this.save();
  }
}
