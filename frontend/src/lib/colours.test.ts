import { expect, test } from 'vitest';
import { contrast, inkOn, readable } from './colours';

test('what is written on any colour can be read', () => {
  for (const colour of ['#000000', '#ffffff', '#0f5c56', '#ffcc00', '#777777', '#ff0000', '#808080'])
    expect(contrast(colour, inkOn(colour))).toBeGreaterThanOrEqual(4.4);
});

test('a colour that cannot be read as text gives way to the ink', () => {
  expect(readable('#0f5c56', '#ffffff', '#111111')).toBe('#0f5c56');
  expect(readable('#ffff00', '#ffffff', '#111111')).toBe('#111111');
});
