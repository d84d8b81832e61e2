import { cleanup, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { afterEach, expect, test } from 'vitest';
import { UnreachableError } from '../lib/apiClient';
import { saves } from '../lib/saves';
import { PersistenceStatus } from './PersistenceStatus';

afterEach(cleanup);

test('it tells saving, not saved with a way to send again, and saved with the time', async () => {
  const user = userEvent.setup();
  let up = false;
  const send = () =>
    up ? Promise.resolve() : Promise.reject(new UnreachableError('Roost does not answer.'));
  render(<PersistenceStatus />);
  expect(screen.getByRole('status').textContent).toBe('All saved');

  await saves.run('Name of the bot', 'k1', send).catch(() => undefined);
  await waitFor(() => expect(screen.getByRole('status').textContent).toBe('Not saved · 1 waiting'));

  await user.click(screen.getByRole('button', { name: 'Not saved · 1 waiting' }));
  expect(screen.getByRole('dialog', { name: 'What is not saved yet' }).textContent).toContain(
    'Name of the bot',
  );

  up = true;
  await user.click(screen.getByRole('button', { name: 'Send all again' }));
  await waitFor(() => expect(screen.getByRole('status').textContent).toMatch(/^Saved \d\d:\d\d$/));
  expect(screen.queryByRole('dialog')).toBeNull();
});
