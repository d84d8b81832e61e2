import { expect, test } from 'vitest';
import { questionsFrom } from './suggestions';

test('titles that name a task become how-to questions, others a question about them', () => {
  expect(questionsFrom(['Install Roost | Docs', 'Backups', 'How to restore'])).toEqual([
    'How do I install Roost?',
    'What do the docs say about “Backups”?',
    'How do I restore?',
  ]);
});

test('pages without a subject of their own, and repetitions, ask nothing', () => {
  expect(questionsFrom(['Home', 'Index - Docs', '', 'Backups', 'backups'])).toHaveLength(1);
});

test('three questions come from all parts of the list', () => {
  const titles = Array.from({ length: 9 }, (_, at) => `Page ${at}`);
  expect(questionsFrom(titles).map((question) => /\d/.exec(question)?.[0])).toEqual(['0', '3', '6']);
});
