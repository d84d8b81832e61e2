/** Words of the shared controls. */
export const controls = {
  close: 'Close',
  loading: 'Loading…',
  retry: 'Try again',
  more: 'More',
  optional: 'optional',
};
