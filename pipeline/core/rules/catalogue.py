"""The catalogue: every code a record or a file can get, what it means and what to do about it.

Codes are `field.problem`. `record.*` and `file.*` are about structure; `api.<status>.<kind>` stands for a refusal
by the Billing API, whose `kind` is the end of its problem type. Source of the limits: the Billing API's field rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.core.rules.correction_rules import correction_rules
from pipeline.core.rules.file_rules import file_rules
from pipeline.core.rules.rule import Rule

MAX_REFERENCE_CHARACTERS = 255
MAX_NAME_CHARACTERS = 255
MAX_EMAIL_CHARACTERS = 255
MAX_METADATA_KEYS = 10
MAX_METADATA_KEY_CHARACTERS = 40
MAX_METADATA_VALUE_CHARACTERS = 500
MIN_AMOUNT_DUE_MINOR = 1
MAX_AMOUNT_DUE_MINOR = 99_999_999
MAX_BALANCE_MINOR = 10**18 - 1

API_CODE = re.compile(r"api\.[1-5][0-9]{2}\.[a-z0-9_-]+", re.ASCII)


def _reference_rules(field: str) -> Iterator[Rule]:
    yield Rule(f"{field}.missing", "no reference", "fill it in")
    yield Rule(
        f"{field}.characters",
        "characters other than A-Z, a-z, 0-9, _ and -",
        "use a reference of these characters, or declare feed.reference_replace",
    )
    yield Rule(
        f"{field}.too_long", f"more than {MAX_REFERENCE_CHARACTERS} characters", "use a shorter reference"
    )
    yield Rule(f"{field}.spreadsheet", "mangled by a spreadsheet", "export again with this column as text")
    yield Rule(
        f"{field}.collision",
        "two references of the file become this one by feed.reference_replace or a template",
        "choose replacements or a template that keep them apart",
    )


def _amount_rules(field: str, *, allowed: str) -> Iterator[Rule]:
    yield Rule(f"{field}.missing", "no amount", "fill it in")
    yield Rule(f"{field}.format", "no amount as the feed declares them", "write it as feed.amount says")
    yield Rule(
        f"{field}.ambiguous",
        "separators that the feed does not declare, so it can be read in two ways",
        "declare feed.amount.thousands or decimal, or write it without separators",
    )
    yield Rule(
        f"{field}.sign",
        "a sign that feed.columns does not list, or a minus in a column of debits, credits or unsigned values",
        "correct it, or have the sign listed in feed.columns",
    )
    yield Rule(
        f"{field}.other_currency",
        "the currency code beside the amount is not that of the record",
        "correct one of them",
    )
    yield Rule(
        f"{field}.too_precise",
        "more decimals than its currency has",
        "amounts are never rounded here: round it",
    )
    yield Rule(f"{field}.out_of_range", f"not within {allowed}", "check the amount and feed.amount.unit")
    yield Rule(f"{field}.spreadsheet", "mangled by a spreadsheet", "export again with this column as text")


def _date_rules(field: str) -> Iterator[Rule]:
    yield Rule(
        f"{field}.format", "not written as feed.date_formats says", "write it so, or declare its format"
    )
    yield Rule(f"{field}.impossible", "no day of the calendar", "correct the date")
    yield Rule(
        f"{field}.ambiguous", "two of feed.date_formats read it as different days", "declare one format only"
    )


def _metadata_rules(field: str) -> Iterator[Rule]:
    yield Rule(
        f"{field}.too_many", f"more than {MAX_METADATA_KEYS} filled keys", "map fewer columns to metadata"
    )
    yield Rule(
        f"{field}.key",
        f"a key that is empty or longer than {MAX_METADATA_KEY_CHARACTERS} characters",
        "map the column under a shorter key",
    )
    yield Rule(
        f"{field}.value_too_long",
        f"a value of more than {MAX_METADATA_VALUE_CHARACTERS} characters",
        "shorten it or leave the column out",
    )
    yield Rule(
        f"{field}.spreadsheet",
        "a value mangled by a spreadsheet",
        "enter it as text, round it, or leave the column out",
    )


def _name_rules(field: str) -> Iterator[Rule]:
    yield Rule(f"{field}.too_long", f"more than {MAX_NAME_CHARACTERS} characters", "shorten it")
    yield Rule(f"{field}.spreadsheet", "mangled by a spreadsheet", "correct the cell or empty it")


def _customer_rules() -> Iterator[Rule]:
    yield from _name_rules("customer_name")
    yield Rule("customer_email.invalid", "no e-mail address", "correct or empty it")
    yield Rule(
        "customer_email.too_long", f"more than {MAX_EMAIL_CHARACTERS} characters", "correct or empty it"
    )
    yield Rule(
        "customer_phone.invalid",
        "no phone number, or a national one that feed.phone_region does not know",
        "write it as +27…, set feed.phone_region, or empty it",
    )


def _account_rules() -> Iterator[Rule]:
    yield from _name_rules("account_name")
    for field, thing in (("account_name", "name"), ("account_metadata", "metadata")):
        described = "a name of an account" if thing == "name" else "metadata of an account"
        yield Rule(
            f"{field}.without_account",
            f"{described}, but no account_reference",
            f"fill in account_reference or empty the {thing}",
        )


def _field_rules() -> Iterator[Rule]:
    for field in ("customer_reference", "account_reference", "bill_reference"):
        yield from _reference_rules(field)
    yield from _customer_rules()
    yield from _account_rules()
    yield Rule("currency.missing", "no currency", "fill it in, or set feed.currency")
    yield Rule("currency.unknown", "no ISO 4217 code with minor units", "use a code such as ZAR")
    yield from _amount_rules(
        "amount_due", allowed=f"{MIN_AMOUNT_DUE_MINOR} to {MAX_AMOUNT_DUE_MINOR} minor units"
    )
    yield from _amount_rules("balance", allowed="18 digits of minor units")
    yield from _date_rules("bill_date")
    yield from _date_rules("due_date")
    yield Rule(
        "due_date.before_bill_date",
        "before bill_date",
        "correct one of the dates, or set feed.due_before_bill_date: note",
    )
    for field in ("metadata", "customer_metadata", "account_metadata"):
        yield from _metadata_rules(field)
    yield Rule(
        "column.sa_id",
        "no South African identity number: 13 digits, a day of birth, a check digit",
        "correct it, or take the column out of feed.checks",
    )


def _record_rules() -> Iterator[Rule]:
    yield Rule("record.blank", "a blank line between records", "remove it")
    yield Rule("record.too_few_fields", "fewer fields than the header", "complete the record")
    yield Rule(
        "record.too_many_fields", "more fields than the header", "quote fields that hold the delimiter"
    )
    yield Rule("record.open_quote", "a quote that is never closed", "close it")
    yield Rule("record.stray_quote", "a quote inside or behind a field", "double quotes and quote the field")
    yield Rule(
        "record.undecodable", "bytes that are not of feed.encoding", "export again, or correct feed.encoding"
    )
    yield Rule("record.control_characters", "NUL or control characters", "remove them")
    yield Rule("record.json", "a line that is no JSON object", "correct its syntax")
    yield Rule("record.duplicate_key", "a key stands twice in an object", "keep one")
    yield Rule(
        "record.value_type",
        "a list, an object or true/false where text or a number belongs",
        "write it as text",
    )


def _crossing_rules() -> Iterator[Rule]:
    yield Rule(
        "bill_reference.contradiction",
        "appears more than once with different values; lines of one bill are added up only under feed.line_items: sum",
        "keep the right record only, or have feed.line_items set",
    )
    yield Rule(
        "line_items.differ",
        "lines of this bill differ in a mapped column other than the amount",
        "correct them, or map that column no longer",
    )
    yield Rule(
        "line_items.identical",
        "lines of this bill are equal in every column",
        "remove the repeated line, or have feed.line_items set to {sum: true, identical: sum}",
    )
    yield Rule(
        "line_items.incomplete",
        "a correction that lacks lines of this bill, which is sent whole or not at all",
        "add the other lines of the bill from rejects.csv",
    )
    yield Rule(
        "line_items.other_line",
        "another line of this bill is rejected, and a bill is sent whole or not at all",
        "correct that line; send all lines of the bill",
    )
    yield Rule(
        "account_reference.two_customers",
        "this account stands in the file under two customers",
        "correct the customer of its records",
    )
    for kind in ("account", "customer"):
        yield Rule(
            f"{kind}_reference.contradiction",
            f"this {kind} stands in the file with two balances, currencies or sets of metadata",
            "keep the right record only",
        )


def _loading_rules() -> Iterator[Rule]:
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
        "nothing; or, if this file is current, billferry load --force",
    )
    yield Rule(
        "balance.not_ours",
        "the API holds a balance that this ledger did not set, and it may be newer",
        "compare it there; if the file is current, billferry load --force",
    )
    yield Rule(
        "balance.moved",
        "an earlier request was not answered, and the balance may have changed since",
        "compare it there, then send a current balance",
    )


def _api_rules() -> Iterator[Rule]:
    yield Rule("api.never_connected", "the API could not be reached", "run again")
    yield Rule("api.timed_out", "the API did not answer within api.timeout_s", "run again")
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
        _field_rules(),
        _crossing_rules(),
        _loading_rules(),
        _api_rules(),
    )
    for rule in rules
}
"""Code → rule, in the order of the documentation. `api.<status>.<kind>` codes fit `API_CODE` instead."""


def is_code(code: str) -> bool:
    """Whether a code is in the catalogue or is an answer of the API."""
    return code in RULES or API_CODE.fullmatch(code) is not None


def rule_message(code: str, *, columns: tuple[str, ...] = ()) -> str:
    """What a record's reject message says: rule and the file's own columns, never the value."""
    field = code.partition(".")[0]
    own = [column for column in columns if column != field]
    where = f" (column{'s' if len(own) > 1 else ''} {', '.join(own)})" if own else ""
    return f"{field}{where}: {RULES[code].meaning}"
