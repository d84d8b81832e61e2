CREATE TABLE users (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('local', 'google')),
    subject TEXT NOT NULL,
    email TEXT,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'member', 'guest')),
    created_at TEXT NOT NULL,
    UNIQUE (kind, subject)
);

CREATE TABLE sessions (
    secret_sha256 TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    user_agent TEXT NOT NULL
);

CREATE TABLE sign_in_links (
    code_sha256 TEXT PRIMARY KEY,
    expires_at TEXT NOT NULL
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    secret_sha256 TEXT NOT NULL UNIQUE,
    last4 TEXT NOT NULL,
    created_at TEXT NOT NULL,
    last_used_at TEXT
);

-- `status` is what the person wants (running or stopped), never what is observed; `token` and `api_key` are ciphertext.
CREATE TABLE bot_configs (
    bot_id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES users (id),
    platform TEXT NOT NULL CHECK (platform IN ('telegram', 'discord')),
    platform_bot_id TEXT NOT NULL,
    name TEXT NOT NULL,
    handle TEXT NOT NULL,
    token TEXT NOT NULL,
    token_last4 TEXT NOT NULL,
    model TEXT,
    system_prompt TEXT NOT NULL DEFAULT 'default',
    status TEXT NOT NULL DEFAULT 'stopped' CHECK (status IN ('running', 'stopped')),
    status_since TEXT NOT NULL,
    base_url TEXT,
    api_key TEXT,
    source_ids TEXT,
    allowed_chats TEXT,
    transport TEXT NOT NULL DEFAULT 'polling' CHECK (transport IN ('polling', 'webhook')),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}',
    UNIQUE (platform, platform_bot_id)
);
CREATE INDEX bot_configs_by_owner ON bot_configs (owner_id, created_at);

CREATE TABLE sources (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('gitbook', 'website', 'blog', 'manual')),
    url TEXT,
    every_s INTEGER NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    owner_id TEXT NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE UNIQUE INDEX sources_once ON sources (kind, coalesce(url, ''));

CREATE TABLE idempotency (
    person_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    key TEXT NOT NULL,
    body_sha256 TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at TEXT NOT NULL,
    PRIMARY KEY (person_id, method, path, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
