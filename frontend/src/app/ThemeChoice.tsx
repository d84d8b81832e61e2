import { Monitor, Moon, Sun } from 'lucide-react';
import { setPreferences, type Theme, usePreferences } from '../lib/preferences';
import { theme as words } from './strings';

const choices = [
  { value: 'system', label: words.system, icon: Monitor },
  { value: 'light', label: words.light, icon: Sun },
  { value: 'dark', label: words.dark, icon: Moon },
] as const satisfies readonly { value: Theme; label: string; icon: typeof Sun }[];

export function ThemeChoice() {
  const { theme } = usePreferences();
  return (
    <fieldset className="flex gap-0.5 rounded-1 bg-sunken p-0.5">
      <legend className="sr-only">{words.label}</legend>
      {choices.map(({ value, label, icon: Icon }) => (
        <button
          key={value}
          type="button"
          aria-pressed={theme === value}
          aria-label={label}
          title={label}
          onClick={() => setPreferences({ theme: value })}
          className="flex min-h-7 flex-1 items-center justify-center rounded-1 text-ink-2 hover:text-ink aria-pressed:bg-surface aria-pressed:text-ink pointer-coarse:min-h-11"
        >
          <Icon size={15} aria-hidden />
        </button>
      ))}
    </fieldset>
  );
}
