"""Planning: the load's own supply of customers run to its end, each record made a wish, and nothing sent.

The check and the plan are processes of their own (`python -m benchmarks.planning check|plan …`), so that each shows
its own memory. Planned is as the load does it: the next bucket is read while the last one is at work.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.load_inputs import write_bills
from benchmarks.merchant import ROOT
from benchmarks.process import Finished, run
from benchmarks.surroundings import surroundings
from pipeline.check.check import check
from pipeline.core.file_stages import LandedFile
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.ledger.sends import Sends
from pipeline.load.planner import BucketPrefetcher, buckets
from schemas.feed import AmountFormat, Feed
from schemas.settings import Limits

RECORDS = 10_000_000
FEW = 1_000_000
PER_CUSTOMER = 2
AT_MOST_BYTES = 1 << 30
AT_MOST_RATIO = 1.2


def measure() -> str:
    return section(planned(FEW), planned(RECORDS))


def planned(records: int) -> Finished:
    with tempfile.TemporaryDirectory() as place:
        write_bills(Path(place) / "x_bills.csv", records, PER_CUSTOMER)
        me = [sys.executable, "-m", "benchmarks.planning"]
        run([*me, "check", place], folder=ROOT)
        return run([*me, "plan", place, str(records)], folder=ROOT)


def section(few: Finished, many: Finished) -> str:
    reached = "" if many.peak_anonymous_bytes <= AT_MOST_BYTES else ": not reached"
    ratio = (many.cpu_s / RECORDS) / (few.cpu_s / FEW)
    return "\n".join(
        [
            "## Planning",
            "",
            f"The load's planning of {RECORDS} checked bills of {RECORDS // PER_CUSTOMER} customers, run to its end in",
            "a process of its own: each record is made ready to be sent and none is sent (`benchmarks/planning.py`).",
            "The process's RssAnon, looked at ten times a second.",
            f"{surroundings()}.",
            "",
            f"Peak **{many.peak_anonymous_bytes >> 20} MiB** (at most {AT_MOST_BYTES >> 20} MiB are asked"
            f" for{reached}), {many.took_s:.0f} s, {many.cpu_s / RECORDS * 1e6:.1f} µs of CPU per record.",
            f"{FEW} such bills: {few.cpu_s / FEW * 1e6:.1f} µs of CPU per record with the start of the process, so a",
            f"record of {RECORDS} takes **{ratio:.2f}** of what one of {FEW} takes (at most 1.2 are asked for"
            f"{'' if ratio <= AT_MOST_RATIO else ': not reached'}).",
        ]
    )


def check_file(folder: Path) -> None:
    file = folder / "x_bills.csv"
    feed = Feed(name="bills", match="*", model="bill", amount=AmountFormat(unit="major"))
    landed = LandedFile("0" * 64, file, file.name, {}, file.stat().st_size, "named", feed)
    checked = check(landed, folder / "work", limits=Limits())
    (folder / "records").symlink_to(checked.records.resolve())


async def plan_all(folder: Path, records: int) -> None:
    with closing(
        open_sqlite_ledger(folder / "ledger.sqlite", merchant="citypower", environment="test")
    ) as ledger:
        supply = BucketPrefetcher(buckets(folder / "records", "bill", Sends(ledger), 1))
        planned = 0
        while (part := await supply.next_customer(lambda _: None)) is not None:
            planned += sum(part.row(row).amount_minor > 0 for group in part.groups for row in group.rows)
        await supply.close()
    if planned != records:
        raise SystemExit(f"{planned} records were planned")


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    if what == "check":
        check_file(where)
    else:
        asyncio.run(plan_all(where, int(sys.argv[3])))
