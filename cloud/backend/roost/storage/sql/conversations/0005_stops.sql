-- Whoever asked wants no more of this answer: kept until it is stored, so that a restart in between forgets no stop.
ALTER TABLE inbox ADD COLUMN stop_wanted_at TEXT;
