/** Words of the frame around the pages. */
export const frame = {
  product: 'Roost',
  skip: 'Skip to the content',
  pages: 'Pages',
  bots: 'Bots',
  ask: 'Ask',
  knowledge: 'Knowledge',
  status: 'Status',
  settings: 'Settings',
  notFound: 'This page does not exist. Use the list of pages to go on.',
  notFoundTitle: 'No such page',
  broken: 'This page failed to show. Nothing you saved is lost.',
  brokenTitle: 'Something broke',
  reload: 'Reload the page',
};
