"""A read-only server on which files are never cleared out: only what is new is fetched."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.files import Files
from tests.hostile.conftest import Enemy
from tests.seeds import cases
from tests.servers.raw import MODIFIED_S
from tests.stories.files import bills

COUNT = cases(2_500, soak=10_000)
AT = "2030-01-01T06:00:00Z"


def remember_as_loaded(enemy: Enemy, names: list[str], size_bytes: int) -> None:
    """What as many runs would have left in the ledger."""
    work_dir = enemy.merchant.folder / "var"
    private_folder(work_dir)
    seen_at = datetime.fromtimestamp(MODIFIED_S, UTC).isoformat()
    with closing(
        open_sqlite_ledger(work_dir / "ledger.sqlite", merchant="citypower", environment="test")
    ) as ledger:
        ledger.execute("BEGIN")
        ledger.executemany(
            "INSERT INTO files (sha256, name, source, feed, feed_print, name_parts, rejects_of, size_bytes, state,"
            " landed_at, finished_at, summary) VALUES (?,?,'sftp','bills','p','{}',NULL,?,'loaded',?,?,'{}')",
            [(f"{n:064x}", name, size_bytes, AT, AT) for n, name in enumerate(names)],
        )
        ledger.execute("COMMIT")
        Files(ledger).remember_sightings(
            "sftp",
            [
                {
                    "name": name,
                    "size_bytes": size_bytes,
                    "modified_at": seen_at,
                    "first_seen_at": seen_at,
                    "sha256": f"{n:064x}",
                }
                for n, name in enumerate(names)
            ],
        )


def test_of_thousands_of_files_the_three_new_ones_are_fetched(enemy: Enemy) -> None:
    old = {b"%05d_bills_2029-01-01.csv" % n: b"x" * 50 for n in range(COUNT - 3)}
    new = {b"n%d_bills_2030-01-01.csv" % n: bills(f"C-{n},A-{n},B-{n},1.00").encode() for n in range(3)}
    server = enemy.raw(lambda *_: iter(()), files=old | new, timeout_s=10)
    remember_as_loaded(enemy, [name.decode() for name in old], 50)
    spent = enemy.spend()
    assert (spent.exit_status, "B-2" in enemy.merchant.held("bills")) == (0, True)
    assert sorted(server.opened) == sorted([*new, *new])  # its head, then the whole
    assert spent.took_s < 15
    assert spent.peak_mib < 400
    server.opened.clear()
    again = enemy.spend()
    assert (again.exit_status, server.opened) == (0, [])
    assert again.took_s < 10
