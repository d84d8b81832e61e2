import { Page } from '../../ui/Page';

export function BotsPage() {
  return <Page title="Bots">{null}</Page>;
}
