"""Values of feeds that a person has not set yet, and feeds as they are without their mistakes.

`init --from` writes `"?"` where a person has to decide. All of a feed's are told in one line; what else is wrong with
the feed is looked for all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.core.mapping.feed_validation import OPEN
from pipeline.core.mapping.layout import AMOUNT, CANONICAL, DATES
from pipeline.core.values.amount_text import exponents
from pipeline.edge.config.document import INVALID, Path, read_document
from pipeline.edge.config.mistakes import is_feed_name
from pipeline.errors import ConfigError
from schemas.feed import OF_REPORTS, Feed

_ASSUMED_CURRENCY = "ZAR"
_ASSUMED_REFERENCE = "NOT-SET"
"""What stands for them in a preview, which says so."""


def without_unset(values: dict[str, Any], file: object, mistakes: list[ConfigError]) -> dict[str, Any]:
    """The same values with INVALID for what is not set, and one line in `mistakes` for each feed that has such."""
    feeds = values.get("feeds")
    if not isinstance(feeds, list):
        return values
    kept = []
    for feed in feeds:
        unset: list[str] = []
        kept.append(_marked(feed, "", unset))
        if unset:
            name = feed.get("name")
            which = f"feed {name}" if isinstance(name, str) and is_feed_name(name) else "a feed"
            problem = f"not set yet: {', '.join(unset)}"
            mistakes.append(
                ConfigError(where=f"{file}: {which}", problem=problem, remedy=f'replace each "{OPEN}"')
            )
    return {**values, "feeds": kept}


def _marked(value: Any, path: str, unset: list[str]) -> Any:
    if value in (OPEN, [OPEN]):
        unset.append(path)
        return INVALID
    if isinstance(value, dict):
        return {
            key: _marked(each, f"{path}.{key}" if path else str(key), unset) for key, each in value.items()
        }
    return value


def repaired(feed: Any, wrong: Sequence[Path]) -> Feed | None:
    """A feed without what is wrong in it, so that the rest can be checked; None where too little is left.

    `wrong`: paths of mistakes inside the feed. What others depend on (a mapped column, a unit, a currency) stays, as
    something that is right for all that can be said.
    """
    if not isinstance(feed, dict) or any(not path or path[0] in ("model", "name") for path in wrong):
        return None
    feed = _pruned(feed, (), {path[: 2 if path[0] in ("amount", "columns") else 1] for path in wrong})
    if feed.get("kind") == "reconciliation":
        return _report_feed(feed)
    amount = feed.get("amount")
    amount = {"unit": "major", **(amount if isinstance(amount, dict) else {})}
    feed |= {"amount": amount, "match": feed.get("match", "*")}
    if ("currency",) in wrong:
        sign = amount.get("currency_sign")
        feed["currency"] = sign if sign in exponents() else "ZAR"
    try:
        return Feed.model_validate(feed)
    except ValidationError:
        return None


def _report_feed(feed: dict[str, Any]) -> Feed | None:
    """A feed of the vendor's reports, as far as its keys are those of one."""
    kept = {key: value for key, value in feed.items() if key in OF_REPORTS}
    try:
        return Feed.model_validate({"match": "*", **kept})
    except ValidationError:
        return None


def _pruned(value: dict[str, Any], at: Path, wrong: set[Path]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, each in value.items():
        here = (*at, key)
        if here in wrong:
            if at == ("columns",):
                kept[key] = OPEN * 2
        elif isinstance(each, dict) and not at:
            kept[key] = _pruned(each, here, wrong)
        else:
            kept[key] = each
    return kept


def paths_within(paths: Sequence[Path], place: Path) -> Iterator[Path]:
    """Of paths the rest of those that lie in a place."""
    yield from (path[len(place) :] for path in paths if path[: len(place)] == place)


def proposed_feed(yaml: str) -> tuple[Feed, list[str]] | None:
    """The feed of a proposal as far as it goes, and what had to be assumed for it, each as `key: value`.

    None while the amounts are open: nothing could be said then. Without a model, records are balances, which need no
    reference of a bill.
    """
    (feed,) = read_document(f"feeds:\n{yaml}").value["feeds"]
    amounts = [feed["columns"].get(name) for name in set(AMOUNT.values())]
    if OPEN in (feed["amount"].get("decimal"), *amounts):
        return None
    assumed = list[str]()
    if feed["amount"]["unit"] == OPEN:
        feed["amount"]["unit"] = "major"
        assumed.append("amount.unit: major")
    if feed.get("currency") == OPEN:
        feed["currency"] = _ASSUMED_CURRENCY
        assumed.append(f"currency: {_ASSUMED_CURRENCY}")
    if feed["columns"]["customer_reference"] == OPEN:
        feed["columns"]["customer_reference"] = {"const": _ASSUMED_REFERENCE}
        assumed.append(f"customer_reference: {_ASSUMED_REFERENCE}")
    _without_open_dates(feed)
    if feed.get("phone_region") == OPEN:
        del feed["phone_region"], feed["columns"]["customer_phone"]
    if feed["model"] == OPEN:
        _as_balances(feed)
        assumed.append(f"model: {feed['model']}")
    for key in ("items", "line_items", "expect"):
        if feed.get(key) == OPEN or key == "expect":
            feed.pop(key, None)
    try:
        return Feed.model_validate({**feed, "max_reject_ratio": 1.0}), assumed
    except ValidationError:
        return None


def _without_open_dates(feed: dict[str, Any]) -> None:
    """Dates that cannot be read yet are left out."""
    is_open = feed.get("date_formats") == [OPEN]
    if is_open:
        del feed["date_formats"]
    for name in DATES["bill"]:
        if is_open or feed["columns"].get(name) == OPEN:
            feed["columns"].pop(name, None)


def _as_balances(feed: dict[str, Any]) -> None:
    """What each customer owes, by the columns that a balance has."""
    columns = feed["columns"]
    feed["model"] = "customer_balance"
    amount = columns.pop("amount_due", None) or columns.pop("balance")
    feed["columns"] = {name: columns[name] for name in CANONICAL["customer_balance"] if name in columns}
    feed["columns"]["balance"] = amount
    for key in ("line_items", "nothing_due"):
        feed.pop(key, None)
