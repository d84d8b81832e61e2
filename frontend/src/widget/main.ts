import { Chat } from './chat';
import { Refused, Server } from './server';
import { Visit } from './visit';

const DELAYS_MS = [2_000, 10_000, 30_000];
const ADDRESS = /^(.*\/widget\/v1\/([\w-]+))\/widget\.js(?:[?#]|$)/;

const script = document.currentScript;

/** Shows the chat once the page stands, where the widget is made for this site. */
async function begin(): Promise<void> {
  const address = script instanceof HTMLScriptElement ? ADDRESS.exec(script.src) : null;
  if (!address) {
    console.warn('Roost: the chat must be loaded by its own script element, from its own address.');
    return;
  }
  const [, base, key] = address;
  if (document.querySelector('roost-chat')) return;
  const server = new Server(base!);
  for (let attempt = 0; ; attempt++) {
    try {
      const look = await server.look();
      if (!document.querySelector('roost-chat')) new Chat(look, server, new Visit(key!));
      return;
    } catch (error) {
      const delay_ms = DELAYS_MS[attempt];
      const told = error instanceof Refused && error.status > 0 ? error.message : null;
      if (attempt === 0) console.warn(`Roost: the chat is not shown. ${told ?? unreadable(base!)}`);
      // A page elsewhere cannot read why it was refused: that looks like a server that does not answer.
      const final = error instanceof Refused && error.status >= 400 && error.status < 500;
      if (final || delay_ms === undefined) return;
      await new Promise((resolve) => setTimeout(resolve, delay_ms));
    }
  }
}

function unreadable(base: string): string {
  return `Is ${location.origin} one of the widget's sites, and does the page's policy (connect-src) allow ${new URL(base).origin}?`;
}

if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', () => void begin());
else void begin();
