"""The inbox's tables, as the steps that lead to them; a released step is never changed.

Times are RFC 3339 in UTC, amounts whole minor units. `deliveries` is written by the receiver alone; everything else by
whoever holds the run's lock.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.edge.ledger.database import SqliteLedger, open_database
from pipeline.edge.ledger.inbox.kept_sums_schema import KEPT_SUMS

OPEN_PAYMENTS = "outcome IN ('waiting', 'unmatched', 'conflict')"
"""As the index of open payments has it: word for word in a query, or SQLite reads every payment instead."""
TO_SETTLE = f"{OPEN_PAYMENTS} AND dismissed = 0"
"""Of those, what nobody has dismissed."""
INBOX_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE binding (merchant TEXT NOT NULL, environment TEXT NOT NULL);

    -- What was received, in order. A delivery that comes again is counted, not kept twice.
    CREATE TABLE deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        webhook_id TEXT NOT NULL,
        digest BLOB NOT NULL,               -- SHA-256 of the body
        received_at TEXT NOT NULL,
        signed_at INTEGER NOT NULL,         -- seconds since 1970, by the header of the first delivery
        source TEXT NOT NULL,               -- webhook or replay
        body BLOB,                          -- null once its retention is over
        copies INTEGER NOT NULL DEFAULT 0,  -- how often it came again
        UNIQUE (webhook_id, digest)
    ) STRICT;

    -- What each delivery came to; written in the order of `seq`, without a gap.
    CREATE TABLE payments (
        seq INTEGER PRIMARY KEY REFERENCES deliveries (seq),
        outcome TEXT NOT NULL,
        codes TEXT NOT NULL DEFAULT '',
        event_id TEXT,
        event_type TEXT,
        payment_id TEXT,
        obligation_id TEXT,
        paid_at TEXT,
        currency TEXT,
        amount_minor INTEGER,
        customer_id TEXT,                   -- as the event says, or as its bill shows
        account_id TEXT,
        bill_id TEXT,
        target TEXT,                        -- bill, account or customer: what it is applied to
        customer_reference TEXT,
        account_reference TEXT,
        bill_reference TEXT,
        matched_at TEXT NOT NULL,
        exported_in INTEGER REFERENCES exports (seq),
        told_as TEXT,                       -- its outcome in that file
        repeated_in INTEGER REFERENCES exports (seq)  -- the later file that says what it was matched to
    ) STRICT;
    CREATE INDEX payments_by_obligation ON payments (payment_id, obligation_id);
    CREATE INDEX payments_by_bill ON payments (bill_id) WHERE bill_id IS NOT NULL;
    CREATE INDEX payments_by_account ON payments (account_id) WHERE account_id IS NOT NULL;
    CREATE INDEX payments_by_customer ON payments (customer_id) WHERE customer_id IS NOT NULL;
    CREATE INDEX payments_open ON payments (outcome) WHERE outcome IN ('waiting', 'unmatched', 'conflict');
    CREATE INDEX payments_to_export ON payments (seq) WHERE exported_in IS NULL;
    CREATE INDEX payments_to_repeat ON payments (seq)
        WHERE told_as IN ('waiting', 'unmatched') AND repeated_in IS NULL;

    -- Bills that were paid or asked about.
    CREATE TABLE paid_bills (
        bill_id TEXT PRIMARY KEY,
        bill_reference TEXT NOT NULL,
        customer_reference TEXT,
        account_reference TEXT,
        owner_id TEXT,                      -- its account, or the customer of a bill without one
        currency TEXT NOT NULL,
        due_minor INTEGER,                  -- null where retention has removed it
        file_id INTEGER,                    -- of the ledger: the file and record that loaded it
        record INTEGER,
        events_minor INTEGER NOT NULL DEFAULT 0,        -- sum of its applied events
        differences_minor INTEGER NOT NULL DEFAULT 0,   -- sum of its differences
        shown_minor INTEGER,                -- the API's amount_paid when it was last asked
        shown_status TEXT,
        looked_at TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX paid_bills_by_file ON paid_bills (file_id, record);
    CREATE INDEX paid_bills_by_owner ON paid_bills (owner_id);
    CREATE INDEX paid_bills_by_reference ON paid_bills (bill_reference);

    -- Owners whose bills the API was asked about, because a payment named nothing else.
    CREATE TABLE asked_owners (
        owner_id TEXT PRIMARY KEY,
        asked_at TEXT NOT NULL,
        newest_seq INTEGER NOT NULL,        -- of its payments that were not matched then
        progress TEXT NOT NULL              -- how far loads had come
    ) STRICT, WITHOUT ROWID;

    -- How far work has come that goes on in the next run.
    CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

    -- Money that the API showed without an event; a later event takes it back, so that the sum is what is paid.
    CREATE TABLE differences (
        id INTEGER PRIMARY KEY,
        bill_id TEXT NOT NULL REFERENCES paid_bills (bill_id),
        currency TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,
        found_at TEXT NOT NULL,
        exported_in INTEGER REFERENCES exports (seq)
    ) STRICT;
    CREATE INDEX differences_to_export ON differences (id) WHERE exported_in IS NULL;

    -- Refunds of the vendor's reports; no event tells of them. `nth` of those that are equal within one report.
    CREATE TABLE refunds (
        identity TEXT NOT NULL,
        nth INTEGER NOT NULL,
        report TEXT NOT NULL,               -- SHA-256 of the first report that had it
        line INTEGER NOT NULL,
        reconciliation_id TEXT NOT NULL,
        merchant_reference TEXT NOT NULL,
        customer_reference TEXT NOT NULL,
        currency TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,      -- above zero
        target TEXT,                        -- bill, account or customer; null where it is not known
        target_id TEXT,
        refunded_at TEXT NOT NULL,
        found_at TEXT NOT NULL,
        PRIMARY KEY (identity, nth)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX refunds_by_target ON refunds (target, target_id);

    -- Files of payments for the merchant.
    CREATE TABLE exports (
        seq INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        made_at TEXT NOT NULL,
        records INTEGER NOT NULL,
        amounts TEXT NOT NULL,              -- JSON: currency -> minor units of what is to be posted
        sha256 TEXT NOT NULL,
        handed_over_at TEXT                 -- null: pending
    ) STRICT;
    CREATE INDEX exports_pending ON exports (seq) WHERE handed_over_at IS NULL;
    """,
    """
    -- Refunds are matched to what was paid, counted for it, and handed over like payments.
    CREATE TABLE matched_refunds (
        id INTEGER PRIMARY KEY,
        identity TEXT NOT NULL,             -- what two reports have alike; of a forgotten customer its SHA-256
        nth INTEGER NOT NULL,
        report TEXT NOT NULL,
        line INTEGER NOT NULL,
        reconciliation_id TEXT NOT NULL,
        merchant_reference TEXT NOT NULL,
        customer_reference TEXT NOT NULL,
        currency TEXT NOT NULL,
        amount_minor INTEGER NOT NULL,      -- above zero
        target TEXT,                        -- bill, account or customer; null where what it gives back is not known
        target_id TEXT,
        of_payment INTEGER REFERENCES payments (seq),  -- one of its target, for ids and references; null for a bill
        refunded_at TEXT NOT NULL,
        found_at TEXT NOT NULL,
        exported_in INTEGER REFERENCES exports (seq),
        told_as TEXT,                       -- its outcome in that file: applied or unmatched
        repeated_in INTEGER REFERENCES exports (seq),
        UNIQUE (identity, nth)
    ) STRICT;
    INSERT INTO matched_refunds (identity, nth, report, line, reconciliation_id, merchant_reference,
        customer_reference, currency, amount_minor, refunded_at, found_at)
        SELECT identity, nth, report, line, reconciliation_id, merchant_reference, customer_reference, currency,
            amount_minor, refunded_at, found_at FROM refunds ORDER BY found_at, line;
    DROP TABLE refunds;
    ALTER TABLE matched_refunds RENAME TO refunds;
    CREATE INDEX refunds_by_target ON refunds (target, target_id);
    CREATE INDEX refunds_open ON refunds (id) WHERE target IS NULL;
    CREATE INDEX refunds_to_export ON refunds (id) WHERE exported_in IS NULL;
    CREATE INDEX payments_by_account_name ON payments (account_reference) WHERE target = 'account';
    CREATE INDEX payments_by_customer_name ON payments (customer_reference) WHERE target = 'customer';

    ALTER TABLE paid_bills ADD COLUMN refunded_minor INTEGER NOT NULL DEFAULT 0;  -- sum of its refunds
    ALTER TABLE paid_bills ADD COLUMN fallen_minor INTEGER NOT NULL DEFAULT 0;  -- sum of all falls of shown_minor
    ALTER TABLE paid_bills ADD COLUMN paid_minor INTEGER AS (max(events_minor + differences_minor - refunded_minor, 0));
    """,
    """
    DROP INDEX payments_to_repeat;
    CREATE INDEX payments_to_repeat ON payments (seq)
        WHERE told_as IN ('waiting', 'unmatched', 'explained') AND repeated_in IS NULL;
    """,
    """
    ALTER TABLE payments ADD COLUMN dismissed INTEGER NOT NULL DEFAULT 0;  -- 1: a person has settled it elsewhere

    -- What persons decided of payments that could not be matched; the newest counts.
    CREATE TABLE payment_decisions (
        id INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL REFERENCES payments (seq),
        decision TEXT NOT NULL,             -- assigned or dismissed
        decided_by TEXT NOT NULL,
        why TEXT NOT NULL,
        decided_at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX payment_decisions_by_payment ON payment_decisions (seq);
    """,
    KEPT_SUMS,
)
"""Scripts in order, run as those of the ledger."""


def inbox_path(work_dir: Path) -> Path:
    """Where a merchant's inbox is."""
    return work_dir / "inbox.sqlite"


def open_inbox(path: Path, *, merchant: str, environment: str, read_only: bool = False) -> SqliteLedger:
    """A connection to the inbox at `path`, made if it is not there. Arguments and errors as of `open_ledger`."""
    return open_database(
        path, merchant=merchant, environment=environment, read_only=read_only, migrations=INBOX_MIGRATIONS
    )
