-- The conversations of a widget's visitors: no owner, no platform's chat, and for widgets without a bot no bot.
ALTER TABLE threads ADD COLUMN widget_id TEXT;

-- One row an answered question, narrow, so that what was asked over months is counted without reading the texts. It takes the
-- place of the list of unanswered ones. `outcome` none: nothing to learn from it (a greeting, an index that was not built yet).
-- `owner_id` is whose conversation in the browser it was; `asker` tells people apart, and is nobody's name.
CREATE TABLE questions (
    answer_id TEXT PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    question_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('answered', 'unanswered', 'none')),
    platform TEXT NOT NULL CHECK (platform IN ('web', 'telegram', 'discord', 'widget')),
    bot_id TEXT,
    widget_id TEXT,
    owner_id TEXT,
    asker TEXT NOT NULL,
    asked_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX questions_by_time ON questions (asked_at, outcome, topic, asker, bot_id, widget_id, owner_id, question_id, platform);
CREATE INDEX questions_by_topic ON questions (topic, asked_at, outcome, asker, bot_id, widget_id, owner_id, question_id, platform);
CREATE INDEX questions_unanswered ON questions (answer_id) WHERE outcome = 'unanswered';

-- The pages an answer rests on, without their headings; `cited` 0: offered as the nearest by a refusal.
CREATE TABLE question_pages (
    answer_id TEXT NOT NULL REFERENCES questions (answer_id) ON DELETE CASCADE,
    page TEXT NOT NULL,
    title TEXT NOT NULL,
    cited INTEGER NOT NULL,
    asked_at TEXT NOT NULL,
    PRIMARY KEY (answer_id, page)
) WITHOUT ROWID;
CREATE INDEX question_pages_by_page ON question_pages (cited, page, asked_at, answer_id);

-- What was asked before: the topics of these are their words as they stand.
INSERT INTO questions (answer_id, question_id, topic, outcome, platform, bot_id, owner_id, asker, asked_at)
SELECT a.id, q.id, lower(trim(q.text, ' ?!.')),
    CASE WHEN NOT a.refused THEN 'answered' WHEN a.evidence IS NULL THEN 'none' ELSE 'unanswered' END,
    t.platform, t.bot_id, t.owner_id, coalesce(t.owner_id, t.person, t.id), a.created_at
FROM messages a JOIN threads t ON t.id = a.thread_id JOIN messages q ON q.thread_id = a.thread_id AND q.seq = a.seq - 1
WHERE a.role = 'assistant' AND q.role = 'user' AND a.status IN ('done', 'stopped');

INSERT OR IGNORE INTO question_pages (answer_id, page, title, cited, asked_at)
SELECT m.id, substr(c.value ->> 2, 1, instr((c.value ->> 2) || '#', '#') - 1), c.value ->> 1, 1, questions.asked_at
FROM questions JOIN messages m ON m.id = questions.answer_id, json_each(m.citations) c;
INSERT OR IGNORE INTO question_pages (answer_id, page, title, cited, asked_at)
SELECT m.id, substr(c.value ->> 2, 1, instr((c.value ->> 2) || '#', '#') - 1), c.value ->> 1, 0, questions.asked_at
FROM questions JOIN messages m ON m.id = questions.answer_id, json_each(m.nearest) c;

CREATE INDEX feedback_by_time ON feedback (created_at);
DROP TABLE unanswered;
