-- A chat on somebody's own site. `key` is public by nature, for it stands in that site's pages; it opens asking alone, and only to
-- pages of `origins` (a JSON array). A widget ends with its bot, whose sources and model it answers from.
CREATE TABLE widgets (
    id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES users (id),
    bot_id TEXT REFERENCES bot_configs (bot_id) ON DELETE CASCADE,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    origins TEXT NOT NULL,
    look TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX widgets_by_owner ON widgets (owner_id, id);
CREATE INDEX widgets_by_bot ON widgets (bot_id);
