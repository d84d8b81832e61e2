import { Page } from '../../ui/Page';

export function AskPage() {
  return <Page title="Ask">{null}</Page>;
}
