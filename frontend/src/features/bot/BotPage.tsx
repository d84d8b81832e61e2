import { Page } from '../../ui/Page';

export function BotPage() {
  return <Page title="Bot">{null}</Page>;
}
