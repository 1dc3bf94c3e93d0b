"""The ledger's tables, as the steps that lead to them. A released step is never changed: a new one is added.

The number of steps is the version, kept in `PRAGMA user_version`. Every step leaves the ledger usable by the version of
the program that it belongs to, and fills new columns for rows that are there. Times are RFC 3339 in UTC, days
YYYY-MM-DD, amounts whole minor units; what a column is for is written beside it.
"""

from __future__ import annotations

from pipeline.edge.ledger.later_migrations import LATER_STEPS

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE binding (merchant TEXT NOT NULL, environment TEXT NOT NULL);

    -- One row per bill file, known by its bytes. `id` is short because outcomes repeat it.
    CREATE TABLE files (
        id INTEGER PRIMARY KEY,             -- landing order
        sha256 TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        feed TEXT NOT NULL,
        feed_print TEXT NOT NULL,           -- hash of the feed it was read with
        name_parts TEXT NOT NULL,           -- JSON
        rejects_of TEXT,
        size_bytes INTEGER NOT NULL,
        state TEXT NOT NULL,
        landed_at TEXT NOT NULL,
        finished_at TEXT,
        summary TEXT                        -- JSON, as reported
    ) STRICT;
    CREATE INDEX files_by_state ON files (state);

    -- What was seen where and since when; sha256 is filled once the file was fetched.
    CREATE TABLE sightings (
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        modified_at TEXT NOT NULL,
        first_seen_at TEXT NOT NULL,
        sha256 TEXT,
        PRIMARY KEY (source, name)
    ) STRICT, WITHOUT ROWID;

    -- Moves and uploads that are owed to a source; a failed one will be tried again by the next run.
    CREATE TABLE handovers (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,
        source TEXT NOT NULL,
        name TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,        -- as it was when it was fetched: another file may have its name by now
        modified_at TEXT NOT NULL,
        place TEXT NOT NULL,                -- archive or quarantine
        report TEXT,                        -- name of the report folder to upload
        UNIQUE (source, name, sha256)
    ) STRICT;

    -- What the API holds, as far as it told us. id and reference are one to one.
    CREATE TABLE entities (
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        id TEXT NOT NULL,
        owner TEXT,                         -- reference of the customer (of an account or bill)
        currency TEXT,
        balance INTEGER,                    -- minor units, as last set by us or shown by the API
        details TEXT NOT NULL DEFAULT '{}', -- JSON, as last sent
        watermark TEXT,                     -- of the balance
        PRIMARY KEY (kind, reference)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX entities_by_id ON entities (kind, id);

    -- Requests that are about to be sent or whose outcome is not known yet; settled ones are removed.
    CREATE TABLE intents (
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        file_id INTEGER NOT NULL REFERENCES files (id),
        record INTEGER NOT NULL,
        method TEXT NOT NULL,
        path TEXT NOT NULL,
        body BLOB NOT NULL,
        key TEXT,
        content TEXT NOT NULL,
        generation INTEGER NOT NULL,
        customer_reference TEXT NOT NULL,
        account_reference TEXT,
        balance_before INTEGER,
        watermark TEXT,
        first_sent_at TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (kind, reference)       -- one unsettled intent per business key
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX intents_by_file ON intents (file_id);

    -- The generation that a wish has reached because the keys before it are spent.
    CREATE TABLE generations (
        kind TEXT NOT NULL,
        reference TEXT NOT NULL,
        content TEXT NOT NULL,
        generation INTEGER NOT NULL,
        PRIMARY KEY (kind, reference, content)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE outcomes (
        file_id INTEGER NOT NULL,
        record INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        reference TEXT NOT NULL,
        codes TEXT NOT NULL DEFAULT '',
        message TEXT,
        customer_id TEXT,
        account_id TEXT,
        bill_id TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- Runs as such, for those who ask when the last one was. One without an end was killed, or is at work.
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        exit_status INTEGER,
        states TEXT NOT NULL DEFAULT '{}'   -- JSON: state of a file -> how many
    ) STRICT;

    -- When a feed last got a file, also one whose bytes were known.
    CREATE TABLE arrivals (feed TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT, WITHOUT ROWID;
    INSERT INTO arrivals SELECT feed, max(landed_at) FROM files WHERE rejects_of IS NULL GROUP BY feed;
    """,
    """
    -- What people decided about held files. One that is not taken up yet is pending; a newer one takes its place.
    CREATE TABLE decisions (
        id INTEGER PRIMARY KEY,
        sha256 TEXT NOT NULL,
        word TEXT NOT NULL,                 -- release or refuse
        at TEXT NOT NULL,
        user_name TEXT NOT NULL,
        host TEXT NOT NULL,
        feed_print TEXT NOT NULL,           -- what the person was shown: feed, totals and reasons
        totals TEXT NOT NULL,
        holds TEXT NOT NULL,                -- JSON: prints of the reasons
        accept_changes INTEGER NOT NULL,
        up_to INTEGER,                      -- so many records may be settled in all; null: every one
        why TEXT,
        fate TEXT NOT NULL DEFAULT 'pending' -- pending, taken, void or replaced
    ) STRICT;
    CREATE INDEX decisions_by_file ON decisions (sha256);

    -- How far a file may go, under the feed and the totals it had when that was settled.
    CREATE TABLE gates (
        file_id INTEGER PRIMARY KEY REFERENCES files (id),
        feed_print TEXT NOT NULL,
        totals TEXT NOT NULL,
        is_open INTEGER NOT NULL,           -- 0: held
        up_to INTEGER,                      -- by --limit; null: every record
        last_load INTEGER                   -- of its feed, when it was held
    ) STRICT;

    -- Files that were loaded with something to send, in that order. A feed without any is new.
    CREATE TABLE loads (
        id INTEGER PRIMARY KEY,
        file_id INTEGER NOT NULL UNIQUE REFERENCES files (id),
        feed TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX loads_by_feed ON loads (feed);
    INSERT INTO loads (file_id, feed, at) SELECT id, feed, coalesce(finished_at, landed_at) FROM files
        WHERE state IN ('loaded', 'loaded_with_rejects') OR id IN (SELECT file_id FROM outcomes) ORDER BY id;

    -- How large their amounts were, for comparing later files with them.
    CREATE TABLE spreads (
        file_id INTEGER NOT NULL REFERENCES files (id),
        currency TEXT NOT NULL,
        records INTEGER NOT NULL,
        smallest_minor INTEGER NOT NULL,
        median_minor INTEGER NOT NULL,
        largest_minor INTEGER NOT NULL,
        usual_twice_minor INTEGER NOT NULL, -- twice the median of the sizes, without amounts of nothing
        with_decimals INTEGER NOT NULL,
        PRIMARY KEY (file_id, currency)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- One row: the last time of this machine's clock that something else confirmed. What was there before is believed.
    CREATE TABLE clock (confirmed_at TEXT NOT NULL) STRICT;
    INSERT INTO clock SELECT max(at) FROM (SELECT landed_at AS at FROM files UNION ALL SELECT started_at FROM runs)
        HAVING max(at) IS NOT NULL;
    """,
    """
    -- What the records in a file's rejects were read as: what their corrections are compared with.
    CREATE TABLE rejected (
        file_id INTEGER NOT NULL,           -- of the first original
        record INTEGER NOT NULL,
        customer_reference TEXT,
        account_reference TEXT,
        bill_reference TEXT,
        currency TEXT,
        amount_minor INTEGER,
        bill_date TEXT,
        due_date TEXT,
        concerned TEXT NOT NULL,            -- columns that a code was about, each between semicolons; * is all
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;

    -- The one record that stands for a rejected one: written before its first request is.
    CREATE TABLE corrected (
        file_id INTEGER NOT NULL,           -- of the first original
        record INTEGER NOT NULL,
        by_file INTEGER NOT NULL,
        by_record INTEGER NOT NULL,
        reference TEXT NOT NULL,
        content TEXT NOT NULL,
        settled INTEGER NOT NULL DEFAULT 0, -- whether the API holds it, whatever becomes of its outcome here
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX corrected_by_file ON corrected (by_file);
    """,
    """
    -- Which ledger this is, and how far it has come (see `lineage`).
    CREATE TABLE lineage (
        identity TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        begins_after TEXT,                  -- balances of later days only can be new to the API for sure; null: new
        doubted_until TEXT NOT NULL         -- files of days until then were perhaps loaded by a ledger that knew more
    ) STRICT;
    INSERT INTO lineage
        SELECT lower(hex(randomblob(16))), 0, CASE WHEN EXISTS (SELECT 1 FROM binding) THEN '' END, '';

    -- The day that a file's balances are of, its place in the order of landing (later, when it comes back as news),
    -- and whether it came back without a new date.
    ALTER TABLE files ADD COLUMN as_of TEXT;
    ALTER TABLE files ADD COLUMN landing INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE files ADD COLUMN came_back INTEGER NOT NULL DEFAULT 0;
    UPDATE files SET landing = id;

    -- Whether no newer balance than this one can have been set by a ledger that knew more.
    ALTER TABLE entities ADD COLUMN sure INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE intents ADD COLUMN sure INTEGER NOT NULL DEFAULT 1;
    """,
    """
    -- What a ledger that was restored or lost may have missed: corrections of the files until that one, and of files
    -- whose names are dated until that day.
    ALTER TABLE lineage ADD COLUMN last_file INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE lineage ADD COLUMN files_doubted_until TEXT NOT NULL DEFAULT '';
    UPDATE lineage SET last_file = (SELECT coalesce(max(id), 0) FROM files), files_doubted_until = doubted_until
        WHERE doubted_until != '';

    -- Whether the file was held when the ledger was copied: a decision about it may have been missed.
    ALTER TABLE gates ADD COLUMN restored INTEGER NOT NULL DEFAULT 0;
    """,
    """
    -- References that records of a file were loaded under before it started afresh, kept once its feed has changed:
    -- under another one they would be billed again.
    CREATE TABLE loaded_as (
        file_id INTEGER NOT NULL,
        record INTEGER NOT NULL,
        reference TEXT NOT NULL,
        PRIMARY KEY (file_id, record, reference)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX loaded_as_by_reference ON loaded_as (file_id, reference);

    -- The feed of a file that was not finished in the copy of the ledger that was restored; null once it is.
    ALTER TABLE files ADD COLUMN copied_print TEXT;
    """,
    """
    -- The bill files inside an archive of several, each known by its own SHA-256. Written once all of them have landed.
    CREATE TABLE archive_members (
        archive TEXT NOT NULL,              -- SHA-256 of the archive
        position INTEGER NOT NULL,          -- from 0
        member TEXT NOT NULL,               -- SHA-256 of the bill file
        PRIMARY KEY (archive, position)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    -- Who did what, each entry chained to the one before it (see `core.audit_chain`). Nothing changes or removes one.
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY,         -- from 1, without a gap
        entry TEXT NOT NULL,                -- canonical JSON, as it was hashed
        digest TEXT NOT NULL                -- SHA-256, hexadecimal
    ) STRICT;
    CREATE INDEX audit_of_config ON audit (number) WHERE json_extract(entry, '$.event') = 'config';
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
        BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
    CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
        BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
    """,
    """
    -- Chains: an original, its corrections and theirs (see `chains`). What each rejected record ended as, and the name
    -- its currency is counted under ("?" where that cannot be read).
    ALTER TABLE rejected ADD COLUMN outcome TEXT NOT NULL DEFAULT 'rejected';
    ALTER TABLE rejected ADD COLUMN counted TEXT NOT NULL DEFAULT '?';
    UPDATE rejected SET counted = rejected.currency FROM
        (SELECT files.id, key FROM files, json_each(files.summary, '$.amounts_minor')) AS known
        WHERE known.id = rejected.file_id AND known.key = rejected.currency;
    UPDATE rejected SET outcome = known.outcome FROM outcomes AS known
        WHERE known.file_id = rejected.file_id AND known.record = rejected.record
        AND known.outcome IN ('conflict', 'refused');
    -- Whose outcome retention has removed: no column was at fault where the API objected.
    UPDATE rejected SET outcome = known.outcome FROM
        (SELECT id, iif(json_extract(summary, '$.records.refused') > 0, 'refused', 'conflict') AS outcome FROM files
        WHERE json_extract(summary, '$.records.refused') + json_extract(summary, '$.records.conflict') > 0) AS known
        WHERE known.id = rejected.file_id AND rejected.concerned = ''
        AND NOT EXISTS (SELECT 1 FROM outcomes WHERE outcomes.file_id = rejected.file_id);

    -- What a correction was loaded as: the API holds its amount, not the one of the original.
    ALTER TABLE corrected ADD COLUMN outcome TEXT;          -- null until it is settled
    ALTER TABLE corrected ADD COLUMN currency TEXT;
    ALTER TABLE corrected ADD COLUMN amount_minor INTEGER;
    UPDATE corrected SET currency = before.counted, amount_minor = before.amount_minor FROM rejected AS before
        WHERE before.file_id = corrected.file_id AND before.record = corrected.record;
    UPDATE corrected SET outcome = coalesce((SELECT outcome FROM outcomes
        WHERE outcomes.file_id = by_file AND outcomes.record = by_record), 'created') WHERE settled;

    -- Records of an original that its correction left out: `duplicate` of one that it loaded, or `skipped`.
    CREATE TABLE left_out (
        file_id INTEGER NOT NULL,           -- of the first original
        record INTEGER NOT NULL,
        by_file INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX left_out_by_file ON left_out (by_file);

    -- What people closed because it will never come.
    CREATE TABLE write_offs (
        id INTEGER PRIMARY KEY,
        file_id INTEGER NOT NULL REFERENCES files (id),
        at TEXT NOT NULL,
        user_name TEXT NOT NULL,
        host TEXT NOT NULL,
        why TEXT NOT NULL,
        records INTEGER NOT NULL            -- how many that closed
    ) STRICT;
    CREATE INDEX write_offs_by_file ON write_offs (file_id);
    CREATE TABLE written_off (
        file_id INTEGER NOT NULL,           -- of the first original
        record INTEGER NOT NULL,            -- 0: all of a file whose records are not remembered, or that was refused
        write_off INTEGER NOT NULL REFERENCES write_offs (id),
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;

    -- Rejected records of each original by what became of them, so that thousands of files are read at once: sums of
    -- the rows above, made again in the step that changes those. Amounts are split, for SQLite adds in 64 bits.
    CREATE TABLE chain_sums (
        file_id INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        currency TEXT NOT NULL,
        by_file INTEGER,                    -- the correction that closed them; null: none has
        by_outcome TEXT,
        by_currency TEXT,
        written_off INTEGER NOT NULL,
        records INTEGER NOT NULL,
        billions INTEGER NOT NULL,          -- of minor units, as the original has them
        rest INTEGER NOT NULL,
        unreadable INTEGER NOT NULL,
        by_billions INTEGER NOT NULL,       -- as the correction has them
        by_rest INTEGER NOT NULL,
        by_unreadable INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX chain_sums_by_file ON chain_sums (file_id);
    INSERT INTO chain_sums
        SELECT was.file_id, was.outcome, was.counted, taken.by_file, taken.outcome, taken.currency, 0, count(*),
            coalesce(sum(was.amount_minor / 1000000000), 0), coalesce(sum(was.amount_minor % 1000000000), 0),
            sum(was.amount_minor IS NULL),
            coalesce(sum(taken.amount_minor / 1000000000), 0), coalesce(sum(taken.amount_minor % 1000000000), 0),
            sum(taken.record IS NOT NULL AND taken.amount_minor IS NULL)
        FROM rejected AS was LEFT JOIN corrected AS taken
            ON taken.file_id = was.file_id AND taken.record = was.record AND taken.settled
        GROUP BY 1, 2, 3, 4, 5, 6;

    -- Originals whose report is to be written again, since their chain has changed.
    CREATE TABLE renewals (file_id INTEGER PRIMARY KEY REFERENCES files (id)) STRICT;
    INSERT INTO renewals SELECT DISTINCT file_id FROM corrected WHERE settled
        AND file_id IN (SELECT id FROM files WHERE summary IS NOT NULL);
    """,
    """
    -- What is exported of loaded records beside their outcomes, and kept for as long: ten million of them are a ledger
    -- by themselves, so nothing is in both tables.
    CREATE TABLE accepted (
        file_id INTEGER NOT NULL,
        record INTEGER NOT NULL,
        sent_as INTEGER NOT NULL,           -- the record that has the outcome: of a bill's lines, the first
        line INTEGER NOT NULL,
        corrects INTEGER,                   -- of a correction: the record of its first original
        customer_reference TEXT,
        account_reference TEXT,
        currency TEXT NOT NULL,             -- as it is counted
        amount_minor INTEGER,
        bill_date TEXT,
        due_date TEXT,
        loaded_at INTEGER NOT NULL,         -- seconds since 1970, UTC: the end of the load that sent it first
        PRIMARY KEY (file_id, record)
    ) STRICT, WITHOUT ROWID;
    """,
    *LATER_STEPS,
)
"""Scripts in order; `database` runs each that is missing in a transaction of its own, behind a backup."""
