-- What an installation does a single time, such as adding the sources it was configured with.
CREATE TABLE done_once (
    what TEXT PRIMARY KEY,
    at TEXT NOT NULL
) WITHOUT ROWID;
