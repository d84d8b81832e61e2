/** Shapes of the HTTP API. Times are RFC 3339 UTC. */

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface User {
  id: string;
  email: string | null;
  name: string | null;
  role: 'owner' | 'member' | 'guest';
}

export interface Session {
  user: User | null;
  sign_in: { google: boolean; local: boolean; link: boolean };
  state: 'restoring' | 'standby' | 'handover' | 'ready';
  reason: string | null;
}

export type BotStatus = 'running' | 'starting' | 'stopped' | 'degraded' | 'crashed';

export interface Bot {
  id: string;
  platform: 'telegram' | 'discord';
  name: string;
  handle: string | null;
  model: string | null;
  system_prompt: string | null;
  desired: 'running' | 'stopped';
  status: BotStatus;
  reason: string | null;
  since: string | null;
  uptime_s: number | null;
  last_contact_at: string | null;
  messages_today: number;
  token_last4: string;
  owner_id: string;
  /** null: the bot answers from every source. */
  source_ids: string[] | null;
  base_url: string | null;
  allowed_chats: string[] | null;
  transport: 'polling' | 'webhook';
}

export interface NewBot {
  platform: 'telegram';
  token: string;
  name?: string;
  model?: string;
  system_prompt?: string;
  start?: boolean;
}

export interface BotChange {
  name?: string;
  token?: string;
  model?: string | null;
  system_prompt?: string | null;
  base_url?: string | null;
  api_key?: string | null;
  source_ids?: string[] | null;
}

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

export interface LogLine {
  id: number;
  bot_id: string;
  at: string;
  level: LogLevel;
  text: string;
}

export interface Prompt {
  key: string;
  title: string;
  text: string;
}

export interface ApiKey {
  id: string;
  name: string;
  last4: string;
  created_at: string;
  last_used_at: string | null;
  /** Present only in the answer that creates the key. */
  secret?: string;
}

export interface Citation {
  n: number;
  title: string;
  url: string;
  text: string;
}

export interface Thread {
  id: string;
  title: string;
  bot_id: string | null;
  created_at: string;
  updated_at: string;
}

export interface Message {
  id: string;
  role: 'user' | 'assistant';
  text: string;
  citations: Citation[];
  run_id: string | null;
  status: 'pending' | 'done' | 'stopped' | 'failed';
  created_at: string;
}

export interface Source {
  id: string;
  kind: 'gitbook' | 'website' | 'blog' | 'manual';
  url: string | null;
  every_s: number;
  stage: string;
  pages_done: number;
  pages_total: number | null;
  pages_failed: number;
  last_success_at: string | null;
  reason: string | null;
}

export interface Knowledge {
  pages: number;
  chunks: number;
  vectors: number;
  index_version: string | null;
  ready: boolean;
  stage: string;
  sources: Source[];
}
