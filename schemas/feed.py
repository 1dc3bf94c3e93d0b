"""A feed: how one kind of bill file is recognised and read."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas.column_sources import ColumnSource
from schemas.control import Control, Expect
from schemas.pgp import Pgp
from schemas.shape import Shape
from schemas.text_encoding import Encoding

Model = Literal["bill", "account_balance", "customer_balance"]
Unit = Literal["major", "minor"]
Format = Literal["csv", "xlsx", "ods", "xls", "ndjson", "json"]
WORKBOOK_FORMATS: tuple[Format, ...] = ("xlsx", "ods", "xls")
OnReject = Literal["load_rest", "refuse_file"]
Check = Literal["sa_id"]
Release = Literal["always", "first", "never"]
Kind = Literal["bills", "reconciliation"]
OF_REPORTS = frozenset({"name", "kind", "match", "pgp", "expect_by", "expect_on"})
"""The keys of a feed with `kind: reconciliation`."""
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

THOUSANDS_NAMES = {"space": " ", "U+00A0": "\u00a0", "U+202F": "\u202f", "U+2019": "\u2019"}
"""Names of separators that look alike, or like nothing."""


def _thousands(named: object) -> object:
    """The character that a name stands for."""
    by_name = {name.casefold(): character for name, character in THOUSANDS_NAMES.items()}
    character = by_name.get(named.strip().casefold(), named) if isinstance(named, str) else named
    if isinstance(character, str) and character not in (*THOUSANDS_NAMES.values(), ".", ",", "'"):
        raise ValueError(f"thousands is one of {', '.join(THOUSANDS_NAMES)}, '.', ',' and \"'\"")
    return character


CURRENCY_CODE = "{currency}"
"""As `currency_sign`: the record's own currency code."""
NAME_PART = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([^{}]+))?\}", re.ASCII)
_SENDABLE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)


class AmountFormat(Shape):
    """How amounts are written. Nothing is guessed, so `unit` has no default."""

    unit: Unit
    """`major` (240.00 rand) or `minor` (24000 cents)."""
    decimal: Literal[".", ","] = "."
    """The decimal separator."""
    thousands: Annotated[
        Literal[" ", "\u00a0", "\u202f", ".", ",", "'", "\u2019"] | None, BeforeValidator(_thousands)
    ] = None
    """The thousands separator; null: none, and an amount with one is rejected."""
    grouping: Literal["thousand", "lakh"] = "thousand"
    """The position of thousands separators: `1,234,567` or, as in India, `12,34,567`."""
    negative: Literal["leading_minus", "trailing_minus", "parentheses", "cr", "unicode_minus"] = (
        "leading_minus"
    )
    """How a credit is written: `-1.00`, `1.00-`, `(1.00)`, `1.00 CR` (a debit is then `1.00 DR` or `1.00`), or with the
    minus sign U+2212 before the number.
    """
    extra_zeros: bool = False
    """Whether an amount may have extra zeros after the currency's decimals: `1.500` is then 1.50. Otherwise it is
    rejected, because it may mean one thousand five hundred.
    """
    float_noise: bool = False
    """Whether an amount with more than 15 digits is read as its first 15, rounded, where the currency can hold those:
    147153.59999999998 is then 147153.60; a note counts such amounts. 1.005 stays rejected. Only with `unit: major`.
    """
    implied_decimals: Annotated[int, Field(ge=1, le=6)] | None = None
    """How many of the last digits are decimals, where amounts have no separator: with 2, `0000123450` is 1234.50."""
    currency_sign: Annotated[str, Field(min_length=1, max_length=10)] | None = None
    """A sign that may be before or after the number, such as `R`. `{currency}` is the record's own currency code; a
    sign that is a currency code must be the record's. null: no sign is accepted.
    """

    @model_validator(mode="after")
    def _separators_differ(self) -> AmountFormat:
        if self.thousands == self.decimal:
            raise ValueError("thousands and decimal must be different characters")
        if self.grouping == "lakh" and self.thousands is None:
            raise ValueError("grouping: lakh needs a thousands separator")
        if self.unit == "minor" and self.thousands is not None:
            raise ValueError("amounts in minor units are digits only; leave thousands out")
        if self.unit == "minor" and self.float_noise:
            raise ValueError("amounts in minor units are digits only; leave float_noise out")
        if self.implied_decimals and (self.unit == "minor" or self.thousands is not None or self.float_noise):
            raise ValueError("implied_decimals needs unit: major, no thousands separator and no float_noise")
        return self

    @field_validator("currency_sign")
    @classmethod
    def _sign_is_no_part_of_a_number(cls, sign: str | None) -> str | None:
        if sign is None or sign == CURRENCY_CODE:
            return sign
        if any(letter.isnumeric() or letter.isspace() or letter in "+-.,'\u2019()" for letter in sign):
            raise ValueError(
                "currency_sign has no digits, separators, signs or spaces (one space beside it is understood)"
            )
        if sign in {"CR", "DR"}:
            raise ValueError("CR and DR are declared by negative: cr")
        return sign


DateLanguage = Literal["en", "de", "fr", "es", "pt", "af", "nl"]


class LineItems(Shape):
    """Records with the same bill reference are lines of one bill."""

    sum: Literal[True]
    """Their amounts are added up."""
    identical: Literal["reject", "sum"] = "reject"
    """Lines that are equal in every column: `reject` their bill, since one may be a repeat, or `sum` them as well."""


class HeaderPlace(Shape):
    """Where the header is: one of the keys."""

    row: Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=1)] | None = None
    """The line of the file, or the row of the sheet, counted from 1: `4`. Of several, `[2, 3]`, the names are joined,
    column by column, with a space between.
    """
    starts_with: Annotated[list[str], Field(min_length=1)] | None = None
    """The names of its first columns: the first line that begins with them is the header."""

    none: Literal[True] | None = None
    """There is no header: `names` has the names of the columns."""

    @field_validator("row", mode="before")
    @classmethod
    def _one_is_short(cls, row: object) -> object:
        return [row] if isinstance(row, int) else row

    @model_validator(mode="after")
    def _one_place(self) -> HeaderPlace:
        if sum(key is not None for key in (self.row, self.starts_with, self.none)) != 1:
            raise ValueError("header needs one of row, starts_with and none")
        if self.row and self.row != list(range(self.row[0], self.row[0] + len(self.row))):
            raise ValueError("several rows of a header follow each other: [2, 3]")
        return self


def _listed(texts: object) -> object:
    """One text is short for a list of it."""
    return [texts] if isinstance(texts, str) else texts


OneOrMore = Annotated[list[str], Field(min_length=1), BeforeValidator(_listed)]
"""A text, or a list of texts."""


class NoRecords(Shape):
    """Lines at the beginning or the end of a file that are not records."""

    starts_with: Annotated[
        list[Annotated[str, Field(min_length=1)]], Field(min_length=1), BeforeValidator(_listed)
    ]
    """How such lines begin: a text, or a list of texts."""


FixedColumn = Annotated[list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=2, max_length=2)]
"""First character and length of a column, in characters, counted from 1."""


class Feed(Shape):
    """One kind of bill file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """The feed's name in reports and in `--feed`."""
    match: Annotated[str, Field(min_length=1)]
    """File name with `*` and named parts: `"za_citypower_dailyfile_{date:%Y-%m-%d}.csv"`."""
    kind: Kind = "bills"
    """What its files are: `bills` (or balances) to load, or `reconciliation`: the vendor's reconciliation and
    settlement reports, which are compared with the payments known here. Such a feed has no other keys than `name`,
    `match`, `pgp`, `expect_by` and `expect_on`, and needs `payments`.
    """
    model: Model
    """The billing model of its records."""
    amount: AmountFormat
    """The format of its amounts."""
    columns: dict[str, ColumnSource] | None = None
    """Canonical column → its source; absent: the file has exactly the canonical names."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """The currency of records that do not state one."""
    currency_map: dict[str, Annotated[str, Field(pattern=r"^[A-Z]{3}$")]] = {}
    """Text in the currency column → the currency it means: `{R: ZAR, "€": EUR, usd: USD}`. Other texts are read as they
    are.
    """
    phone_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """Region (ISO 3166) of phone numbers without a country code."""
    date_formats: Annotated[list[str], Field(min_length=1)] = ["%Y-%m-%d"]
    """The formats of its dates, in the notation of `strptime`; times are read and ignored."""
    date_language: DateLanguage = "en"
    """The language of month names for `%b` and `%B`; upper or lower case does not matter."""
    due_before_bill_date: Literal["reject", "note"] = "reject"
    """Whether a record with a due date before its bill date is rejected, or loaded with a note."""
    reference_replace: dict[str, str] = {}
    """Character that the API does not accept in references → its replacement: `{"/": "-", " ": "_"}`. References
    that become identical are rejected.
    """
    line_items: LineItems | None = None
    """Whether records with the same bill reference are lines of one bill. `sum` (short for `{sum: true}`) sends one
    bill for the sum of their amounts; all other mapped columns must be equal. Absent: such records contradict each
    other.
    """
    where: dict[str, OneOrMore] = {}
    """The file's own column → the values of the records to load: `{status: [open, overdue]}`. All other records are
    `skipped`: counted in every total, and never sent. Values are compared whole, upper and lower case included, without
    the spaces around them; `""` is an empty one. Of several columns, each must have one of its values.
    """
    where_not: dict[str, OneOrMore] = {}
    """The file's own column → the values of records that are `skipped`. Of several columns, one such value is enough.
    """
    nothing_due: Literal["reject", "skip"] = "reject"
    """Whether bills with an amount of 0 are rejected or `skipped`. With `line_items`, that is the sum of a bill."""
    bad_details: Literal["reject", "leave_out"] = "reject"
    """Whether an e-mail address, phone number, name or metadata value that the API would not accept rejects its record,
    or is left out; a note counts those left out by each rule. All of these are optional.
    """
    checks: dict[str, list[Check]] = {}
    """The file's own column → the check for its values. `sa_id`: a South African identity number with a date of birth
    and a valid check digit.
    """
    format: Format | None = None
    """The required format, compressed or not. null: recognised from the content, never from the name: workbooks by
    their bytes, NDJSON by the `{` at the beginning, a JSON array by `[{`; anything else is CSV."""
    sheet: str | None = None
    """The sheet of a workbook to read; null: the first visible one."""
    items: Annotated[str, Field(min_length=1)] | None = None
    """The list of line items that each JSON object has: `lines`. Each item is a record with the object's other fields
    and its own, which `columns` names `lines.amount`. Rejects come back as NDJSON, one flat object for each item.
    """
    encoding: Encoding = "utf-8"
    """The text encoding, as Python calls it: `utf-8`, `utf-16`, `cp1250`, `cp437`, `shift_jis`, `gb18030`. A byte order
    mark is accepted. No effect on workbooks."""
    delimiter: Annotated[str, Field(min_length=1, max_length=10)] = ","
    """What is between two fields: a character, or several, such as `||` or `~|~`."""
    fixed: Annotated[dict[str, FixedColumn], Field(min_length=1)] | None = None
    """Columns of fixed-width lines: `[first character, length]`, counted from 1. Rejects come back as rejects.txt."""
    short_lines: Literal["reject", "pad"] = "reject"
    """Whether fixed-width lines that are shorter than the others are rejected, or spaces at their end were stripped."""
    header: HeaderPlace | None = None
    """Where the header is, if not in the first line (of a sheet: the first filled row). Lines above it are not read; a
    note counts them. `none` (short for `{none: true}`): the file has no header, and `names` has the names of its
    columns.
    """
    header_match: Literal["exact", "loose"] = "exact"
    """Whether the names of columns differ from those in the feed by upper and lower case: `loose` ignores it. Spaces
    around names, and how accents are composed, never matter.
    """
    names: Annotated[list[str], Field(min_length=1)] | None = None
    """With `header: none`, the names of all columns, in order; `""` for a column that is not read."""
    header_record: NoRecords | None = None
    """Lines at the beginning of its files, before any header, that are not records, such as `{starts_with: H}`; a note
    counts them.
    """
    footer: NoRecords | None = None
    """Lines at the end of its files that are not records, such as `{starts_with: Total}`; a note counts them."""
    blank_records: Literal["reject", "skip"] = "reject"
    """Whether blank lines between records, and lines of nothing but delimiters, are rejected, or skipped and counted in
    a note. At the end of a file they are never records.
    """
    pgp: Pgp | None = None
    """Its files are encrypted with OpenPGP; absent: they are not. What is inside is read like any other file."""
    unmapped: Literal["ignore", "metadata"] = "ignore"
    """Whether unmapped source columns are ignored with a note, or kept as metadata of the record's own object."""
    control: Control | None = None
    """Control totals that its files declare; absent: none."""
    expect: Expect | None = None
    """Usual ranges of its files; absent: none."""
    release: Release | None = None
    """Which of its files wait for `billferry release` before anything is sent: every file (`always`), files that arrive
    before any file of the feed was loaded (`first`), or none (`never`). null: `first` in live, `never` in test."""
    unusual: Literal["hold", "load"] = "hold"
    """Whether a file is held or loaded if its amounts differ too much from those of the feed's last loaded files."""
    net_payments: bool = False
    """Balances: whether payments that the balance does not include are subtracted before it is set, and refunds added
    back; if not, such a balance is a conflict. Needs `payments`, and `payments_included_until` in the file."""
    may_be_empty: bool = False
    """Whether a file without records is accepted. If not, it is refused."""
    expect_by: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """Time of day, in quotes and in `timezone`, by which a file of this feed must have arrived."""
    expect_on: Annotated[list[Weekday], Field(min_length=1)] = list(WEEKDAYS)
    """The weekdays on which `expect_by` applies."""
    expected_codes: list[str] = []
    """Codes of rejects that do not count for the exit status and the reject limits. The records are still rejected."""
    max_reject_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Replaces `limits.max_reject_ratio` for this feed."""
    max_rejects: Annotated[int, Field(ge=0)] | None = None
    """Replaces `limits.max_rejects` for this feed."""
    on_reject: OnReject | None = None
    """Replaces `limits.on_reject` for this feed."""

    @model_validator(mode="before")
    @classmethod
    def _reports_have_no_bills(cls, given: object) -> object:
        """A report is read by the names of its own columns: what says how bills are read has no meaning for it."""
        if not isinstance(given, dict) or given.get("kind") != "reconciliation":
            return given
        if needless := sorted((given.keys() & cls.model_fields.keys()) - OF_REPORTS):
            raise ValueError(f"a feed with kind: reconciliation has no {', '.join(needless)}")
        return {**given, "model": "bill", "amount": {"unit": "major"}}

    @property
    def is_of_reports(self) -> bool:
        """Whether its files are the vendor's reports of payments. Its model and amount then mean nothing."""
        return self.kind == "reconciliation"

    @field_validator("line_items", mode="before")
    @classmethod
    def _sum_is_short(cls, line_items: object) -> object:
        return {"sum": True} if line_items == "sum" else line_items

    @field_validator("header", mode="before")
    @classmethod
    def _none_is_short(cls, header: object) -> object:
        return {"none": True} if header == "none" else header

    @property
    def has_header(self) -> bool:
        """Whether its files have a header."""
        return self.header is None or self.header.none is None

    @field_validator("match")
    @classmethod
    def _name_parts_are_unique(cls, match: str) -> str:
        names = [part for part, _ in NAME_PART.findall(match)]
        if len(names) != len(set(names)):
            raise ValueError("a named part appears twice in match")
        if "/" in match:
            raise ValueError("match is a file name, not a path")
        return match

    @field_validator("reference_replace")
    @classmethod
    def _replacements_are_sendable(cls, replace: dict[str, str]) -> dict[str, str]:
        for character, instead in replace.items():
            if len(character) != 1 or _SENDABLE.fullmatch(character):
                raise ValueError("only single characters other than A-Z, a-z, 0-9, _ and - are replaced")
            if instead and not _SENDABLE.fullmatch(instead):
                raise ValueError("a replacement is made of A-Z, a-z, 0-9, _ and -")
        return replace

    @model_validator(mode="after")
    def _sheets_are_of_workbooks(self) -> Feed:
        if self.sheet is not None and self.format in ("csv", "ndjson", "json"):
            raise ValueError(f"sheet is for workbooks only, and format is {self.format}")
        return self

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_usable(cls, delimiter: str) -> str:
        if set(delimiter) & set('"\r\n') or not delimiter.isascii():
            raise ValueError("the delimiter must be ASCII, without quotes and line breaks")
        if len(delimiter) > 1 and any(each.isalnum() or each == "_" or each < " " for each in delimiter):
            raise ValueError(
                "a delimiter of several characters has no letters, digits, underscores or controls"
            )
        return delimiter
