import type { AskedTopic } from './apiTypes';

/** Where somebody asked, in words. */
export const places: Record<AskedTopic['platforms'][number], string> = {
  web: 'in the page',
  telegram: 'on Telegram',
  discord: 'on Discord',
  widget: 'on a site',
};
