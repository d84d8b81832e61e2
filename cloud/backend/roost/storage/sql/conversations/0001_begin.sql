-- A conversation: of a signed-in person in the browser (owner_id), or of a chat on a platform (bot_id and chat_key).
CREATE TABLE threads (
    id TEXT PRIMARY KEY,
    owner_id TEXT,
    bot_id TEXT,
    platform TEXT NOT NULL CHECK (platform IN ('web', 'telegram', 'discord')),
    chat_key TEXT,
    title TEXT NOT NULL,
    -- Messages before this moment are history, no longer context: the person said /clear.
    context_since TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CHECK (owner_id IS NOT NULL OR chat_key IS NOT NULL)
);
CREATE INDEX threads_by_owner ON threads (owner_id, updated_at);
CREATE UNIQUE INDEX threads_by_chat ON threads (bot_id, chat_key) WHERE chat_key IS NOT NULL;

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    text TEXT NOT NULL,
    citations TEXT NOT NULL DEFAULT '[]',
    run_id TEXT,
    status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'stopped', 'failed')),
    model TEXT,
    refused INTEGER NOT NULL DEFAULT 0,
    -- The closest pages a refusal offers.
    nearest TEXT NOT NULL DEFAULT '[]',
    -- Why a written answer was not to be had.
    notice TEXT,
    tokens_used INTEGER NOT NULL DEFAULT 0,
    -- What the answer rests on: index version, chunk ids and scores, for judging the thumbs.
    evidence TEXT,
    created_at TEXT NOT NULL,
    UNIQUE (thread_id, seq)
);
CREATE INDEX messages_by_time ON messages (created_at);

-- An answer in the making. `attempt` rises when a run is done again after a crash.
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    question_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    answer_id TEXT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    status TEXT NOT NULL CHECK (status IN ('pending', 'done', 'stopped', 'failed')),
    attempt INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    created_at TEXT NOT NULL,
    finished_at TEXT
);
CREATE INDEX runs_unfinished ON runs (created_at) WHERE status = 'pending';

CREATE TABLE feedback (
    message_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    thumb TEXT NOT NULL CHECK (thumb IN ('up', 'down')),
    reason TEXT,
    created_at TEXT NOT NULL
);

-- Every update is here before the platform is told that it arrived; (bot_id, update_id) makes a redelivery one.
CREATE TABLE inbox (
    bot_id TEXT NOT NULL,
    update_id INTEGER NOT NULL,
    chat_key TEXT NOT NULL,
    payload TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('received', 'answered', 'done', 'dropped')),
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    -- A message that shows the answer growing: opened before it is sent, so that a replay edits it instead of sending another.
    stream_opened_at TEXT,
    stream_message_id INTEGER,
    received_at TEXT NOT NULL,
    finished_at TEXT,
    PRIMARY KEY (bot_id, update_id)
) WITHOUT ROWID;
CREATE INDEX inbox_by_day ON inbox (bot_id, received_at);
CREATE INDEX inbox_unfinished ON inbox (bot_id, update_id) WHERE status IN ('received', 'answered');

-- What is to be sent for an update, stored with the answer; `opened_at` without `sent_at` is a send whose outcome is unknown.
CREATE TABLE replies (
    bot_id TEXT NOT NULL,
    update_id INTEGER NOT NULL,
    part INTEGER NOT NULL,
    payload TEXT NOT NULL,
    opened_at TEXT,
    sent_at TEXT,
    PRIMARY KEY (bot_id, update_id, part),
    FOREIGN KEY (bot_id, update_id) REFERENCES inbox (bot_id, update_id) ON DELETE CASCADE
) WITHOUT ROWID;

-- Questions the documents could not answer, for the operator.
CREATE TABLE unanswered (
    id TEXT PRIMARY KEY,
    question TEXT NOT NULL,
    bot_id TEXT,
    platform TEXT NOT NULL,
    created_at TEXT NOT NULL
);

-- What was used of the daily limits. `kind` is questions (subject: a person) or tokens (subject: a bot); `day` is in UTC.
CREATE TABLE daily_use (
    day TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('questions', 'tokens')),
    subject TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (day, kind, subject)
) WITHOUT ROWID;

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
