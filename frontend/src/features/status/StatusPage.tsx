import { Page } from '../../ui/Page';

export function StatusPage() {
  return <Page title="Status">{null}</Page>;
}
