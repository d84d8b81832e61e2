-- Who wrote, as platform:id: so that a person's record can be found and deleted. Threads of the browser have an owner instead.
ALTER TABLE inbox ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE threads ADD COLUMN person TEXT;
ALTER TABLE unanswered ADD COLUMN person TEXT;
CREATE INDEX inbox_by_person ON inbox (person) WHERE person <> '';
CREATE INDEX threads_by_person ON threads (person) WHERE person IS NOT NULL;
CREATE INDEX unanswered_by_person ON unanswered (person) WHERE person IS NOT NULL;

-- A platform gave a chat a new id; what was allowed or said there holds for the new one.
CREATE TABLE moved_chats (
    bot_id TEXT NOT NULL,
    old_chat TEXT NOT NULL,
    new_chat TEXT NOT NULL,
    PRIMARY KEY (bot_id, old_chat)
) WITHOUT ROWID;

-- What a chat is told once and never again; `what` names it.
CREATE TABLE told_chats (
    bot_id TEXT NOT NULL,
    chat TEXT NOT NULL,
    what TEXT NOT NULL,
    told_at TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat, what)
) WITHOUT ROWID;
