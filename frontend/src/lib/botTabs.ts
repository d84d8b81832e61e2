/** The tabs of a bot's page, as they stand in its address. */
export const botTabs = ['logs', 'model', 'knowledge', 'chats', 'activity'] as const;

export type BotTab = (typeof botTabs)[number];

export function isBotTab(value: unknown): value is BotTab {
  return (botTabs as readonly unknown[]).includes(value);
}
