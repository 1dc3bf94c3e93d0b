"""Reports to be looked at: one with every outcome, one full of hostile text, and one that is large."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.core.outcomes import Outcome
from pipeline.core.rules.catalogue import rule_message
from pipeline.core.totals import Totals
from pipeline.report.results import OUTCOME_SCHEMA, Outcomes
from pipeline.report.summary import FileReport
from pipeline.report.write import write_report
from schemas.results import ControlFacts, ControlTotals
from tests.checked_parts import write_parts
from tests.report.example import RUN, Row, checked_file, feed, outcomes_of

HOSTILE = (
    "<script>window.ran = 1</script>",
    '"><img src=x onerror="window.ran = 1">',
    "javascript:window.ran=1",
    "]]><script>window.ran = 1</script>",
    "</script><script>window.ran = 1</script>",
    "</style><script>window.ran = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "a\u2028window.ran = 1\u2029b",
    "\u202egnp.exe",
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "x;=cmd|' /C calc'!A0",
)
DAYS = ("2026-12-01", "2026-12-05", "2026-12-15", "2026-12-28")
PERSONAL = ("8501015800085", "0821234567", "thandi.nkosi@mail.example", "Thandi Nkosi", "+27 82 123 4567")


def every_outcome(folder: Path, *, records: int = 400) -> FileReport:
    """Two currencies, four due dates, a code of each kind, personal data where a file may have it."""
    chance = random.Random(7)  # noqa: S311 (an example)
    rows: list[Row] = []
    said: dict[int, Outcome | dict[str, Any]] = {}
    for number in range(1, records + 1):
        row, outcome = _record(number, chance)
        rows.append(row)
        if outcome is not None:
            said[number] = outcome
    rows[0] = Row(
        verdict="rejected",
        codes=("record.blank",),
        message=rule_message("record.blank"),
        references=(None,) * 3,
    )
    said.pop(1, None)
    checked = checked_file(folder, rows, name="za_citypower_bills_2026-12-01.csv", part_records=150)
    zar = sum(row.amount_minor or 0 for row in rows if row.currency == "ZAR")
    control = ControlTotals(records=records, amounts_minor={"ZAR": zar})
    return write_report(
        replace(checked, control=ControlFacts(declared=control, counted=control)),
        outcomes_of(said),
        folder=folder / "reports",
        run=RUN,
        notes=["column Ward is ignored: nothing maps it"],
        timezone="Africa/Johannesburg",
    )


def _record(number: int, chance: random.Random) -> tuple[Row, Outcome | dict[str, Any] | None]:
    currency, due = chance.choice(("ZAR", "ZAR", "ZAR", "USD")), chance.choice(DAYS)
    references = (f"CP-{1000 + number // 2}", f"ACC-{1000 + number // 2}-E", f"INV-{900_000 + number}")
    amount = chance.randint(8_000, 420_000)
    if number % 20 == 1:
        codes = ("amount_due.too_precise", "customer_email.invalid")
        told = "; ".join(rule_message(code) for code in codes)
        return Row(
            None, currency, verdict="rejected", codes=codes, message=told, references=PERSONAL[:3]
        ), None
    if number % 20 == 2:
        return Row(amount, currency, verdict="duplicate", duplicate_of=number - 2 or 3, due_date=due), None
    if number % 20 == 9:
        why = "left out by feed.where: column state"
        return Row(
            amount, currency, verdict="skipped", message=why, due_date=due, references=references
        ), None
    row = Row(amount, currency, due_date=due, references=references)
    return row, _SAID.get(number % 20, Outcome.CREATED)


_SAID: dict[int, Outcome | dict[str, Any] | None] = {
    3: {
        "outcome": "conflict",
        "codes": "bill_reference.differs",
        "message": rule_message("bill_reference.differs"),
    },
    4: {
        "outcome": "refused",
        "codes": "api.400.validation-error",
        "message": f"Validation error: {PERSONAL[2]} is too far ahead of {PERSONAL[4]}",
    },
    5: {"outcome": "in_doubt", "codes": "api.timed_out", "message": rule_message("api.timed_out")},
    6: None,
    7: Outcome.UPDATED,
    8: Outcome.UNCHANGED,
}


def hostile(
    folder: Path, *, name: str = HOSTILE[1].replace("/", ""), times: int = 1, longer: int = 1
) -> FileReport:
    """Every hostile text in every place that text from outside gets to, so many times and so much longer."""
    rows, said = [], {}
    texts = [text * longer for text in HOSTILE] * times
    for number, text in enumerate(texts, 1):
        odd = Row(
            currency=text,
            readable=False,
            verdict="rejected",
            codes=("currency.unknown",),
            message=text,
            references=(text, text, text),
        )
        rows += [odd, Row(references=(f"C{number}", None, f"B{number}"))]
        said[2 * number] = {"outcome": "refused", "codes": "api.400.odd", "message": text, "bill_id": text}
    checked = checked_file(folder, rows, name=name, notes=tuple(texts), part_records=1000)
    return write_report(checked, outcomes_of(said), folder=folder / "reports", run=RUN)


def large(
    folder: Path, *, records: int = 1_000_000, rejected_of_ten: int = 3
) -> tuple[CheckedFile, Outcomes]:
    """Records as the check would leave them, in parts of 100 000; those that are not rejected were created."""
    folder.mkdir(parents=True, exist_ok=True)
    line = b"CP-1000000,ACC-1000000-E,INV-1000000,ZAR,123.45,2026-12-01"
    landed = folder / "landed.csv"
    landed.write_bytes((line + b"\n") * records)
    totals, made = Totals(), []
    for start in range(0, records, 100_000):
        part = _part(start, min(100_000, records - start), len(line), rejected_of_ten)
        made.append(part)
        for verdict, number, amount in (
            part.group_by("verdict").agg(pl.len(), pl.col("amount_minor").sum()).iter_rows()
        ):
            outcome = Outcome.REJECTED if verdict == "rejected" else Outcome.NOT_ATTEMPTED
            totals.add("ZAR", outcome, records=number, amount_minor=amount)
    write_parts(folder / "records", pl.concat(made), 100_000)
    checked = CheckedFile(
        landed=LandedFile(
            hashlib.sha256(line).hexdigest(), landed, "large.csv", {}, landed.stat().st_size, "drop", feed()
        ),
        records=folder / "records",
        totals=totals,
        header=line,
    )
    return checked, _all_created(rejected_of_ten)


def _part(start: int, height: int, width: int, rejected_of_ten: int) -> pl.DataFrame:
    record = pl.int_range(start + 1, start + height + 1, dtype=pl.Int64)
    bad = record % 10 < rejected_of_ten
    return pl.select(
        record=record,
        line=record + 1,
        byte_start=(record - 1) * (width + 1),
        byte_end=(record - 1) * (width + 1) + width,
        customer_reference=pl.format("CP-{}", record),
        account_reference=pl.format("ACC-{}-E", record),
        bill_reference=pl.format("INV-{}", record),
        currency=pl.lit("ZAR"),
        currency_readable=pl.lit(value=True),
        amount_minor=record % 500_000,
        bill_date=pl.lit(None, pl.String),
        due_date=pl.format("2026-12-{}", (record % 20 + 10).cast(pl.String)),
        verdict=pl.when(bad).then(pl.lit("rejected")).otherwise(pl.lit("accepted")),
        codes=pl.when(bad)
        .then(pl.concat_list(pl.lit("due_date.format")))
        .otherwise(pl.lit([], pl.List(pl.String))),
        message=pl.when(bad).then(pl.lit(rule_message("due_date.format"))),
        duplicate_of=pl.lit(None, pl.Int64),
    )


def _all_created(rejected_of_ten: int) -> Outcomes:
    def outcomes(records: pl.Series) -> pl.DataFrame:
        known = records.to_frame("record").filter(pl.col("record") % 10 >= rejected_of_ten)
        ids = {name: pl.format(f"{name}-{{}}", "record") for name in ("customer_id", "account_id", "bill_id")}
        return known.with_columns(
            outcome=pl.lit("created"),
            codes=pl.lit(""),
            message=pl.lit(None, pl.String),
            **ids,
            attempts=pl.lit(1),
        ).select(OUTCOME_SCHEMA.names())

    return outcomes
