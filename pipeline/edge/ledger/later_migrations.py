"""The steps of `migrations` from the one on that did not fit there any more; the same rules apply."""

from __future__ import annotations


def _noted(name: str, event: str, file: str) -> str:
    """A trigger that numbers a change of a file; `file`: the query of its id, if it has one.

    Two statements: where an outer one says OR IGNORE, REPLACE would ignore, too.
    Source: sqlite.org/lang_createtrigger.html.
    """
    return (
        f"CREATE TRIGGER {name} AFTER {event} BEGIN DELETE FROM changes WHERE file_id IN ({file});"  # noqa: S608 (ours)
        f" INSERT INTO changes (file_id) {file}; END;"
    )


_DECIDED = "SELECT id FROM files WHERE sha256 = new.sha256"

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
    f"""
    -- Files, each under the number of the last change of what its chain is made of: whoever keeps sums of all files
    -- reads those again that have a higher number than the last one seen.
    CREATE TABLE changes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,   -- never given twice
        file_id INTEGER NOT NULL UNIQUE
    ) STRICT;
    INSERT INTO changes (file_id) SELECT id FROM files ORDER BY id;
    {_noted("change_of_new_file", "INSERT ON files", "SELECT new.id")}
    {_noted("change_of_file", "UPDATE ON files", "SELECT new.id")}
    {_noted("change_of_sums", "INSERT ON chain_sums", "SELECT new.file_id")}
    {_noted("change_of_old_sums", "DELETE ON chain_sums", "SELECT old.file_id")}
    {_noted("change_of_write_offs", "INSERT ON write_offs", "SELECT new.file_id")}
    {_noted("change_of_reasons", "UPDATE ON write_offs", "SELECT new.file_id")}
    {_noted("change_of_whole", "INSERT ON written_off WHEN new.record = 0", "SELECT new.file_id")}
    {_noted("change_of_old_whole", "DELETE ON written_off WHEN old.record = 0", "SELECT old.file_id")}
    {_noted("change_of_new_decision", "INSERT ON decisions", _DECIDED)}
    {_noted("change_of_decision", "UPDATE ON decisions", _DECIDED)}
    """,  # noqa: S608 (ours)
    """
    -- The line of each rejected record in the file that it was rejected in; null: remembered by an earlier version.
    ALTER TABLE rejected ADD COLUMN line INTEGER;

    -- Stops that persons asked for, once they count no more: who stopped a file stays known.
    CREATE TABLE ended_stops (
        id INTEGER PRIMARY KEY,
        file_id INTEGER NOT NULL REFERENCES files (id),
        at TEXT NOT NULL,
        user_name TEXT NOT NULL,
        host TEXT NOT NULL
    ) STRICT;
    CREATE INDEX ended_stops_by_file ON ended_stops (file_id);
    """,
    """
    -- Records of a file whose load is spread over hosts; only in PostgreSQL are there any. What has the latest epoch of
    -- a part may write. Times are seconds since 1970 by the database's clock.
    CREATE TABLE parts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        file_id INTEGER NOT NULL REFERENCES files (id),
        facts TEXT NOT NULL,                -- JSON: what a host must know of the file
        records BLOB NOT NULL,              -- Parquet
        epoch INTEGER NOT NULL,             -- rises with each lease
        host TEXT,                          -- who works on it
        leased_until REAL,
        is_done INTEGER NOT NULL,
        is_withdrawn INTEGER NOT NULL,      -- nobody may take it; who had it may still wait for an answer
        settled INTEGER NOT NULL,           -- records with a final outcome since it was made
        settled_minor TEXT NOT NULL,        -- JSON: currency to minor units
        retried INTEGER NOT NULL,
        said TEXT NOT NULL,                 -- JSON lines: what each load of it came to
        halted TEXT                         -- why nobody goes on with its file
    ) STRICT;
    CREATE INDEX parts_by_file ON parts (file_id);

    -- Processes that work on parts, or wait for some.
    CREATE TABLE workers (
        name TEXT PRIMARY KEY,
        since REAL NOT NULL,
        at REAL NOT NULL,                   -- when it was last heard of
        part INTEGER,
        records INTEGER NOT NULL            -- settled since it began
    ) STRICT;
    """,
    """
    -- How fast hosts that send together may send, and why: one row, by the database's clock.
    CREATE TABLE pace (
        id INTEGER PRIMARY KEY,
        state TEXT NOT NULL,                -- JSON
        changes INTEGER NOT NULL            -- of the state so far: whoever changes it must have seen the last one
    ) STRICT;
    """,
    """
    -- What was received or reported of files, as far as it is put into a store that hosts share. A folder's name is the
    -- path below work_dir; what is noted of it later stands in place of what was noted before.
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        file_id INTEGER NOT NULL REFERENCES files (id),
        folder TEXT NOT NULL,
        name TEXT NOT NULL,                 -- below the folder
        sha256 TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        at TEXT NOT NULL,                   -- when it was noted
        host TEXT NOT NULL,                 -- who has it
        state TEXT NOT NULL                 -- owed, stored, superseded, expired, forgotten, gone
    ) STRICT;
    CREATE INDEX documents_by_folder ON documents (folder);
    CREATE INDEX documents_to_do ON documents (state) WHERE state IN ('owed', 'expired', 'forgotten', 'gone');
    """,
    """
    -- Identities that this ledger had before it was recognised as a copy: what hosts that share it may still know.
    ALTER TABLE lineage ADD COLUMN was TEXT NOT NULL DEFAULT '';
    """,
)
"""In order; the first of them is the step after those in `migrations`."""
