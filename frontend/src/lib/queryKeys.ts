/** Where the query library keeps each resource; live updates write to the same places. */
export const queryKeys = {
  session: ['session'] as const,
  bots: ['bots'] as const,
  botLogs: (botId: string) => ['bot-logs', botId] as const,
  prompts: ['prompts'] as const,
  sessions: ['account-sessions'] as const,
  people: ['people'] as const,
  sessionsOf: (personId: string) => ['sessions-of', personId] as const,
  invitations: ['invitations'] as const,
  audit: ['audit'] as const,
  apiKeys: ['api-keys'] as const,
  sources: ['sources'] as const,
  sourcePages: (sourceId: string) => ['source-pages', sourceId] as const,
  knowledge: ['knowledge'] as const,
  status: ['status'] as const,
  threads: ['threads'] as const,
  messages: (threadId: string) => ['messages', threadId] as const,
};
