-- How near the index comes to questions about everyday life: the mean and the spread of their best cosines.
CREATE TABLE foreign_matches (
    model TEXT PRIMARY KEY,
    chunks INTEGER NOT NULL,
    mean REAL NOT NULL,
    spread REAL NOT NULL
) STRICT, WITHOUT ROWID;
