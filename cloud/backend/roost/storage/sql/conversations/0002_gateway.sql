-- The last message seen in each channel of a platform that does not deliver again what was missed; its history is read from there.
CREATE TABLE channel_marks (
    bot_id TEXT NOT NULL,
    channel_id INTEGER NOT NULL,
    -- NULL: a private conversation.
    guild_id INTEGER,
    message_id INTEGER NOT NULL,
    PRIMARY KEY (bot_id, channel_id)
) WITHOUT ROWID;

-- What an interaction is answered with, while the platform accepts it: `token` is ciphertext.
CREATE TABLE interaction_tokens (
    bot_id TEXT NOT NULL,
    update_id INTEGER NOT NULL,
    token TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    PRIMARY KEY (bot_id, update_id),
    FOREIGN KEY (bot_id, update_id) REFERENCES inbox (bot_id, update_id) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX interaction_tokens_by_end ON interaction_tokens (expires_at);
