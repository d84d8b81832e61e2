import { Page } from '../../ui/Page';

export function KnowledgePage() {
  return <Page title="Knowledge">{null}</Page>;
}
