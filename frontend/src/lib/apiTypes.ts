/** Shapes of the HTTP API, written by `npm run api-types` from docs/openapi.yaml: change that instead. */

export interface Error {
  error: ErrorDetail;
}

export interface ErrorDetail {
  code: string;
  /** The cause, then the remedy */
  message: string;
  field?: string;
}

export type Role = 'owner' | 'member' | 'guest';

export type State = 'restoring' | 'standby' | 'handover' | 'ready';

export interface Person {
  id: string;
  name: string;
  email: string | null;
  role: Role;
}

/** Which ways of signing in would work for this request */
export interface SignInWays {
  google: boolean;
  local: boolean;
  link: boolean;
}

export interface Session {
  user: Person | null;
  sign_in: SignInWays;
  state: State;
  reason: string | null;
}

export interface SignInLink {
  code: string;
}

export interface ListedPerson {
  id: string;
  name: string;
  email: string | null;
  role: 'owner' | 'member' | 'guest';
  /** What the role comes from: OWNER_EMAILS or ALLOWED_EMAILS, an invitation, this machine, or nothing */
  grant: 'settings' | 'invitation' | 'local' | 'nothing';
  created_at: string;
  last_signed_in_at: string | null;
  sessions: number;
  bots: number;
}

export interface PersonList {
  items: ListedPerson[];
  next_cursor: string | null;
}

export interface PersonChange {
  role: 'member' | 'guest';
}

export interface NewInvitation {
  email: string;
}

export interface Invitation {
  id: string;
  email: string;
  created_at: string;
}

export interface InvitationList {
  items: Invitation[];
  next_cursor: string | null;
}

export interface OpenSession {
  id: string;
  user_agent: string;
  created_at: string;
  /** Right to the day */
  last_used_at: string;
  /** The session that asks */
  current: boolean;
}

export interface SessionList {
  items: OpenSession[];
  next_cursor: string | null;
}

export interface AuditEntry {
  id: string;
  at: string;
  action: 'signed_in' | 'sign_in_failed' | 'signed_out' | 'session_ended' | 'person_invited' | 'invitation_withdrawn' | 'role_changed' | 'person_removed' | 'key_created' | 'key_revoked' | 'bot_created' | 'bot_changed' | 'bot_token_changed' | 'bot_started' | 'bot_stopped' | 'bot_restarted' | 'bot_deleted' | 'source_added' | 'source_changed' | 'source_deleted' | 'decryption_refused' | 'sign_in_link_made' | 'secret_key_exchanged' | 'workspace_exported' | 'workspace_imported' | 'backed_up' | 'bucket_adopted' | 'conflict_dismissed' | 'widget_created' | 'widget_changed' | 'widget_revoked';
  /** Null: Roost itself, or a stranger */
  actor_id: string | null;
  actor: string | null;
  subject_id: string | null;
  subject: string | null;
  detail: string | null;
}

export interface AuditLog {
  items: AuditEntry[];
  next_cursor: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  last4: string;
  created_at: string;
  last_used_at: string | null;
}

export interface ApiKeyList {
  items: ApiKey[];
  next_cursor: string | null;
}

export interface NewApiKey {
  name: string;
}

export interface CreatedApiKey {
  id: string;
  name: string;
  last4: string;
  created_at: string;
  last_used_at: string | null;
  /** Shown once, never again */
  key: string;
}

export type Platform = 'telegram' | 'discord';

export type Desired = 'running' | 'stopped';

export type BotStatus = 'running' | 'starting' | 'stopped' | 'degraded' | 'crashed';

export type Transport = 'polling' | 'webhook';

export interface Bot {
  id: string;
  owner_id: string;
  platform: Platform;
  name: string;
  /** Without the @ */
  handle: string;
  token_last4: string;
  /** null: the installation's own */
  model: string | null;
  /** The key of a prompt of /api/prompts, or a text */
  system_prompt: string;
  base_url: string | null;
  has_api_key: boolean;
  /** null: all sources */
  source_ids: string[] | null;
  /** null: all chats */
  allowed_chats: string[] | null;
  transport: Transport;
  desired: Desired;
  status: BotStatus;
  /** Why it is not simply running */
  reason: string | null;
  /** When this status began */
  since: string;
  /** Whole seconds since it runs */
  uptime_s: number | null;
  /** The last successful poll */
  last_contact_at: string | null;
  /** When somebody last wrote to it; a `bot` event comes with the message, at most one a second */
  last_message_at: string | null;
  messages_today: number;
  /** Tokens of written answers since midnight UTC */
  tokens_today: number;
  /** Tokens it may use a day; null: no limit */
  tokens_limit: number | null;
  /** Telegram: in groups it is shown only mentions, replies and commands (BotFather: /setprivacy). Null until it has run once since the start, and on Discord */
  privacy_mode: boolean | null;
  /** Where a Discord bot is added to a server, with the permissions it needs; null for other platforms */
  invite_url: string | null;
  /** Telegram: the address that opens a chat with it */
  deep_link: string | null;
  created_at: string;
  updated_at: string;
}

export interface BotList {
  items: Bot[];
  next_cursor: string | null;
}

export interface NewBot {
  platform: Platform;
  token: string;
  /** null: the platform's name for it */
  name?: string | null;
  model?: string | null;
  system_prompt?: string;
  start?: boolean;
  /** webhook needs PUBLIC_URL */
  transport?: 'polling' | 'webhook';
  base_url?: string | null;
  api_key?: string | null;
  source_ids?: string[] | null;
  allowed_chats?: string[] | null;
}

/** Only the fields that are sent change */
export interface BotChange {
  /** Must belong to the same bot of the platform */
  token?: string;
  name?: string;
  model?: string | null;
  system_prompt?: string;
  base_url?: string | null;
  api_key?: string | null;
  source_ids?: string[] | null;
  allowed_chats?: string[] | null;
  /** webhook needs PUBLIC_URL */
  transport?: Transport;
}

export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

export interface LogLine {
  /** Increasing within one run of Roost */
  id: number;
  at: string;
  level: LogLevel;
  text: string;
}

export interface LogLineList {
  items: LogLine[];
  next_cursor: null;
  /** Lines after `after` that are no longer kept */
  dropped: number;
}

/** Server-sent events, each with an id and one line of JSON: `bot` a Bot, or {id, deleted: true}; `log` a LiveLogLine; `crawl` a Source, or {id, deleted: true}; `reload` {} (events were missed: fetch everything again); `restart` {} (Roost stops: reconnect). A comment keeps the stream open every 15 seconds. */
export type LiveEvents = string;

export interface LiveLogLine {
  bot_id: string;
  id: number;
  at: string;
  level: LogLevel;
  text: string;
}

export interface Thread {
  id: string;
  title: string;
  /** The bot whose settings answer */
  bot_id: string | null;
  /** The text around a hit, when searching */
  snippet: string | null;
  created_at: string;
  updated_at: string;
}

export interface ThreadList {
  items: Thread[];
  next_cursor: string | null;
}

export interface NewThread {
  id?: UuidV7 | null;
  bot_id?: string | null;
}

export interface ThreadChange {
  title: string;
}

export type UuidV7 = string;

export type MessageRole = 'user' | 'assistant';

export type MessageStatus = 'pending' | 'done' | 'stopped' | 'failed';

export type Thumb = 'up' | 'down';

export interface Citation {
  /** The number in the text */
  n: number;
  title: string;
  /** The page at the heading */
  url: string;
  /** The passage */
  text: string;
}

export interface Message {
  id: string;
  thread_id: string;
  role: MessageRole;
  text: string;
  citations: Citation[];
  /** The closest pages of a refusal */
  nearest: Citation[];
  run_id: string | null;
  status: MessageStatus;
  /** null: quoted passages */
  model: string | null;
  /** The documents do not say */
  refused: boolean;
  /** Why a written answer was not to be had */
  notice: string | null;
  feedback: Thumb | null;
  created_at: string;
}

export interface MessageList {
  items: Message[];
  next_cursor: string | null;
}

export interface NewMessage {
  id: UuidV7;
  text: string;
}

export interface AcceptedMessage {
  message: Message;
  run_id: string;
}

/** Server-sent events with increasing integer ids, each with one line of JSON: `sources` RunSources (a second one: the run began again, drop the text); `delta` RunDelta; `done` RunDone; `error` ErrorDetail; `restart` {} (Roost stops: reconnect with Last-Event-ID). A finished run replays. */
export type RunEvents = string;

export interface RunSources {
  citations: Citation[];
}

export interface RunDelta {
  text: string;
}

export interface RunDone {
  message: Message;
  stopped: boolean;
}

export interface NewFeedback {
  thumb: Thumb;
  reason?: string | null;
}

export interface Feedback {
  message_id: string;
  thumb: Thumb;
  reason: string | null;
}

export interface ExportedMessage {
  id: string;
  role: MessageRole;
  text: string;
  status: MessageStatus;
  model: string | null;
  refused: boolean;
  citations: Citation[];
  created_at: string;
}

export interface ThreadExport {
  id: string;
  title: string;
  created_at: string;
  messages: ExportedMessage[];
}

export interface NewQuestion {
  question: string;
  /** null: a new conversation */
  thread_id?: string | null;
  bot_id?: string | null;
}

export interface AskedAnswer {
  answer: string;
  citations: Citation[];
  /** The closest pages of a refusal */
  nearest: Citation[];
  refused: boolean;
  /** null: quoted passages */
  model: string | null;
  /** Why a written answer was not to be had */
  notice: string | null;
  thread_id: string;
}

export interface FollowUp {
  question: string;
}

export interface FollowUpList {
  items: FollowUp[];
  next_cursor: null;
}

export interface Prompt {
  key: string;
  name: string;
  text: string;
}

export interface PromptList {
  items: Prompt[];
  next_cursor: null;
}

export type SourceKind = 'gitbook' | 'website' | 'blog' | 'manual';

export type CrawlStage = 'idle' | 'discovering' | 'fetching' | 'indexing' | 'embedding';

export interface Source {
  id: string;
  kind: SourceKind;
  /** null for the manual alone */
  url: string | null;
  every_s: number;
  paused: boolean;
  owner_id: string;
  stage: CrawlStage;
  /** Pages read by the crawl that runs or ran last */
  done: number;
  /** Pages that crawl knows of */
  total: number;
  /** Pages that crawl could not read */
  failed: number;
  /** Pages that answers come from */
  pages: number;
  last_started_at: string | null;
  last_success_at: string | null;
  next_at: string | null;
  /** Why the last crawl failed */
  reason: string | null;
  created_at: string;
}

export interface SourceList {
  items: Source[];
  next_cursor: string | null;
}

export interface NewSource {
  kind: SourceKind;
  /** Needed for all but the manual, which has none */
  url?: string | null;
  /** null: SCRAPE_INTERVAL_S for a website, a day for the others */
  every_s?: number | null;
}

/** Only the fields that are sent change */
export interface SourceChange {
  every_s?: number;
  paused?: boolean;
}

/** What is to hold for every source */
export interface AllSourcesChange {
  paused: boolean;
}

export type PageStatus = 'ok' | 'failed' | 'gone';

export interface Page {
  url: string;
  title: string;
  status: PageStatus;
  reason: string | null;
  fetched_at: string;
}

export interface PageList {
  items: Page[];
  next_cursor: string | null;
}

export interface Knowledge {
  pages: number;
  chunks: number;
  vectors: number;
  index_version: number;
  /** Questions can be answered */
  ready: boolean;
  stage: CrawlStage;
  /** What the index lacks or does */
  reason: string | null;
  sources: Source[];
}

export interface FoundPassage {
  title: string;
  url: string;
  heading: string;
  text: string;
  /** From 0 to 1, higher is better */
  score: number;
}

export interface PassageList {
  items: FoundPassage[];
  next_cursor: null;
}

export interface UnansweredQuestion {
  id: string;
  question: string;
  bot_id: string | null;
  platform: 'web' | 'telegram' | 'discord' | 'widget';
  created_at: string;
}

export interface UnansweredList {
  items: UnansweredQuestion[];
  next_cursor: string | null;
}

export interface InsightTotals {
  asked: number;
  answered: number;
  unanswered: number;
  thumbs_up: number;
  thumbs_down: number;
}

export interface InsightDay {
  /** In UTC, as 2030-01-31. Days on which nothing was asked are left out */
  day: string;
  answered: number;
  unanswered: number;
}

export interface AskedTopic {
  /** How it was put last */
  question: string;
  times: number;
  unanswered: number;
  last_at: string;
  platforms: ('web' | 'telegram' | 'discord' | 'widget')[];
}

export interface JudgedAnswer {
  id: string;
  question: string;
  answer: string;
  reason: string | null;
  at: string;
  bot_id: string | null;
  platform: 'web' | 'telegram' | 'discord' | 'widget';
}

export interface CitedPage {
  url: string;
  title: string;
  times: number;
  thumbs_down: number;
  /** Null when no source holds the page any more */
  source_id: string | null;
}

export interface Insights {
  since: string;
  until: string;
  totals: InsightTotals;
  days: InsightDay[];
  unanswered: AskedTopic[];
  asked: AskedTopic[];
  judged: JudgedAnswer[];
  pages: CitedPage[];
}

export interface WidgetLook {
  title: string;
  greeting: string;
  accent: string;
  scheme: 'auto' | 'light' | 'dark';
  position: 'right' | 'left';
  starters: string[];
}

export interface ShownLook {
  title: string;
  greeting: string;
  accent: string;
  scheme: 'auto' | 'light' | 'dark';
  position: 'right' | 'left';
  starters: string[];
  /** The name of the picture in the header, which `logo?name=` gives */
  logo: string | null;
}

export interface Widget {
  id: string;
  owner_id: string;
  name: string;
  /** Public: it stands in the pages of the sites, and may only ask */
  key: string;
  origins: string[];
  bot_id: string | null;
  look: WidgetLook;
  /** The name of the picture in the header: another picture, another name */
  logo: string | null;
  /** The line for the site's pages */
  snippet: string;
  created_at: string;
  updated_at: string;
}

export interface WidgetList {
  items: Widget[];
  next_cursor: string | null;
}

export interface NewWidget {
  name: string;
  origins: string[];
  /** Whose prompt, model and sources answer; null: all sources */
  bot_id?: string | null;
  look?: WidgetLook | null;
}

export interface WidgetChange {
  name?: string;
  origins?: string[];
  bot_id?: string | null;
  look?: WidgetLook | null;
}

export interface VisitorQuestion {
  id: UuidV7;
  conversation_id: UuidV7;
  question: string;
}

export interface VisitorAnswer {
  id: string;
  text: string;
  citations: Citation[];
  nearest: Citation[];
  refused: boolean;
  notice: string | null;
  stopped: boolean;
}

export interface VisitorThumb {
  conversation_id: UuidV7;
  answer_id: string;
  thumb: 'up' | 'down';
  reason?: string | null;
}

export interface MadeSignInLink {
  url: string;
  expires_at: string;
}

export interface KeyExchange {
  resealed: number;
  unreadable: number;
  resumed: boolean;
  from_environment: boolean;
}

export interface ExportRequest {
  tokens?: boolean;
}

export interface Tally {
  added: number;
  known: number;
}

export interface Imported {
  bots: Tally;
  sources: Tally;
  conversations: Tally;
  messages: Tally;
  tokens_missing: number;
  refused: string[];
}

export interface Health {
  status: 'ok' | 'stuck';
  reason?: string | null;
}

export interface Readiness {
  state: State;
  reason: string | null;
}

export interface BackupRequest {
  /** Also into a bucket that was emptied or exchanged; never over another's copy */
  adopt?: boolean;
}

/** Without a bucket all are null: data stays in DATA_DIR */
export interface Replication {
  bucket: string | null;
  last_backup_at: string | null;
  /** Why the last backup failed */
  trouble: string | null;
  /** It failed because what was in the bucket is gone */
  emptied: boolean;
  conflicts: ReplicationConflict[];
  lag_s: number | null;
  bytes_unshipped: number | null;
  last_shipped_at: string | null;
  epoch: number | null;
  seq: number | null;
  holder: string | null;
  cost_per_month_usd: number | null;
}

/** A file of this disk that was set aside because the bucket had changed too */
export interface ReplicationConflict {
  /** Its name in DATA_DIR */
  id: string;
  database: string;
  set_aside_at: string;
}

export interface DatabaseTier {
  name: string;
  state: string;
}

export interface DatabaseStatus {
  tier: string;
  tiers: DatabaseTier[];
  /** Why nothing new can be saved, with its remedy. It ends by itself. */
  trouble: string | null;
}

export interface BotCounts {
  running: number;
  starting: number;
  stopped: number;
  degraded: number;
  crashed: number;
}

export interface KnowledgeCounts {
  pages: number;
  chunks: number;
  vectors: number;
  index_version: number;
  ready: boolean;
  stage: CrawlStage;
  /** What the index lacks or does */
  reason: string | null;
}

export interface InstallationStatus {
  version: string;
  started_at: string;
  uptime_s: number;
  state: State;
  reason: string | null;
  replication: Replication;
  database: DatabaseStatus;
  bots: BotCounts;
  knowledge: KnowledgeCounts;
  /** Who writes answers; null: passages are quoted */
  model: string | null;
  sqlite_version: string;
}
