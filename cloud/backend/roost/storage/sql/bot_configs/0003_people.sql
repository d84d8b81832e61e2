ALTER TABLE users ADD COLUMN last_signed_in_at TEXT;
ALTER TABLE users ADD COLUMN removed_at TEXT;

-- What a session is called in a list; its secret is known to its browser alone.
ALTER TABLE sessions ADD COLUMN id TEXT;
UPDATE sessions SET id = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);
CREATE INDEX sessions_by_person ON sessions (user_id, created_at);

-- An invitation waits for whoever signs in with its address first; from then on it is that person's membership.
CREATE TABLE invitations (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL,
    invited_by TEXT NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    accepted_by TEXT REFERENCES users (id)
);
CREATE UNIQUE INDEX invitations_waiting ON invitations (email) WHERE accepted_by IS NULL;
CREATE UNIQUE INDEX invitations_by_person ON invitations (accepted_by) WHERE accepted_by IS NOT NULL;

-- Names stand here as they were: an entry outlives whom and what it is about.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    action TEXT NOT NULL,
    actor_id TEXT,
    actor TEXT,
    subject_id TEXT,
    subject TEXT,
    detail TEXT
) WITHOUT ROWID;
