import { expect, test } from 'vitest';
import { marked } from './terms';

const hits = (text: string, question: string) =>
  marked(text, question)
    .filter(({ hit }) => hit)
    .map(({ text: word }) => word);

test('words of the question are marked in any of their endings', () => {
  expect(hits('Installing Roost: the installer restarts bots.', 'How do I install a bot?')).toEqual([
    'Installing',
    'installer',
    'bots',
  ]);
});

test('common words are not marked', () => {
  expect(hits('It is in the docs.', 'Where is it in the house?')).toEqual([]);
});

test('joined, the stretches are the text', () => {
  const text = '`<b>` Tokens, tokens & ünïcode tokens\n';
  expect(
    marked(text, 'tokens')
      .map((stretch) => stretch.text)
      .join(''),
  ).toBe(text);
});
