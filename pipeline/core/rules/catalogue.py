"""The catalogue: every code a record or a file can get, what it means and what to do about it.

Codes are `field.problem`. `record.*` and `file.*` are about structure; `api.<status>.<kind>` stands for a refusal
by the Billing API, whose `kind` is the end of its problem type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pipeline.core.rules.correction_codes import correction_rules
from pipeline.core.rules.field_rules import CREDIT_NOTE, FIELD_RULES, NOTHING_DUE
from pipeline.core.rules.file_codes import file_rules
from pipeline.core.rules.rule import Rule
from schemas.feed import Feed

API_CODE = re.compile(r"api\.[1-5][0-9]{2}\.[a-z0-9_-]+", re.ASCII)
"""A refusal by the Billing API: status, and the end of its problem type."""


def _record_rules() -> Iterator[Rule]:
    """Structure of a record, before any value is looked at (`csv_structure.DAMAGE`)."""
    yield Rule(
        "record.blank",
        "a blank line between records",
        "remove it, or ask whoever maintains the config to skip such lines (feed.blank_records: skip)",
    )
    yield Rule("record.too_few_fields", "fewer fields than the header", "complete the record")
    yield Rule(
        "record.too_many_fields", "more fields than the header", "quote fields that hold the delimiter"
    )
    yield Rule("record.open_quote", "a quote that is never closed", "close it")
    yield Rule("record.stray_quote", "a quote inside or after a field", "double quotes and quote the field")
    yield Rule(
        "record.undecodable",
        "bytes that are not valid in the feed's encoding (feed.encoding)",
        "export it again, or ask whoever maintains the config to correct the encoding (feed.encoding)",
    )
    yield Rule("record.control_characters", "NUL or control characters", "remove them")
    yield Rule("record.json", "not a JSON object", "correct its syntax")
    yield Rule("record.duplicate_key", "an object contains a key twice", "keep one")
    yield Rule(
        "record.value_type",
        "a list, an object or true/false where text or a number belongs",
        "write it as text",
    )
    yield Rule(
        "record.items",
        "its list of items is missing, empty or not a list, or an item is not an object whose fields can be read",
        "correct it; an object of rejects.ndjson has one item",
    )
    yield Rule(
        "record.line_length",
        "a fixed-width line that is longer or shorter than the others, so that its columns may have moved",
        "put each column where the others have it, or ask whoever maintains the config about short lines"
        " (feed.short_lines)",
    )


def _cross_record_rules() -> Iterator[Rule]:
    """Records that contradict or repeat each other (`cross_record_rules`, `line_items`)."""
    yield Rule(
        "bill_reference.contradiction",
        "appears more than once with different values; lines of one bill are added up only where the feed says so"
        " (feed.line_items: sum)",
        "keep the right record only, or ask whoever maintains the config to have such lines added up (feed.line_items)",
    )
    yield Rule(
        "line_items.differ",
        "lines of this bill differ in a mapped column other than the amount",
        "correct them, or ask whoever maintains the config to map that column no more",
    )
    yield Rule(
        "line_items.identical",
        "lines of this bill are equal in every column",
        "remove the repeated line, or ask whoever maintains the config to have such lines added up"
        " (feed.line_items: {sum: true, identical: sum})",
    )
    yield Rule(
        "line_items.incomplete",
        "the correction lacks lines of this bill; a bill is sent whole or not at all",
        "add the other lines of the bill from rejects.csv",
    )
    yield Rule(
        "line_items.other_line",
        "another line of this bill is rejected, and a bill is sent whole or not at all",
        "correct that line; send all lines of the bill",
    )
    for field in ("customer_reference", "account_reference", "bill_reference"):
        yield Rule(
            f"{field}.collision",
            "two references in the file become identical after characters are replaced (feed.reference_replace) or a"
            " template is filled in",
            "ask whoever maintains the config to choose replacements or a template that keep them apart",
        )
    yield Rule(
        "account_reference.two_customers",
        "this account appears under two customers in the file",
        "correct the customer of its records",
    )
    for kind in ("account", "customer"):
        yield Rule(
            f"{kind}_reference.contradiction",
            f"this {kind} appears with different balances, currencies or metadata",
            "keep the right record only",
        )


def _loading_rules() -> Iterator[Rule]:
    """What only the API can tell, or the ledger: found while loading, so that the outcome is `conflict` or
    `refused`.
    """
    yield Rule(
        "bill_reference.differs",
        "the API holds this bill with another amount, currency, date or owner",
        "bills cannot be changed there: void it and send a new reference",
    )
    yield Rule("bill_reference.voided", "the API holds this bill as voided", "send a new reference")
    yield Rule(
        "account_reference.other_customer",
        "the account belongs to another customer at the API",
        "correct the customer or use another account reference",
    )
    for kind in ("account", "customer"):
        yield Rule(
            f"{kind}_reference.currency_differs",
            f"the API holds this {kind} in another currency",
            "correct the currency",
        )
    yield Rule(
        "balance.superseded",
        "a newer file has set this balance",
        "nothing; or, if this file is current, have it loaded all the same (billferry load --force)",
    )
    yield Rule(
        "balance.not_ours",
        "the API holds a balance that this ledger did not set, and it may be newer",
        "compare it there; if the file is current, have it loaded all the same (billferry load --force)",
    )
    yield Rule(
        "balance.paid_since",
        "payments have come that this balance does not include: setting it would make the customer owe them again",
        "post them and export the balance again; or ask whoever maintains the config whether payments are to be"
        " deducted (feed.net_payments)",
    )
    yield Rule(
        "balance.moved",
        "an earlier request was not answered, and the balance may have changed since",
        "compare it there, then send a current balance",
    )


def _api_rules() -> Iterator[Rule]:
    """Requests without an answer that settles anything; the next run asks again."""
    yield Rule("api.never_connected", "the API could not be reached", "run again")
    yield Rule("api.timed_out", "the API did not answer in time (api.timeout_s)", "run again")
    yield Rule("api.cut", "the connection broke before the answer was whole", "run again")
    yield Rule("api.uncertain", "the API did not say whether it holds this record already", "run again")
    yield Rule(
        "api.echo_differs",
        "the API answered with other content than was sent",
        "compare it there before you pay or send again",
    )


RULES: dict[str, Rule] = {
    rule.code: rule
    for rules in (
        file_rules(),
        _record_rules(),
        correction_rules(),
        FIELD_RULES,
        _cross_record_rules(),
        _loading_rules(),
        _api_rules(),
    )
    for rule in rules
}
"""Code → rule, in the order of the documentation. `api.<status>.<kind>` codes fit `API_CODE` instead."""


_NARROWER = {"amount_due.out_of_range": (CREDIT_NOTE, NOTHING_DUE)}
"""Code → codes that were part of it once, which a feed that expects it expects as well."""


def expected_by(feed: Feed) -> frozenset[str]:
    """Codes that do not count for the exit status and the limits on rejects, as `feed.expected_codes` says."""
    narrower = (code for each in feed.expected_codes for code in _NARROWER.get(each, ()))
    return frozenset((*feed.expected_codes, *narrower))


def is_code(code: str) -> bool:
    """Whether a code is in the catalogue or is a refusal by the API."""
    return code in RULES or API_CODE.fullmatch(code) is not None


def rule_message(code: str, own_names: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """What a record's reject message says: rule and the file's own columns, never the value.

    `own_names`: as in `Layout`. Raises KeyError for a code that is not in the catalogue.
    """
    field = code.partition(".")[0]
    own = [column for column in (own_names or {}).get(field, ()) if column != field]
    where = f" (column{'s' if len(own) > 1 else ''} {', '.join(own)})" if own else ""
    return f"{field}{where}: {RULES[code].meaning}"
