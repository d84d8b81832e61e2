import { answerText, link, webAddress } from './answerText';
import { drawings, element, icon } from './element';
import { drawnLogo } from './logo';
import { type Citation, type Draft, Refused, type Server, type ShownLook } from './server';
import { styleOf } from './style';
import type { Turn, Visit } from './visit';
import { words } from './words';

const LONGEST_QUESTION = 2_000;
const LONGEST_REASON = 1_000;
const SPOKEN_MOST = 600;

/** The chat in a corner of the page: a button, and the panel it opens. */
export class Chat {
  private readonly host = document.createElement('roost-chat');
  private readonly log = element('div', { class: 'log', role: 'log', 'aria-live': 'off', tabindex: '0' });
  private readonly spoken = element('p', { class: 'hidden', role: 'status' });
  private readonly field: HTMLTextAreaElement;
  private readonly sendButton: HTMLButtonElement;
  private readonly panel: HTMLElement;
  private readonly launcher: HTMLButtonElement;
  private logoAsked = false;
  private writing: AbortController | null = null;

  constructor(
    private readonly look: ShownLook,
    private readonly server: Server,
    private readonly visit: Visit,
  ) {
    this.log.setAttribute('aria-label', words.log);
    this.field = element('textarea', {
      rows: '1',
      maxlength: String(LONGEST_QUESTION),
      'aria-label': words.question,
      placeholder: words.placeholder,
      onkeydown: (event) => {
        const key = event as KeyboardEvent;
        if (key.key !== 'Enter' || key.shiftKey || key.isComposing) return;
        key.preventDefault();
        this.submit();
      },
    });
    this.sendButton = element('button', { type: 'submit' });
    this.panel = element(
      'section',
      { class: 'panel', role: 'dialog', 'aria-label': look.title, hidden: true },
      element(
        'header',
        {},
        element('h2', {}, look.title),
        this.button(words.fresh, drawings.fresh, () => this.startAnew()),
        this.button(words.close, drawings.close, () => this.show(false)),
      ),
      this.log,
      element(
        'form',
        {
          class: 'ask',
          onsubmit: (event) => {
            event.preventDefault();
            this.submit();
          },
        },
        this.field,
        this.sendButton,
      ),
      element('footer', {}, words.madeBy),
    );
    this.launcher = this.button(words.open(look.title), drawings.chat, () =>
      this.show(this.panel.hidden === true),
    );
    this.launcher.className = 'launcher';
    this.launcher.setAttribute('aria-expanded', 'false');
    this.attach();
    this.showSending();
    this.draw();
    if (visit.open) this.show(true, false);
  }

  private attach(): void {
    const root = this.host.attachShadow({ mode: 'open' });
    // A sheet that is made, not parsed from the page: the page's policy on styles does not apply to it.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styleOf(this.look));
    root.adoptedStyleSheets = [sheet];
    root.append(element('div', { class: 'all' }, this.panel, this.launcher, this.spoken));
    this.panel.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.isComposing) this.show(false);
    });
    // What is typed here is no shortcut of the page around it.
    for (const name of ['keydown', 'keypress', 'keyup'])
      this.host.addEventListener(name, (event) => event.stopPropagation());
    document.body.append(this.host);
  }

  private button(label: string, drawing: string, onClick: () => void): HTMLButtonElement {
    return element(
      'button',
      { type: 'button', 'aria-label': label, title: label, onclick: onClick },
      icon(drawing),
    );
  }

  private show(open: boolean, focus = true): void {
    this.panel.hidden = !open;
    this.launcher.setAttribute('aria-expanded', String(open));
    this.launcher.setAttribute('aria-label', open ? words.close : words.open(this.look.title));
    this.launcher.title = this.launcher.getAttribute('aria-label')!;
    this.visit.open = open;
    if (open) void this.showLogo();
    this.visit.save();
    if (open) this.log.scrollTop = this.log.scrollHeight;
    if (focus) (open ? this.field : this.launcher).focus();
  }

  /** Once the panel is opened: most pages are left before that. Without it the title stands alone. */
  private async showLogo(): Promise<void> {
    const { logo } = this.look;
    if (!logo || this.logoAsked) return;
    this.logoAsked = true;
    try {
      this.panel.querySelector('header')!.prepend(await drawnLogo(await this.server.logo(logo)));
    } catch (error) {
      console.warn('Roost: the logo of the chat is not shown.', error);
      this.logoAsked = false;
    }
  }

  private startAnew(): void {
    this.writing?.abort();
    this.visit.clear();
    this.draw();
    this.field.focus();
  }

  private submit(): void {
    if (this.writing) {
      this.writing.abort();
      return;
    }
    const question = this.field.value.trim();
    if (question === '') return;
    this.field.value = '';
    this.ask(question);
  }

  private ask(question: string): void {
    const turn = this.visit.begin(question);
    if (this.visit.turns.length === 1) this.draw();
    else this.drawTurn(turn);
    void this.answer(turn);
  }

  private async answer(turn: Turn): Promise<void> {
    const writing = new AbortController();
    this.writing = writing;
    turn.failure = null;
    this.showSending();
    this.say(words.looking);
    let draft: Draft = { text: '', citations: [] };
    let painted = true;
    const paint = () => {
      painted = true;
      if (this.writing === writing) this.redraw(turn, draft);
    };
    this.redraw(turn, draft);
    try {
      turn.answer = await this.server.ask(
        { id: turn.id, conversation_id: this.visit.conversationId, question: turn.question },
        (grown) => {
          draft = grown;
          if (painted) requestAnimationFrame(paint);
          painted = false;
        },
        writing.signal,
      );
      this.say(words.ready(plain(turn.answer.text)));
    } catch (error) {
      if (writing.signal.aborted) turn.answer = stoppedAnswer(draft);
      else turn.failure = error instanceof Refused ? error.message : words.unreachable;
      this.say(turn.failure ?? words.stopped);
    }
    if (this.writing === writing) this.writing = null;
    this.visit.save();
    this.showSending();
    this.redraw(turn, null);
  }

  private say(text: string): void {
    this.spoken.textContent = text.slice(0, SPOKEN_MOST);
  }

  private showSending(): void {
    const label = this.writing ? words.stop : words.send;
    this.sendButton.replaceChildren(icon(this.writing ? drawings.stop : drawings.send));
    this.sendButton.setAttribute('aria-label', label);
    this.sendButton.title = label;
  }

  private draw(): void {
    this.log.replaceChildren();
    if (this.look.greeting !== '') this.log.append(element('p', { class: 'greeting' }, this.look.greeting));
    if (this.visit.turns.length === 0 && this.look.starters.length > 0)
      this.log.append(
        element(
          'div',
          { class: 'starters' },
          ...this.look.starters.map((starter) =>
            element('button', { type: 'button', onclick: () => this.begin(starter) }, starter),
          ),
        ),
      );
    for (const turn of this.visit.turns) this.drawTurn(turn);
  }

  private begin(starter: string): void {
    if (this.writing) return;
    this.ask(starter);
    this.field.focus();
  }

  private drawTurn(turn: Turn): void {
    this.log.append(
      element(
        'div',
        { class: 'question' },
        element('span', { class: 'hidden' }, `${words.you}: `),
        turn.question,
      ),
      element('div', { class: 'answer', 'data-turn': turn.id }),
    );
    this.redraw(turn, null);
  }

  private redraw(turn: Turn, draft: Draft | null): void {
    const place = this.log.querySelector(`[data-turn="${turn.id}"]`);
    if (!place) return;
    const atEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    place.replaceChildren(...this.shown(turn, draft));
    if (atEnd || draft?.text === '') this.log.scrollTop = this.log.scrollHeight;
  }

  private shown(turn: Turn, draft: Draft | null): Node[] {
    const { answer } = turn;
    const base = this.server.base;
    if (draft) {
      if (draft.text === '')
        return [element('p', { class: 'note' }, element('span', { class: 'dot' }), words.looking)];
      return [answerText(draft.text, { ...draft, nearest: [], base })];
    }
    if (!answer) return [this.failed(turn)];
    const { citations, nearest } = answer;
    return [
      answerText(answer.text, { citations, nearest, base }),
      ...(answer.stopped ? [element('p', { class: 'note' }, words.stopped)] : []),
      ...(citations.length > 0 ? [this.sources(citations)] : []),
      ...(answer.id === '' ? [] : [this.thumbs(turn, answer.id)]),
    ];
  }

  private failed(turn: Turn): HTMLElement {
    return element(
      'div',
      { class: 'row' },
      element('span', { class: 'bad' }, turn.failure ?? words.interrupted),
      element(
        'button',
        {
          type: 'button',
          class: 'plain',
          onclick: () => {
            if (!this.writing) void this.answer(turn);
          },
        },
        words.again,
      ),
    );
  }

  private sources(citations: readonly Citation[]): HTMLElement {
    const items = citations.map(({ n, title, url }) => {
      const address = webAddress(url, this.server.base);
      return element('li', { value: String(n) }, address === null ? title : link(address, title));
    });
    return element('div', { class: 'sources' }, element('b', {}, words.sources), element('ol', {}, ...items));
  }

  private thumbs(turn: Turn, answerId: string): HTMLElement {
    const made = element('div', { class: 'thumbs' });
    const judge = (thumb: 'up' | 'down', reason?: string) =>
      this.server
        .judge({
          conversation_id: this.visit.conversationId,
          answer_id: answerId,
          thumb,
          ...(reason ? { reason } : {}),
        })
        .then(
          () => this.say(words.thanks),
          (error: unknown) => this.say(error instanceof Refused ? error.message : words.unreachable),
        );
    const give = (thumb: 'up' | 'down') => {
      turn.thumb = thumb;
      this.visit.save();
      void judge(thumb);
      draw(thumb === 'down');
      made.querySelector<HTMLElement>(thumb === 'down' ? 'textarea' : '[aria-pressed=true]')?.focus();
    };
    const draw = (asking: boolean) => {
      const up = this.button(words.up, drawings.up, () => give('up'));
      const down = this.button(words.down, drawings.down, () => give('down'));
      up.setAttribute('aria-pressed', String(turn.thumb === 'up'));
      down.setAttribute('aria-pressed', String(turn.thumb === 'down'));
      made.replaceChildren(element('div', { class: 'row' }, up, down), ...(asking ? [form()] : []));
    };
    const form = () => {
      const field = element('textarea', {
        rows: '2',
        maxlength: String(LONGEST_REASON),
        'aria-label': words.reason,
        placeholder: words.reason,
      });
      const end = (reason: string) => {
        if (reason !== '') void judge('down', reason);
        draw(false);
        if (reason !== '') made.append(element('p', { class: 'note' }, words.thanks));
        made.querySelector<HTMLElement>('[aria-pressed=true]')?.focus();
      };
      return element(
        'form',
        {
          class: 'reason',
          onsubmit: (event) => {
            event.preventDefault();
            end(field.value.trim());
          },
        },
        field,
        element(
          'div',
          { class: 'row' },
          element('button', { type: 'submit', class: 'plain' }, words.sendReason),
          element('button', { type: 'button', class: 'plain', onclick: () => end('') }, words.skipReason),
        ),
      );
    };
    draw(false);
    return made;
  }
}

function stoppedAnswer(draft: Draft) {
  const named = new Set(Array.from(draft.text.matchAll(/\[(\d{1,4})\]/g), ([, n]) => Number(n)));
  return {
    id: '',
    text: draft.text,
    citations: draft.citations.filter(({ n }) => named.has(n)),
    nearest: [],
    refused: false,
    notice: null,
    stopped: true,
  };
}

/** An answer as it is read aloud: without signs and marks. */
function plain(text: string): string {
  return text
    .replace(/\[\d+\]|[*`#>|]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}
