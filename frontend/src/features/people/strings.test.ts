import { expect, test } from 'vitest';
import type { AuditEntry } from '../../lib/apiTypes';
import { audit } from './strings';

const entry: AuditEntry = {
  id: '1',
  at: '2030-01-01T00:00:00.000Z',
  action: 'person_removed',
  actor_id: '2',
  actor: 'boss@example.org',
  subject_id: '3',
  subject: 'anna@example.org',
  detail: '2 bot(s) passed on',
};

test('who did what to whom', () => {
  expect(audit.sentence(entry)).toBe('boss@example.org removed anna@example.org (2 bot(s) passed on)');
});

test('a failed sign-in names nobody', () => {
  const failed: AuditEntry = {
    ...entry,
    action: 'sign_in_failed',
    actor: null,
    subject: '192.0.2.1',
    detail: 'Too old.',
  };
  expect(audit.sentence(failed)).toBe('A sign-in failed, from 192.0.2.1 (Too old)');
});
