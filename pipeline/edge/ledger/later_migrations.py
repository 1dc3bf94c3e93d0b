"""The steps of `migrations` from the one on that did not fit there any more; the same rules apply."""

from __future__ import annotations

LATER_STEPS: tuple[str, ...] = (
    """
    CREATE TABLE expectations (feed TEXT PRIMARY KEY, hours TEXT NOT NULL, since TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO expectations SELECT feed, '', at FROM arrivals""",
    "ALTER TABLE entities ADD COLUMN set_at TEXT",  # when its balance was set from a file; null: not known
    """
    -- Bill files that came by the page. Each waits for a person, wherever the same bytes come from later.
    CREATE TABLE uploads (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,               -- of the bill file
        dropped TEXT NOT NULL,              -- SHA-256 of what was dropped: of the archive that it was in, or its own
        name TEXT NOT NULL,                 -- as dropped
        size_bytes INTEGER NOT NULL,
        at TEXT NOT NULL,
        user_name TEXT NOT NULL,
        host TEXT NOT NULL
    ) STRICT;
    CREATE INDEX uploads_by_file ON uploads (sha256);
    CREATE INDEX uploads_by_drop ON uploads (dropped);

    -- Of a file at most one decision is pending, whoever decides at the same moment.
    CREATE UNIQUE INDEX pending_decisions ON decisions (sha256) WHERE fate = 'pending';
    """,
    """
    -- How far the load of a file is; a row for each that is under way, written with its outcomes.
    CREATE TABLE load_progress (
        file_id INTEGER PRIMARY KEY REFERENCES files (id),
        started_at TEXT NOT NULL,
        at TEXT NOT NULL,
        settled INTEGER NOT NULL,           -- records with a final outcome, of earlier loads too
        total INTEGER NOT NULL,
        per_s REAL NOT NULL,                -- records settled a second, of late
        retried INTEGER NOT NULL,
        settled_minor TEXT NOT NULL,        -- JSON: currency to minor units
        total_minor TEXT NOT NULL
    ) STRICT;

    -- Files whose load a person has asked to stop: such a file is held until a release that knows of it.
    CREATE TABLE stops (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        file_id INTEGER NOT NULL UNIQUE REFERENCES files (id),
        at TEXT NOT NULL,
        user_name TEXT NOT NULL,
        host TEXT NOT NULL
    ) STRICT;
    """,
)
"""In order; the first of them is the step after those in `migrations`."""
