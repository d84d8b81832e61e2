-- A row never changes: a passage whose text or place changed is a new row, so that the full-text index and the vector
-- index only ever add and remove. AUTOINCREMENT: a number once removed from the vector index is never used again.
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    source_id TEXT NOT NULL,
    embedded_sha256 TEXT NOT NULL,
    collection TEXT,
    id TEXT NOT NULL,
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    heading_path TEXT NOT NULL,
    anchor TEXT,
    ordinal INTEGER NOT NULL,
    breadcrumb TEXT NOT NULL,
    text TEXT NOT NULL,
    identifiers TEXT NOT NULL,
    UNIQUE (source_id, id)
) STRICT;

CREATE INDEX chunks_by_page ON chunks (source_id, url);
CREATE INDEX chunks_by_embedded ON chunks (embedded_sha256);
CREATE INDEX chunks_by_collection ON chunks (collection);

CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    breadcrumb, text, identifiers,
    content = 'chunks', content_rowid = 'row', tokenize = 'porter unicode61'
);

-- Vectors outlive their passages for a while and every loss of the vector index: the same text is never embedded twice.
CREATE TABLE vectors (
    model TEXT NOT NULL,
    embedded_sha256 TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (model, embedded_sha256)
) STRICT, WITHOUT ROWID;

-- Rows that are gone here and still stand in the vector index.
CREATE TABLE removed_chunks (
    row INTEGER PRIMARY KEY
) STRICT;

-- `collection` is what questions are asked of; `building` takes its place once it is complete.
CREATE TABLE index_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    collection TEXT,
    building TEXT,
    removed_since_built INTEGER NOT NULL
) STRICT;

INSERT INTO index_state (id, version, removed_since_built) VALUES (1, 0, 0);
