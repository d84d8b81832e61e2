// @vitest-environment happy-dom
import { cleanup, render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test } from 'vitest';
import type { Citation } from '../../lib/apiTypes';
import { AnswerText } from './AnswerText';

afterEach(cleanup);

const install: Citation = {
  n: 1,
  title: 'Install',
  url: 'https://docs.example.com/install#run',
  text: 'Run it.',
};

function show(text: string, sites: readonly string[] | null = [install.url]) {
  const cited: Citation[] = [];
  const { container } = render(
    <AnswerText
      text={text}
      citations={[install]}
      sites={sites}
      onCite={(citation) => cited.push(citation)}
    />,
  );
  return { container, cited, links: Array.from(container.querySelectorAll('a')) };
}

test('script and other HTML is shown as text, never made', () => {
  const { container } = show(
    'Hi <script>window.pwned = 1</script> <img src=x onerror="window.pwned = 1">\n\n<iframe src="/">',
  );
  expect(container.querySelector('script, img, iframe')).toBeNull();
  expect(container.textContent).toContain('<script>window.pwned = 1</script>');
  expect('pwned' in window).toBe(false);
});

test.each([
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](&#x6A;avascript&colon;alert(1))',
  '[x](java&Tab;script:alert(1))',
  '[x](<java\tscript:alert(1)>)',
  '[x](data:text/html,<script>alert(1)</script>)',
  '[x](vbscript:msgbox(1))',
  '[x](file:///etc/passwd)',
  '[x](blob:https://docs.example.com/1)',
  '<javascript:alert(1)>',
  '[x][a]\n\n[a]: javascript:alert(1)',
  '[x](//evil.example/x)',
  '[x](install)',
])('%s makes no link', (text) => {
  expect(show(text, null).links).toEqual([]);
});

test('no picture is loaded; its words are shown', () => {
  const { container } = show('![our logo](https://evil.example/?q=secret) ![x](/local.png)');
  expect(container.querySelector('img')).toBeNull();
  expect(container.textContent).toContain('[picture: our logo]');
});

test('a link to a cited site opens a new tab that cannot reach back', () => {
  const [link] = show('[guide](https://docs.example.com/guide)').links;
  expect(link?.getAttribute('href')).toBe('https://docs.example.com/guide');
  expect(link?.target).toBe('_blank');
  expect(link?.rel).toContain('noopener');
});

test('an address nobody cited is shown and is no link, look-alikes included', () => {
  for (const address of [
    'https://evil.example/collect',
    'https://docs.example.com.evil.example/',
    'https://docs.example.com@evil.example/',
  ]) {
    const { links, container } = show(`[guide](${address})`);
    expect(links).toEqual([]);
    expect(container.textContent).toContain('evil.example');
    cleanup();
  }
});

test('an address that is its own text is shown once', () => {
  expect(show('See https://evil.example/q or me@evil.example.').container.textContent).toBe(
    'See https://evil.example/q or me@evil.example.',
  );
});

test('a number opens its citation; a number without one is text', async () => {
  const { cited, container } = show('Run it [1], not that [2].');
  await userEvent.click(screen.getByRole('button', { name: 'Source 1: Install' }));
  expect(cited).toEqual([install]);
  expect(container.textContent).toContain('[2]');
  expect(screen.getAllByRole('button')).toHaveLength(1);
});

test('half a citation is text until the rest arrives', () => {
  const { container } = show('Run it [1');
  expect(container.textContent?.trim()).toBe('Run it [1');
  cleanup();
  show('Run it [1]');
  expect(screen.getAllByRole('button')).toHaveLength(1);
});
