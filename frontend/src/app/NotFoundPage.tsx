import { Page } from '../ui/Page';
import { frame } from './strings';

export function NotFoundPage() {
  return (
    <Page title={frame.notFoundTitle}>
      <p>{frame.notFound}</p>
    </Page>
  );
}
