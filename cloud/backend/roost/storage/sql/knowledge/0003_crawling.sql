-- What the site's list said of a page when it was last read (a sitemap's lastmod), and whether the list told the truth
-- when the page's text last changed: null until it has changed once.
ALTER TABLE pages ADD COLUMN listed_at TEXT;
ALTER TABLE pages ADD COLUMN list_honest INTEGER;

-- Pages of a crawl under way that are not to be shown yet. `page` is zlib over JSON.
CREATE TABLE held_pages (
    source_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    page BLOB NOT NULL,
    PRIMARY KEY (source_id, number)
) WITHOUT ROWID;
