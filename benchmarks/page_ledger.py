"""A ledger of thousands of files and millions of records: three are really loaded, and SQL repeats two of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import Merchant
from pipeline.edge.ledger.database import SqliteLedger, open_sqlite_ledger
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox

SOUND, SOME_REJECTS, MANY_REJECTS = (
    "a_bills_2026-11-01.csv",
    "b_bills_2026-11-01.csv",
    "c_bills_2026-11-01.csv",
)
RECORDS = 2_000
"""Of a file that is repeated."""
SOME, MANY = 20, 10_000
"""Rejected records."""
REJECTS_EVERY = 25
"""One file of so many has rejects."""
UNMATCHED_EVERY = 10_000
"""One payment of so many is not matched."""


def load_first_files(merchant: Merchant) -> None:
    """Load the three files, without the page, whose indexes would make the repeating slow."""
    merchant.write_config(limits={"max_reject_ratio": 1})
    for number, (name, records, bad) in enumerate(
        ((SOUND, RECORDS, 0), (SOME_REJECTS, RECORDS, SOME), (MANY_REJECTS, 2 * MANY, MANY))
    ):
        path = merchant.folder / name
        write_bills(path, records, per_customer=2, first=number * 100_000)
        lines = path.read_text().splitlines(keepends=True)
        for at in range(1, 2 * bad, 2):
            lines[at] = lines[at].replace(",ZAR,", ",ZAR,R ")
        path.write_text("".join(lines))
        merchant.run("load", str(path), statuses=(0, 1))


def repeat_files(path: Path, files: int) -> int:
    """Make it so many files of one month; how many records the ledger then has."""
    with closing(open_sqlite_ledger(path, merchant="citypower", environment="test")) as ledger:
        ledger.execute("PRAGMA synchronous = OFF")
        ledger.execute("PRAGMA cache_size = -262144")
        ledger.execute("BEGIN")
        (last,) = ledger.execute("SELECT max(id) FROM files").fetchone()
        ledger.execute("CREATE TEMP TABLE repeated (id INTEGER PRIMARY KEY, of INTEGER NOT NULL)")
        ledger.executemany(
            "INSERT INTO repeated VALUES (?, (SELECT id FROM files WHERE name = ?))",
            (
                (number, SOME_REJECTS if number % REJECTS_EVERY == 0 else SOUND)
                for number in range(last + 1, files + 1)
            ),
        )
        _repeat_rows(ledger, files)
        (records,) = ledger.execute(
            "SELECT sum(json_extract(summary, '$.records.total')) FROM files"
        ).fetchone()
        ledger.execute("COMMIT")
        return int(records)


def _repeat_rows(ledger: SqliteLedger, files: int) -> None:
    at = f"strftime('%Y-%m-%dT%H:%M:%SZ', '2026-11-01', format('+%d seconds', repeated.id * 2592000 / {files + 1}))"
    name = "format('n%d_bills_2026-11-%02d.csv', repeated.id, 1 + repeated.id % 28)"
    sha256 = "lower(hex(randomblob(32)))"
    _repeat(
        ledger,
        "files",
        "id",
        {
            "id": "repeated.id",
            "landing": "repeated.id",
            "name": name,
            "sha256": sha256,
            "landed_at": at,
            "finished_at": at,
        },
    )
    ledger.execute(
        "UPDATE files SET summary = json_set(summary, '$.file.name', name, '$.file.sha256', sha256)"
        " WHERE id IN (SELECT id FROM repeated)"
    )
    apart = {"reference": "reference || '-' || repeated.id", "bill_id": "bill_id || '-' || repeated.id"}
    _repeat(ledger, "outcomes", "file_id", {"file_id": "repeated.id", **apart})
    _repeat(ledger, "accepted", "file_id", {"file_id": "repeated.id"})
    names = {"bill_reference": "bill_reference || '-' || repeated.id"}
    _repeat(ledger, "rejected", "file_id", {"file_id": "repeated.id", **names})
    _repeat(ledger, "chain_sums", "file_id", {"file_id": "repeated.id"})


def _repeat(ledger: SqliteLedger, table: str, key: str, changed: dict[str, str]) -> None:
    """Rows of the file that is repeated once more for each that repeats it, with some columns changed."""
    names = [row["name"] for row in ledger.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changed.get(name, f"{table}.{name}") for name in names)
    ledger.execute(
        f"INSERT INTO {table} ({', '.join(names)})"  # noqa: S608 (ours)
        f" SELECT {values} FROM repeated"
        f" CROSS JOIN {table} ON {table}.{key} = repeated.of ORDER BY repeated.id"
    )


def fill_inbox(work_dir: Path, payments: int) -> None:
    """So many payments, each of a bill of the repeated files, matched and written into a file for the merchant."""
    at = "'2026-11-20T06:00:00Z'"
    with closing(open_inbox(inbox_path(work_dir), merchant="citypower", environment="test")) as inbox:
        inbox.execute("PRAGMA synchronous = OFF")
        inbox.execute("BEGIN")
        inbox.execute("CREATE TEMP TABLE numbers (n INTEGER PRIMARY KEY)")
        inbox.executemany("INSERT INTO numbers VALUES (?)", ((number,) for number in range(1, payments + 1)))
        inbox.execute(
            "INSERT INTO exports (seq, name, made_at, records, amounts, sha256, handed_over_at)"  # noqa: S608 (ours)
            f" VALUES (1, 'payments.csv', {at}, {payments}, '{{}}', '', {at})"
        )
        inbox.execute(
            "INSERT INTO deliveries (seq, webhook_id, digest, received_at, signed_at, source)"  # noqa: S608 (ours)
            f" SELECT n, 'msg_' || n, randomblob(32), {at}, 0, 'webhook' FROM numbers"
        )
        inbox.execute(
            "INSERT INTO payments (seq, outcome, payment_id, paid_at, currency, amount_minor, bill_id, target,"  # noqa: S608 (ours)
            " bill_reference, matched_at, exported_in, told_as)"
            f" SELECT n, iif(n % {UNMATCHED_EVERY}, 'applied', 'unmatched'), 'pay_' || n, {at}, 'ZAR', 1000,"
            f" 'bill_' || n, 'bill', 'B-' || n, {at}, 1, 'applied' FROM numbers"
        )
        inbox.execute(
            "INSERT INTO paid_bills (bill_id, bill_reference, currency, due_minor, file_id, record, events_minor)"  # noqa: S608 (ours)
            f" SELECT 'bill_' || n, 'B-' || n, 'ZAR', 2000, 4 + n / {RECORDS}, 1 + n % {RECORDS}, 1000 FROM numbers"
        )
        inbox.execute("COMMIT")


def receive_another(work_dir: Path) -> None:
    """One more delivery, matched to the bill of the first."""
    with closing(open_inbox(inbox_path(work_dir), merchant="citypower", environment="test")) as inbox:
        inbox.execute("BEGIN")
        (seq,) = inbox.execute(
            "INSERT INTO deliveries (webhook_id, digest, received_at, signed_at, source)"
            " VALUES (hex(randomblob(8)), randomblob(32), '2026-11-21T06:00:00Z', 0, 'webhook') RETURNING seq"
        ).fetchone()
        inbox.execute(
            "INSERT INTO payments (seq, outcome, currency, amount_minor, bill_id, target, matched_at)"
            " VALUES (?, 'applied', 'ZAR', 1, 'bill_1', 'bill', '2026-11-21T06:00:00Z')",
            (seq,),
        )
        inbox.execute("UPDATE paid_bills SET events_minor = events_minor + 1 WHERE bill_id = 'bill_1'")
        inbox.execute("COMMIT")
