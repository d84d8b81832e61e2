import { usePreferences } from '../lib/preferences';
import { Dialog } from '../ui/Dialog';
import { keys } from './strings';

export function ShortcutList({ onClose }: { onClose: () => void }) {
  const { shortcuts } = usePreferences();
  return (
    <Dialog title={keys.title} onClose={onClose}>
      {shortcuts ? null : <p className="mb-3 text-ink-2">{keys.off}</p>}
      <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2">
        {keys.rows.map(([combination, meaning]) => (
          <div key={combination} className="contents">
            <dt className="flex gap-1">
              {combination.split(' ').map((key) => (
                <kbd
                  key={key}
                  className="min-w-6 rounded-1 border border-line bg-sunken px-1.5 text-center font-mono text-sm"
                >
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
