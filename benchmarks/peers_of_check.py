"""What others would do to check a bill file, each a program: `python -m benchmarks.peers_of_check NAME FILE`.

Each prints one JSON object: how many records it read. All of them know the same rules by the same patterns; none of
them keeps what our reports need (where a record stands, its text, which rules it broke).
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from benchmarks.bills import COLUMNS

REFERENCE = "^[a-zA-Z0-9_-]+$"
MANGLED_REFERENCE = r"^[0-9](?:[.,][0-9]+)?[eE]\+[0-9]+$|^#(?:#+|[A-Z0-9/]+[!?]?)$"
MANGLED = r"^-?[0-9]\.[0-9]+E[+-][0-9]{2,}$|^#(?:#+|N/A|[A-Z0-9/]+[!?])$"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
EMAIL = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])$"
PHONE = r"^(?:\+[1-9][0-9]{1,14}|0[1-9][0-9]{8})$"
AMOUNT = r"^-?[0-9]+(?:\.[0-9]+)?$"
AMBIGUOUS = "^[-(]?[0-9]+(?:[ \u00a0\u202f.,'\u2019][0-9]+)+(?:[-)]| ?(?:CR|DR))?$"
MANGLED_AMOUNT = r"^[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+$|^#(?:#+|[A-Z0-9/]+[!?]?)$"
DATE = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
DECIMALS = {"ZAR": 2, "KES": 2, "JPY": 0}
MOST = 999_999.99
SLICE_RECORDS, SHORT_SLICE_RECORDS = 200_000, 50_000
"""That many are enough for what looks at one record after the other."""
BATCH_RECORDS = 10_000
"""Of rows that are Python's at a time."""


def by_duckdb(path: Path) -> int:
    """One query; what it cannot read it leaves out (`ignore_errors`), which is the only way to get to the end."""
    import duckdb  # noqa: PLC0415 (a peer, not installed for the tests)

    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    trimmed = ", ".join(f"nullif(trim({name}), '') AS {name}" for name in COLUMNS)
    counted = ", ".join(f"count(*) FILTER ({rule})" for rule in _sql_rules())
    amount = "sum(try_cast(amount_due AS DECIMAL(18, 4)))"
    found = duckdb.execute(
        f"SELECT count(*), count(DISTINCT bill_reference), {amount}, {counted} FROM"  # noqa: S608 (constants)
        f" (SELECT {trimmed} FROM read_csv('{path}', header = true, delim = ',', quote = '\"', escape = '\"',"
        f" auto_detect = false, columns = {{{columns}}}, ignore_errors = true, strict_mode = false))"
    ).fetchone()
    return int(found[0]) if found else 0


def by_duckdb_whole_job(path: Path) -> int:
    """What a check has to leave behind: values as Parquet, and a file of rejects with the record and every rule that it
    breaks, contradictions and duplicates of references, and the lines that cannot be read (`store_rejects`).
    """
    import duckdb  # noqa: PLC0415 (a peer, not installed for the tests)

    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in COLUMNS)
    trimmed = ", ".join(f"nullif(trim({name}), '') AS {name}" for name in COLUMNS)
    broken = ", ".join(f"CASE WHEN {rule} THEN {i} END" for i, rule in enumerate(_sql_rules()))
    same = f"hash({', '.join(COLUMNS)})"
    with tempfile.TemporaryDirectory() as folder:
        values, rejects = f"'{folder}/values.parquet'", f"'{folder}/rejects.csv'"
        duckdb.execute(
            f"COPY (SELECT row_number() OVER () AS record, {trimmed} FROM read_csv('{path}', header = true,"  # noqa: S608
            f" delim = ',', quote = '\"', escape = '\"', auto_detect = false, columns = {{{columns}}},"
            f" store_rejects = true, rejects_limit = 0, strict_mode = false)) TO {values}"
        )
        duckdb.execute(
            f"CREATE TEMP TABLE twice AS SELECT bill_reference, count(DISTINCT {same}) > 1 AS differ,"  # noqa: S608
            f" min(record) AS first FROM {values} WHERE bill_reference IS NOT NULL"
            " GROUP BY bill_reference HAVING count(*) > 1"
        )
        duckdb.execute(
            f"CREATE TEMP TABLE shared AS SELECT account_reference FROM {values} WHERE account_reference IS NOT NULL"  # noqa: S608
            " GROUP BY account_reference HAVING min(customer_reference) <> max(customer_reference)"
        )
        duckdb.execute(
            f"COPY (SELECT * FROM (SELECT v.*, list_filter([{broken}], lambda x: x IS NOT NULL) AS rules,"  # noqa: S608
            " t.differ, t.first, s.account_reference IS NOT NULL AS two_customers"
            f" FROM {values} v LEFT JOIN twice t USING (bill_reference) LEFT JOIN shared s USING (account_reference))"
            " WHERE len(rules) > 0 OR differ OR two_customers OR first < record) TO "
            f"{rejects} (HEADER)"
        )
        duckdb.execute(
            f"COPY (SELECT line, csv_line, error_type FROM reject_errors) TO '{folder}/damaged.csv'"  # noqa: S608
        )
        amount = "sum(try_cast(amount_due AS DECIMAL(18, 4)))"
        found = duckdb.execute(f"SELECT count(*), {amount} FROM {values}").fetchone()  # noqa: S608
    return int(found[0]) if found else 0


def _sql_rules() -> list[str]:
    def fits(column: str, pattern: str) -> str:
        return "regexp_matches({}, '{}')".format(column, pattern.replace("'", "''"))

    rules = []
    for name in ("customer_reference", "account_reference", "bill_reference"):
        mangled = fits(name, MANGLED_REFERENCE)
        rules += [mangled, f"NOT {fits(name, REFERENCE)} AND NOT {mangled}", f"length({name}) > 255"]
    for name in ("customer_name", "account_name"):
        rules += [f"length({name}) > 255", fits(name, MANGLED)]
    fits_amount, mangled = fits("amount_due", AMOUNT), fits("amount_due", MANGLED_AMOUNT)
    ambiguous = fits("amount_due", AMBIGUOUS)
    decimals = "length(rtrim(regexp_extract(amount_due, '[.]([0-9]+)$', 1), '0'))"
    allowed = " ".join(f"WHEN '{code}' THEN {number}" for code, number in DECIMALS.items())
    for name in ("bill_date", "due_date"):
        shaped = fits(name, DATE)
        rules += [f"NOT {shaped}", f"{shaped} AND try_cast({name} AS DATE) IS NULL"]
    return [
        *rules,
        *(f"{name} IS NULL" for name in ("customer_reference", "bill_reference", "currency", "amount_due")),
        "length(customer_email) > 320",
        f"NOT {fits('customer_email', EMAIL)}",
        f"NOT {fits('customer_phone', PHONE)}",
        "account_name IS NOT NULL AND account_reference IS NULL",
        f"currency NOT IN ({', '.join(repr(code) for code in DECIMALS)})",
        f"NOT {fits_amount} AND NOT {mangled} AND NOT {ambiguous}",
        f"NOT {fits_amount} AND {ambiguous}",
        f"NOT {fits_amount} AND {mangled}",
        f"{fits_amount} AND {decimals} > CASE currency {allowed} END",
        f"try_cast(amount_due AS DECIMAL(18, 4)) NOT BETWEEN 0.01 AND {MOST}",
        "try_cast(due_date AS DATE) < try_cast(bill_date AS DATE)",
    ]


def by_dataframely(path: Path) -> int:
    """A schema with the same rules; `filter` tells good records from bad ones. Stops at damaged structure."""
    import dataframely as dy  # noqa: PLC0415 (a peer, not installed for the tests)

    def reference(*, nullable: bool = False, primary_key: bool = False) -> Any:
        sane = {"mangled": lambda text: ~text.str.contains(MANGLED_REFERENCE)}
        return dy.String(
            nullable=nullable, primary_key=primary_key, regex=REFERENCE, max_length=255, check=sane
        )

    def name() -> Any:
        return dy.String(
            nullable=True, max_length=255, check={"mangled": lambda text: ~text.str.contains(MANGLED)}
        )

    def day() -> Any:
        sane = {"impossible": lambda text: _day(text).is_not_null()}
        return dy.String(nullable=True, regex=DATE, check=sane)

    class Bills(dy.Schema):
        customer_reference = reference()
        customer_name = name()
        customer_email = dy.String(nullable=True, regex=EMAIL, max_length=320)
        customer_phone = dy.String(nullable=True, regex=PHONE)
        account_reference = reference(nullable=True)
        account_name = name()
        bill_reference = reference(primary_key=True)
        currency = dy.String(nullable=False, check={"unknown": lambda text: text.is_in(list(DECIMALS))})
        amount_due = dy.String(
            nullable=False,
            regex=AMOUNT,
            check={
                "ambiguous": lambda text: text.str.contains(AMOUNT) | ~text.str.contains(AMBIGUOUS),
                "mangled": lambda text: text.str.contains(AMOUNT) | ~text.str.contains(MANGLED_AMOUNT),
                "range": lambda text: text.cast(pl.Float64, strict=False).is_between(0.01, MOST),
            },
        )
        bill_date = day()
        due_date = day()

        @dy.rule()
        def too_precise(cls) -> pl.Expr:
            return _decimals_fit()

        @dy.rule()
        def account_named(cls) -> pl.Expr:
            return pl.col("account_name").is_null() | pl.col("account_reference").is_not_null()

        @dy.rule()
        def due_later(cls) -> pl.Expr:
            return _day(pl.col("due_date")) >= _day(pl.col("bill_date"))

    records = _as_text(path)
    good, failures = Bills.filter(records)
    good.select(pl.col("amount_due").cast(pl.Decimal(18, 2), strict=False).sum()).item()
    return int(good.height + failures.invalid().height)


def _day(text: pl.Expr) -> pl.Expr:
    return text.str.strptime(pl.Date, "%Y-%m-%d", strict=False, cache=False)


def _as_text(path: Path, most: int | None = None) -> pl.DataFrame:
    texts = pl.all().str.strip_chars()
    return pl.read_csv(path, infer_schema=False, n_rows=most).with_columns(
        pl.when(texts != "").then(texts).name.keep()
    )


class Bill(BaseModel):
    """The same rules once more, for one row."""

    model_config = ConfigDict(str_strip_whitespace=True)
    customer_reference: Annotated[str, Field(max_length=255, pattern=REFERENCE)]
    customer_name: Annotated[str | None, Field(max_length=255)]
    customer_email: Annotated[str | None, Field(max_length=320, pattern=EMAIL)]
    customer_phone: Annotated[str | None, Field(pattern=PHONE)]
    account_reference: Annotated[str | None, Field(max_length=255, pattern=REFERENCE)]
    account_name: Annotated[str | None, Field(max_length=255)]
    bill_reference: Annotated[str, Field(max_length=255, pattern=REFERENCE)]
    currency: Literal["ZAR", "KES", "JPY"]
    amount_due: Annotated[Decimal, Field(ge=Decimal("0.01"), le=Decimal(str(MOST)))]
    bill_date: date | None
    due_date: date | None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.amount_due.normalize().as_tuple().exponent < -DECIMALS[self.currency]:  # type: ignore[operator]
            raise ValueError("more decimals than the currency allows")
        if self.account_name and not self.account_reference:
            raise ValueError("a name of an account, but no account")
        if self.bill_date and self.due_date and self.due_date < self.bill_date:
            raise ValueError("due before it is billed")
        return self


def by_pydantic(path: Path) -> int:
    """One model for each row of `csv.DictReader`, of the first records only; references once, and the sum."""
    seen: set[str] = set()
    total, records = Decimal(0), 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in islice(csv.DictReader(file), SLICE_RECORDS):
            records += 1
            try:
                bill = Bill.model_validate({name: text or None for name, text in row.items()})
            except ValidationError:
                continue
            seen.add(bill.bill_reference)
            total += bill.amount_due
    return records


def by_polars_and_pydantic(path: Path) -> int:
    """The same model over batches that polars reads, of the first records only. Stops at damaged structure."""

    def sound_or_none(row: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(row)
        except ValidationError:
            return None

    adapter = TypeAdapter(list[Annotated[Bill | None, WrapValidator(sound_or_none)]])
    seen: set[str] = set()
    total, records = Decimal(0), 0
    for batch in _as_text(path, SLICE_RECORDS).iter_slices(BATCH_RECORDS):
        records += batch.height
        for bill in adapter.validate_python(batch.to_dicts()):
            if bill is not None:
                seen.add(bill.bill_reference)
                total += bill.amount_due
    return records


def by_pandera(path: Path) -> int:
    """A schema over a frame of polars; every broken rule is collected. Stops at damaged structure."""
    import pandera.polars as pa  # noqa: PLC0415 (a peer, not installed for the tests)
    from pandera.errors import SchemaErrors  # noqa: PLC0415

    def holds(rule: Callable[[pl.Expr], pl.Expr]) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(rule(pl.col(data.key))))

    def agrees(rule: pl.Expr) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(rule))

    def without(pattern: str) -> Any:
        return holds(lambda text: ~text.str.contains(pattern))

    def reference(*, nullable: bool = False, unique: bool = False) -> Any:
        checks = [
            pa.Check.str_matches(REFERENCE),
            pa.Check.str_length(max_value=255),
            without(MANGLED_REFERENCE),
        ]
        return pa.Column(str, checks, nullable=nullable, unique=unique)

    def text(*checks: Any, nullable: bool = True) -> Any:
        return pa.Column(str, list(checks), nullable=nullable)

    name = (pa.Check.str_length(max_value=255), without(MANGLED))
    day = (pa.Check.str_matches(DATE), holds(lambda value: _day(value).is_not_null()))
    schema = pa.DataFrameSchema(
        {
            "customer_reference": reference(),
            "customer_name": text(*name),
            "customer_email": text(pa.Check.str_matches(EMAIL), pa.Check.str_length(max_value=320)),
            "customer_phone": text(pa.Check.str_matches(PHONE)),
            "account_reference": reference(nullable=True),
            "account_name": text(*name),
            "bill_reference": reference(unique=True),
            "currency": text(pa.Check.isin(list(DECIMALS)), nullable=False),
            "amount_due": text(
                pa.Check.str_matches(AMOUNT),
                holds(lambda value: value.cast(pl.Float64, strict=False).is_between(0.01, MOST)),
                nullable=False,
            ),
            "bill_date": text(*day),
            "due_date": text(*day),
        },
        checks=[
            agrees(_decimals_fit()),
            agrees(pl.col("account_name").is_null() | pl.col("account_reference").is_not_null()),
            agrees((_day(pl.col("due_date")) >= _day(pl.col("bill_date"))).fill_null(value=True)),
        ],
    )
    records = _as_text(path)
    try:
        schema.validate(records, lazy=True)
    except SchemaErrors as broken:
        if broken.failure_cases.height == 0:
            raise
    records.select(pl.col("amount_due").cast(pl.Decimal(18, 2), strict=False).sum()).item()
    return records.height


def _decimals_fit() -> pl.Expr:
    decimals = pl.col("amount_due").str.extract("[.]([0-9]+)$").str.strip_chars_end("0")
    allowed = pl.col("currency").replace_strict(DECIMALS, default=None, return_dtype=pl.Int64)
    return (decimals.str.len_chars().fill_null(0) <= allowed).fill_null(value=True)


def by_frictionless(path: Path) -> int:
    """A table schema, of the first records only; every error with its row. Reads damaged structure, too."""
    from frictionless import Schema, checks, system, validate  # noqa: PLC0415 (a peer, not installed for the tests)

    def field(name: str, kind: str = "string", **constraints: Any) -> dict[str, Any]:
        return {"name": name, "type": kind, "constraints": constraints}

    schema = Schema.from_descriptor(
        {
            "fields": [
                field("customer_reference", required=True, pattern=REFERENCE, maxLength=255),
                field("customer_name", maxLength=255),
                field("customer_email", pattern=EMAIL, maxLength=320),
                field("customer_phone", pattern=PHONE),
                field("account_reference", pattern=REFERENCE, maxLength=255),
                field("account_name", maxLength=255),
                field("bill_reference", required=True, unique=True, pattern=REFERENCE, maxLength=255),
                field("currency", required=True, enum=list(DECIMALS)),
                field("amount_due", "number", required=True, minimum=0.01, maximum=MOST),
                field("bill_date", "date"),
                field("due_date", "date"),
            ]
        }
    )
    later = checks.row_constraint(formula="not bill_date or not due_date or due_date >= bill_date")
    with system.use_context(trusted=True):
        found = validate(
            str(path), schema=schema, checks=[later], limit_rows=SHORT_SLICE_RECORDS, limit_errors=10**9
        )
    if found.errors:
        raise SystemExit(str(found.errors[0]))
    return int(found.tasks[0].stats["rows"])


def by_polars(path: Path) -> int:
    """No rule at all: every column read as text, and what is empty counted. Stops at damaged structure."""
    read = pl.scan_csv(path, infer_schema=False).select(pl.len(), pl.all().null_count().name.suffix("_empty"))
    return int(read.collect(engine="streaming").item(0, 0))


PEERS: dict[str, Callable[[Path], int]] = {
    "duckdb": by_duckdb,
    "duckdb_whole_job": by_duckdb_whole_job,
    "dataframely": by_dataframely,
    "pandera": by_pandera,
    "polars_pydantic": by_polars_and_pydantic,
    "pydantic": by_pydantic,
    "frictionless": by_frictionless,
    "polars": by_polars,
}

if __name__ == "__main__":
    print(json.dumps({"records": PEERS[sys.argv[1]](Path(sys.argv[2]))}))
