-- A cache of what sources say: lost, it is crawled again. `links` is zlib over addresses, one a line.
CREATE TABLE pages (
    source_id TEXT NOT NULL,
    url TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'gone')),
    reason TEXT,
    etag TEXT,
    last_modified TEXT,
    content_sha256 TEXT,
    missed_crawls INTEGER NOT NULL DEFAULT 0,
    fetched_at TEXT NOT NULL,
    links BLOB NOT NULL DEFAULT x'',
    PRIMARY KEY (source_id, url)
) WITHOUT ROWID;

CREATE TABLE crawls (
    source_id TEXT PRIMARY KEY,
    started_at TEXT NOT NULL,
    success_at TEXT,
    next_at TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
