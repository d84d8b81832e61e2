import { render } from '@testing-library/react';
import { expect, test } from 'vitest';
import { LinkedText } from './LinkedText';

test('an address within a sentence becomes a link, without the comma after it', () => {
  const text = 'Open https://discord.com/developers/applications/1/bot, switch on Message Content Intent.';
  const { container } = render(<LinkedText>{text}</LinkedText>);
  expect(container.textContent).toBe(text);
  expect(container.querySelector('a')?.href).toBe('https://discord.com/developers/applications/1/bot');
});

test('only https addresses are linked', () => {
  const { container } = render(
    <LinkedText>{'See javascript:alert(1) and http://plain.example.'}</LinkedText>,
  );
  expect(container.querySelector('a')).toBeNull();
});
