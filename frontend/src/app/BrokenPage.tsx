import type { ErrorComponentProps } from '@tanstack/react-router';
import { Button } from '../ui/Button';
import { Page } from '../ui/Page';
import { frame } from './strings';

/** In the place of a page that failed to show; the frame around it stays usable. */
export function BrokenPage({ error }: ErrorComponentProps) {
  return (
    <Page title={frame.brokenTitle}>
      <p>{frame.broken}</p>
      <pre className="overflow-x-auto rounded-1 bg-sunken p-3 font-mono text-sm text-ink-2">
        {String(error)}
      </pre>
      <div>
        <Button look="primary" onClick={() => location.reload()}>
          {frame.reload}
        </Button>
      </div>
    </Page>
  );
}
