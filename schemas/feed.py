"""A feed: how one kind of bill file is recognised and read."""

from __future__ import annotations

import re
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from schemas.shape import Shape

Model = Literal["bill", "account_balance", "customer_balance"]
Unit = Literal["major", "minor"]
Encoding = Literal["utf-8", "utf-16", "cp1252", "latin-1"]
OnReject = Literal["load_rest", "refuse_file"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

NAME_PART = re.compile(r"\{([a-z_][a-z0-9_]*)(?::([^{}]+))?\}", re.ASCII)


class AmountFormat(Shape):
    """How amounts are written. Nothing is guessed, so `unit` has no default."""

    unit: Unit
    """`major` (240.00 rand) or `minor` (24000 cents)."""
    decimal: Literal[".", ","] = "."
    """The decimal separator."""
    thousands: Literal[" ", "\u00a0", "\u202f", ".", ",", "'", "\u2019"] | None = None
    """The thousands separator; null: amounts have none, and one that has is rejected."""
    negative: Literal["leading_minus", "trailing_minus", "parentheses", "cr"] = "leading_minus"
    """How a credit is written: `-1.00`, `1.00-`, `(1.00)`, or `1.00 CR` beside `1.00 DR` and `1.00`."""

    @model_validator(mode="after")
    def _separators_differ(self) -> AmountFormat:
        if self.thousands == self.decimal:
            raise ValueError("thousands and decimal must be different characters")
        return self


class Const(Shape):
    """A value that the file does not state."""

    const: str
    """The value, the same for every record."""


ColumnSource = str | list[str] | Const
"""A source column; a list (first filled one wins); a `{template}`; or a constant."""


class Feed(Shape):
    """One kind of bill file."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    """How the feed is called in reports and in `--feed`."""
    match: Annotated[str, Field(min_length=1)]
    """File name with `*` and named parts: `"za_citypower_dailyfile_{date:%Y-%m-%d}.csv"`."""
    model: Model
    """What its records are."""
    amount: AmountFormat
    """How its amounts are written."""
    columns: dict[str, ColumnSource] | None = None
    """Canonical column → where it comes from; absent: the file has exactly the canonical names."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """The currency of records that state none themselves."""
    phone_region: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """Region (ISO 3166) of phone numbers written without country code."""
    date_formats: Annotated[list[str], Field(min_length=1)] = ["%Y-%m-%d"]
    """How its dates are written, in the notation of `strptime`."""
    encoding: Encoding = "utf-8"
    """How its text is encoded. A byte order mark is understood."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """What stands between two fields."""
    unmapped: Literal["ignore", "metadata"] = "ignore"
    """Source columns that nothing maps: ignored with a note, or kept as metadata of the record's own object."""
    expect_by: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] | None = None
    """Hour of the day, in quotes and in `timezone`, by which a file of this feed must have come that day."""
    expect_on: Annotated[list[Weekday], Field(min_length=1)] = list(WEEKDAYS)
    """The days on which `expect_by` counts."""
    expected_codes: list[str] = []
    """Codes that are still rejected, but neither exit status nor reject limits count them."""
    max_reject_ratio: Annotated[float, Field(ge=0, le=1)] | None = None
    """Instead of that of `limits`."""
    max_rejects: Annotated[int, Field(ge=0)] | None = None
    """Instead of that of `limits`."""
    on_reject: OnReject | None = None
    """Instead of that of `limits`."""

    @field_validator("match")
    @classmethod
    def _name_parts_are_unique(cls, match: str) -> str:
        names = [part for part, _ in NAME_PART.findall(match)]
        if len(names) != len(set(names)):
            raise ValueError("a named part stands twice in match")
        if "/" in match:
            raise ValueError("match is a file name, not a path")
        return match

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_usable(cls, delimiter: str) -> str:
        if delimiter in '"\r\n' or not delimiter.isascii():
            raise ValueError("the delimiter must be one ASCII character, not a quote or line break")
        return delimiter
