import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAppRouter } from './routes';

afterEach(cleanup);

/** A server that knows a session, no bots, and whatever the test sets. */
class FakeServer {
  signedIn = false;
  state = 'ready';
  readonly sent: { method: string; path: string; body: unknown }[] = [];
  answerToNewBot: () => Response = () => new Response(null, { status: 500 });

  readonly fetch: typeof fetch = async (input, init) => {
    const path = String(input).split('?')[0] ?? '';
    const method = init?.method ?? 'GET';
    this.sent.push({ method, path, body: init?.body ? JSON.parse(String(init.body)) : undefined });
    if (path === '/api/session') return Response.json(this.session());
    if (path === '/auth/local') {
      this.signedIn = true;
      return Response.json(this.session());
    }
    if (!this.signedIn) return refusal(401, 'sign_in_required', 'Sign in first.');
    if (path === '/api/events') return new Response(new ReadableStream());
    if (path === '/api/bots' && method === 'POST') return this.answerToNewBot();
    return Response.json({ items: [], next_cursor: null });
  };

  private session() {
    return {
      user: this.signedIn ? { id: 'u1', name: 'Owner', email: null, role: 'owner' } : null,
      sign_in: { google: false, local: true, link: false },
      state: this.state,
      reason: this.state === 'ready' ? null : 'Reading the backup.',
    };
  }
}

function refusal(status: number, code: string, message: string, field?: string): Response {
  return Response.json({ error: { code, message, field } }, { status });
}

let server: FakeServer;

beforeEach(() => {
  server = new FakeServer();
  vi.stubGlobal('fetch', server.fetch);
});

function open(path: string) {
  const router = createAppRouter(createMemoryHistory({ initialEntries: [path] }));
  render(
    <QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}

test('a stranger sees the sign-in page and comes in as the local owner', async () => {
  open('/');
  await userEvent.click(await screen.findByRole('button', { name: 'Continue as the local owner' }));
  expect(await screen.findByText(/No bots yet/)).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Continue as the local owner' })).toBeNull();
});

test('while the server restores its data the page says so, and why', async () => {
  server.state = 'restoring';
  open('/');
  expect(await screen.findByText('Roost is restoring your data.')).toBeTruthy();
  expect(screen.getByText('Reading the backup.')).toBeTruthy();
});

test('a session that ends while somebody types keeps what was typed', async () => {
  server.signedIn = true;
  open('/?add=true');
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText('Token'), '123:typed');
  server.signedIn = false;
  await user.click(screen.getByRole('button', { name: 'Add the bot' }));
  await user.click(await screen.findByRole('button', { name: 'Continue as the local owner' }));
  const token = (await screen.findByLabelText('Token')) as HTMLInputElement;
  expect(token.value).toBe('123:typed');
});

test("a rejected token's sentence stands under the field, and the token stays to be mended", async () => {
  server.signedIn = true;
  server.answerToNewBot = () =>
    refusal(422, 'token_rejected', 'Telegram rejected this token (401).', 'token');
  open('/?add=true');
  const user = userEvent.setup();
  const token = (await screen.findByLabelText('Token')) as HTMLInputElement;
  await user.type(token, ' 123:wrong ');
  await user.click(screen.getByRole('button', { name: 'Add the bot' }));
  const sentence = await screen.findByText('Telegram rejected this token (401).');
  expect(token.getAttribute('aria-describedby')?.split(' ')).toContain(sentence.id);
  expect(token.getAttribute('aria-invalid')).toBe('true');
  expect(token.value).toBe(' 123:wrong ');
  const posted = server.sent.filter(({ method }) => method === 'POST');
  expect(posted).toEqual([
    {
      method: 'POST',
      path: '/api/bots',
      body: { platform: 'telegram', token: '123:wrong', start: true, system_prompt: 'default' },
    },
  ]);
});

test('while Roost moves to another container the page stays and says so quietly', async () => {
  server.signedIn = true;
  open('/?add=true');
  const user = userEvent.setup();
  await user.type(await screen.findByLabelText('Token'), '123:typed');
  server.answerToNewBot = () => {
    if (server.state === 'ready') return Response.json({ id: 'b1' }, { status: 201 });
    return Response.json({ error: { code: 'handover', message: 'Moving.' } }, { status: 503 });
  };
  server.state = 'handover';
  await user.click(screen.getByRole('button', { name: 'Add the bot' }));
  expect(await screen.findByText(/Roost is moving to a new container/)).toBeTruthy();
  const token = screen.getByLabelText('Token') as HTMLInputElement;
  expect(token.value).toBe('123:typed');
  server.state = 'ready';
  await waitFor(() => expect(screen.queryByText(/Roost is moving/)).toBeNull(), { timeout: 10_000 });
  const posted = server.sent.filter(({ method, path }) => method === 'POST' && path === '/api/bots');
  expect(posted.length).toBeGreaterThan(1);
  expect(new Set(posted.map(({ body }) => JSON.stringify(body))).size).toBe(1);
}, 20_000);
