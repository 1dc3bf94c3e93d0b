"""Control totals: what a file, or the control file beside it, declares of itself, against what we count.

Declared amounts are written as `feed.amount` says, as those of the records are. The trailer and the control file come
from outside like everything else: whatever cannot be read exactly refuses the file.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import NoReturn

import polars as pl

from pipeline.core.names import SIDECAR_ENDING
from pipeline.core.payments.unposted import INCLUDED_PATTERN
from pipeline.core.totals import Totals
from pipeline.core.values.amount_text import exponents, format_amount
from pipeline.core.values.money import parse_total
from pipeline.errors import FileRefused
from schemas.control import Control
from schemas.feed import Feed
from schemas.results import ControlTotals

MAX_SIDECAR_BYTES = 65_536
"""A control file has three keys and one amount for each currency: far below this."""
MAX_COUNT_DIGITS = 15
"""Of a declared number of records."""
_COUNT = re.compile(rf"[0-9]{{1,{MAX_COUNT_DIGITS}}}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)


class _Unreadable(Exception):
    """Why declared totals cannot be read; never with what stands there."""


def is_trailer(text: str, marker: str, delimiter: str) -> bool:
    """Whether a record's first field is the trailer's marker."""
    first = text.partition(delimiter)[0].strip()
    return marker in {first, first.removeprefix('"').removesuffix('"')}


def declared_totals(
    feed: Feed, name: str, *, trailer: str | None, sidecar: bytes | None
) -> ControlTotals | None:
    """What a file declares of itself; None when it need not and does not declare anything.

    `name`: of the file, for messages. `trailer`: the text of its last record where that is a trailer. `sidecar`: the
    content of the file beside it, of which one byte more than `MAX_SIDECAR_BYTES` is enough to see that it is too
    large.

    Raises:
        FileRefused: `file.control_missing` where totals are required, `file.control_unreadable` where they are not
            exactly as `feed.control` says.
    """
    control = feed.control
    if control is None:
        return None
    try:
        if control.kind == "trailer" and trailer is not None:
            return _from_trailer(trailer, control, feed)
        if control.kind == "sidecar" and sidecar is not None:
            return _from_sidecar(sidecar, control, feed)
    except _Unreadable as problem:
        thing = "trailer" if control.kind == "trailer" else "control file"
        _refuse(
            name, "file.control_unreadable", f"its {thing} {problem}", "correct feed.control or the export"
        )
    if control.required:
        missing = (
            "its last record does not begin with feed.control.marker"
            if control.kind == "trailer"
            else f"there is no {SIDECAR_ENDING} file beside it"
        )
        _refuse(name, "file.control_missing", missing, "export it again whole, with its control totals")
    return None


def confirm(declared: ControlTotals, counted: ControlTotals, totals: Totals, name: str) -> None:
    """Compare what was declared with what the file holds, to the record and to the minor unit.

    `totals` says whether every amount could be read; without that, equal sums would prove nothing.

    Raises:
        FileRefused: `file.control_mismatch`, or `file.control_unconfirmed` where an amount cannot be read.
    """
    differences = "; ".join(_differences(declared, counted))
    if totals.amount_unreadable:
        some = totals.amount_unreadable
        problem = f"{some} amount{'s' if some > 1 else ''} cannot be read, so the declared totals cannot be confirmed"
        if differences:
            problem += f" ({differences})"
        _refuse(
            name,
            "file.control_unconfirmed",
            problem,
            "correct those records and the export; nothing was sent",
        )
    if differences:
        remedy = "fetch or export it again: it is cut, doubled or changed; nothing was sent"
        _refuse(name, "file.control_mismatch", differences, remedy)


def counted_totals(totals: Totals, hash_total: int | None, control: Control) -> ControlTotals:
    """What the file holds of what `control` declares: every record of it, whatever becomes of it. `hash_total` as
    `hash_sum` counted it.
    """
    sums = {currency: sum(by_outcome.values()) for currency, by_outcome in totals.amounts_minor.items()}
    return ControlTotals(
        records=totals.total_records if control.counts_records else None,
        amounts_minor=dict(sorted(sums.items())),
        hash_total=hash_total,
    )


def hash_sum(column: pl.Series, digits: int) -> int:
    """The numbers that the digits of each value make, added up; the sum is to be cut to `digits` by the caller.

    Only the last `digits` of each value can count, so no sum of a batch is too large for Int128. Source: the hash
    total of ACH files (Nacha), there over routing numbers.
    """
    numbers = column.str.replace_all("[^0-9]", "").str.tail(digits).cast(pl.Int64, strict=False)
    return int(numbers.cast(pl.Int128).sum() or 0)


def _differences(declared: ControlTotals, counted: ControlTotals) -> Iterator[str]:
    """Each difference as figures: records, sums by currency, hash total."""
    if declared.records != counted.records:
        yield f"{declared.records} records declared, {counted.records} found"
    for currency in sorted({*declared.amounts_minor, *counted.amounts_minor}):
        stated, found = declared.amounts_minor.get(currency), counted.amounts_minor.get(currency, 0)
        if stated is None:
            yield f"no sum of {currency} declared, {format_amount(currency, found)} found"
        elif stated != found:
            yield f"{format_amount(currency, stated)} declared, {format_amount(currency, found)} found"
    if declared.hash_total != counted.hash_total:
        yield f"hash total {declared.hash_total} declared, {counted.hash_total} found"


def _from_trailer(text: str, control: Control, feed: Feed) -> ControlTotals:
    """The declared totals in a trailer. Raises _Unreadable."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=feed.delimiter, strict=True))
    except csv.Error:
        raise _Unreadable("has broken quotes") from None
    fields = [field.strip() for field in rows[0]] if len(rows) == 1 else []
    if len(fields) < max(control.fields()):
        raise _Unreadable(f"has {len(fields)} fields, and feed.control names field {max(control.fields())}")
    amounts: dict[str, int] = {}
    for each in control.sums:
        stated, code = fields[each.field - 1], each.currency or fields[(each.currency_field or 1) - 1]
        if stated == "" and (each.currency or code == ""):
            continue
        if code in amounts:
            raise _Unreadable("declares two sums of one currency")
        amounts[code] = _amount(stated, code, feed, f"field {each.field}")
    hashed = control.hash_total
    return ControlTotals(
        records=_number(fields[control.records - 1], _COUNT, f"field {control.records}")
        if control.records
        else None,
        amounts_minor=amounts,
        hash_total=_number(fields[(hashed.field or 1) - 1], _DIGITS, f"field {hashed.field}")
        if hashed
        else None,
    )


def _from_sidecar(content: bytes, control: Control, feed: Feed) -> ControlTotals:
    """The declared totals in a control file. Raises _Unreadable."""
    document = _document(content)
    expected = {"records", "amounts"} | ({"hash_total"} if control.hash_total else set())
    optional = {"payments_included_until"} if feed.model != "bill" else set()
    if not isinstance(document, dict) or document.keys() - optional != expected:
        raise _Unreadable(f"is not a JSON object of {', '.join(sorted(expected))} and nothing else")
    _included(document)
    records, amounts = document["records"], document["amounts"]
    if type(records) is not int or not 0 <= records < 10**MAX_COUNT_DIGITS:
        raise _Unreadable("has records that are not a whole number")
    if not isinstance(amounts, dict):
        raise _Unreadable("has amounts that are not an object of currency and text")
    hashed = document.get("hash_total")
    return ControlTotals(
        records=records,
        amounts_minor={code: _amount(text, code, feed, "an amount") for code, text in amounts.items()},
        hash_total=_number(hashed, _DIGITS, "hash_total") if control.hash_total else None,
    )


def declared_included(control: Control | None, sidecar: bytes | None) -> str | None:
    """What a control file says of the payments that the balances include, for records that do not say so themselves.

    None of one that cannot be read: its bill file is refused.
    """
    if control is None or control.kind != "sidecar" or sidecar is None:
        return None
    try:
        document = _document(sidecar)
        return _included(document) if isinstance(document, dict) else None
    except _Unreadable:
        return None


def _included(document: dict[str, object]) -> str | None:
    """Raises _Unreadable."""
    included = document.get("payments_included_until")
    if included is not None and not re.fullmatch(INCLUDED_PATTERN, str(included), re.ASCII):
        raise _Unreadable("has payments_included_until that is neither a number nor a time")
    return None if included is None else str(included)


def _document(content: bytes) -> object:
    """Strict JSON: no key twice, no number with a point or an exponent, no NaN."""
    if len(content) > MAX_SIDECAR_BYTES:
        raise _Unreadable(f"is larger than {MAX_SIDECAR_BYTES} bytes")
    try:
        return json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=_once_only,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except (ValueError, RecursionError):
        raise _Unreadable("is not JSON") from None


def _once_only(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """For `json`: an object in which no key is there twice, of which Python would keep the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable("has a key twice")
    return found


def _no_float(_: str) -> NoReturn:
    """For `json`: a number with a point would become a float, and money is never one."""
    raise _Unreadable("has a number with decimals; write amounts as text there")


def _amount(text: object, currency: str, feed: Feed, where: str) -> int:
    """One declared sum in minor units. Raises _Unreadable; `where` says which it is, never what it says."""
    if currency not in exponents():
        raise _Unreadable(f"has {where} whose currency is not a recognised currency code")
    amount = parse_total(text.strip(), currency, feed.amount) if isinstance(text, str) else None
    if amount is None:
        raise _Unreadable(f"has {where} that is not a {currency} amount in the feed's format, as text")
    return amount


def _number(text: object, pattern: re.Pattern[str], where: str) -> int:
    """One declared count, from text of nothing but digits. Raises _Unreadable."""
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise _Unreadable(f"has no whole number in {where}, as text of digits")
    return int(text)


def _refuse(name: str, rule: str, problem: str, remedy: str) -> NoReturn:
    """Refuse the file. Always raises FileRefused."""
    raise FileRefused(name=name, rule=rule, problem=problem, remedy=remedy)
