"""Compares a proposed feed with what a person expects of it, who made the file and not the program.

Each thing is `right`, `asked` (left as "?"), `left out`, or `wrong`: said without a question, and not so.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.core.mapping.layout import PART
from pipeline.core.proposal.feed_proposal import Proposal, propose
from pipeline.edge.reader.sample import sample_of
from pipeline.errors import UsageError
from schemas.settings import Limits

MAIN = {
    "encoding", "delimiter", "header_row", "model", "customer_reference", "bill_reference", "amount", "style",
    "bill_date", "due_date", "date_format", "currency", "line_items",
}  # fmt: skip
"""What has to be right or asked; names, phones and accounts may be left out as well."""


def expectations(folder: Path) -> list[Path]:
    """The descriptions in a folder, each beside its file."""
    return sorted(folder.glob("*.expected.json"))


def proposal_for(file: Path) -> Proposal:
    """What `init --from` makes of a file."""
    with tempfile.TemporaryDirectory() as folder:
        seen = sample_of(file, file.name, Limits(), Path(folder), allow_merged=True)
    return propose(
        file.name,
        seen.head,
        whole=seen.whole,
        workbook=seen.workbook,
        first_row=seen.first_row,
        notes=seen.notes,
    )


@dataclass(frozen=True)
class Scored:
    """A file of a description, and how its proposal tells each thing that the description wants."""

    wanted: dict[str, Any]
    file: Path
    proposal: Proposal | None
    """None where the file is refused."""
    told: dict[str, str]

    @property
    def wrong(self) -> dict[str, str]:
        return {key: said for key, said in self.told.items() if said.startswith("wrong")}


def scored(expectation: Path) -> Scored:
    wanted = json.loads(expectation.read_text(encoding="utf-8"))
    file = expectation.with_name(wanted["file"])
    try:
        proposal = proposal_for(file)
    except UsageError:
        return Scored(wanted, file, None, {"encoding": "refused"})
    return Scored(wanted, file, proposal, _score(proposal, wanted))


def _score(proposal: Proposal, wanted: dict[str, Any]) -> dict[str, str]:
    (feed,) = yaml.safe_load(proposal.yaml)
    found = dict(_form(feed, wanted))
    found |= dict(_columns(feed, wanted))
    found |= dict(_readings(feed, wanted))
    for key, names in wanted.get("must_not", {}).items():
        if _source(feed, key) in names and found.get(key) != "asked":
            found[key] = f"wrong: {_source(feed, key)} is surely not it"
    return found


def verdict(scores: dict[str, str]) -> str:
    """`right`, `asked`, `left out`, `refused` or `wrong`: the worst of what matters."""
    if any(each.startswith("wrong") for each in scores.values()):
        return "wrong"
    main = {value for key, value in scores.items() if key in MAIN}
    if "refused" in main:
        return "refused"
    return "left out" if "left out" in main else "asked" if "asked" in main else "right"


def _form(feed: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if wanted["encoding"] != "xlsx":
        encodings = {
            each.removesuffix("-sig") for each in (wanted["encoding"], *wanted.get("encoding_acceptable", []))
        }
        yield "encoding", _same(feed["encoding"], encodings)
        if wanted["delimiter"] == "fixed":
            yield "delimiter", "right" if "fixed" in feed else "wrong: it is fixed width"
        else:
            yield "delimiter", _same(feed.get("delimiter"), {wanted["delimiter"]})
    header = feed.get("header")
    row = (
        None
        if header == "none" or feed.get("format") in ("json", "ndjson")
        else header["row"][0]
        if header and "fixed" in feed and isinstance(header["row"], list)
        else header["row"]
        if header
        else 2
        if wanted["header_row"] == 2
        else 1
    )
    yield "header_row", _same(row, {wanted["header_row"]})
    yield "model", _same(feed["model"], {wanted["model"], *wanted.get("model_acceptable", [])})
    if wanted["footer"]:
        yield "footer", "right" if "footer" in feed or "control" in feed else "left out"


def _source(feed: dict[str, Any], key: str) -> Any:
    return feed["columns"].get(key)


def _columns(feed: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    expected = wanted["columns"]
    for key, said in expected.items():
        if key in ("amount_due", "balance", "currency"):
            continue
        fits = said if isinstance(said, list) else [said]
        got = _source(feed, key)
        if isinstance(got, list):
            yield key, "right" if set(got) <= {str(each) for each in fits} else f"wrong: {got}"
        elif key == "customer_name" and isinstance(got, str) and "{" in got:
            parts = PART.findall(got)
            whole = any(all(part in str(each) for part in parts) for each in fits)
            yield key, "right" if whole else f"wrong: {got}"
        else:
            yield key, "right" if got is None and None in fits else _same(got, set(fits))
    amounts = [expected[key] for key in ("amount_due", "balance") if key in expected]
    fits = [each for some in amounts for each in (some if isinstance(some, list) else [some])]
    got = next((feed["columns"][key] for key in ("amount_due", "balance") if key in feed["columns"]), None)
    yield "amount", _amount(got, fits)


def _amount(got: Any, fits: list[Any]) -> str:
    if got == "?":
        return "asked"
    for each in fits:
        if isinstance(each, dict) and isinstance(got, dict):
            same = {key: value for key, value in each.items() if key != "negative"}
            negative = each.get("negative")
            if same.items() <= got.items() and (negative is None or negative in got["negative"]):
                return "right"
        elif each == got:
            return "right"
    return f"wrong: {got}"


def _readings(feed: dict[str, Any], wanted: dict[str, Any]) -> Iterator[tuple[str, str]]:
    amount, style = feed["amount"], wanted["amount"]
    unit = amount["unit"]
    yield "unit", "asked" if unit == "?" else _same(unit, {style["unit"]})
    if amount["decimal"] == "?":
        yield "style", "asked"
    elif style["decimal"] is not None:
        yield "style", _style(amount, style)
    for role, said in wanted["date_format"].items():
        fits = said if isinstance(said, list) else [said]
        if _source(feed, role) in (None, "?") or str(fits[0]).startswith("native"):
            continue
        formats = feed.get("date_formats", ["%Y-%m-%d"])
        yield (
            "date_format",
            "asked" if formats == ["?"] else "right" if set(formats) & set(fits) else f"wrong: {formats}",
        )
    yield "currency", _currency(feed, wanted)
    asked = feed.get("line_items") == "?" or _source(feed, "bill_reference") in ("?", None)
    lines = feed.get("line_items") == "sum"
    yield (
        "line_items",
        "asked"
        if asked
        else _same(lines, {wanted["line_items"]})
        if lines or wanted["line_items"] != "ask"
        else "left out",
    )


def _style(amount: dict[str, Any], style: dict[str, Any]) -> str:
    thousands = style["thousands"]
    if thousands and thousands.startswith("U+"):
        thousands = chr(int(thousands[2:], 16))
    negative = {"trailing_minus": "trailing_minus", "parentheses": "parentheses"}.get(
        style["negative"], "leading_minus"
    )
    negative = "cr" if "suffix" in style["negative"] else negative
    got = (amount["decimal"], amount.get("thousands"), amount.get("negative", "leading_minus"))
    fits = (style["decimal"], thousands, negative)
    if got[1] is None and got[0] == fits[0] and got[2] == fits[2]:
        return "right"  # no amount of the file is large enough to show it, or they would be rejected
    return "right" if got == fits else f"wrong: {got}"


def _currency(feed: dict[str, Any], wanted: dict[str, Any]) -> str:
    stated, column = feed.get("currency"), _source(feed, "currency")
    if column:
        if {"column": column}.items() <= (
            wanted["currency"].items() if isinstance(wanted["currency"], dict) else set()
        ):
            blank = wanted["currency"].get("blank") == "ask"
            return "right" if not blank or stated == "?" else "wrong: an empty currency is not asked"
        return f"wrong: {column}"
    if stated == "?":
        return "asked"
    return "right" if wanted["currency"] == {"const": stated} else f"wrong: {stated}"


def _same(got: Any, fits: set[Any]) -> str:
    if got == "?":
        return "asked"
    if got in fits:
        return "right"
    return "left out" if got is None else f"wrong: {got}"
