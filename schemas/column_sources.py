"""Where a canonical column comes from: the values of `feed.columns`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from schemas.shape import Shape


class Const(Shape):
    """A value that is not in the file."""

    const: str
    """The value, the same for every record."""


class DebitCredit(Shape):
    """An amount in two columns: debit minus credit. Both may be filled; if both are empty, the amount is missing."""

    debit: Annotated[str, Field(min_length=1)]
    """The column of debits, without minus signs."""
    credit: Annotated[str, Field(min_length=1)]
    """The column of credits, without minus signs."""


class SignedValue(Shape):
    """An amount in two columns: a number, and whether it is a debit or a credit."""

    value: Annotated[str, Field(min_length=1)]
    """The column of numbers, without minus signs."""
    sign: Annotated[str, Field(min_length=1)]
    """The column that distinguishes debits from credits."""
    negative: Annotated[list[str], Field(min_length=1)]
    """Every value of `sign` that means a credit; `""` is an empty one."""
    positive: Annotated[list[str], Field(min_length=1)]
    """Every value of `sign` that means a debit; any other value rejects its record."""

    @model_validator(mode="after")
    def _values_differ(self) -> SignedValue:
        stripped = [value.strip() for value in (*self.negative, *self.positive)]
        if len(set(stripped)) != len(stripped):
            raise ValueError("a value of sign is listed twice")
        return self


class DaysAfter(Shape):
    """A date some days after another one of the record."""

    days_after: Annotated[int, Field(ge=0, le=3_650)]
    """How many days: 30."""
    of: Literal["bill_date"]
    """The canonical date from which they are counted."""


OBJECTS_OF_SOURCES: dict[str, type[Shape]] = {
    kind.__name__: kind for kind in (Const, DebitCredit, SignedValue, DaysAfter)
}
"""The ways to write a source as an object, by the tags that pydantic's errors name."""


def _tag_of_source(value: object) -> str | None:
    """Which kind of source was meant, so that a mistake in it is reported for that kind."""
    if isinstance(value, str | list):
        return type(value).__name__
    if isinstance(value, dict):
        counts = {tag: len(kind.model_fields.keys() & value) for tag, kind in OBJECTS_OF_SOURCES.items()}
        return max(counts, key=lambda tag: counts[tag])
    return type(value).__name__ if isinstance(value, tuple(OBJECTS_OF_SOURCES.values())) else None


ColumnSource = Annotated[
    Annotated[str, Tag("str")]
    | Annotated[list[str], Tag("list")]
    | Annotated[Const, Tag("Const")]
    | Annotated[DebitCredit, Tag("DebitCredit")]
    | Annotated[SignedValue, Tag("SignedValue")]
    | Annotated[DaysAfter, Tag("DaysAfter")],
    Discriminator(
        _tag_of_source,
        custom_error_type="column_source",
        custom_error_message="A source is a column, a list of columns, {const: …}, {days_after: …} or, for an amount,"
        " two columns",
    ),
]
"""A source column; a list (first filled one wins); a `{template}`; a constant; for an amount, two columns; for a due
date, days after the bill date.
"""


def columns_of(source: ColumnSource) -> list[str]:
    """The columns or templates that a source contains."""
    match source:
        case Const() | DaysAfter():
            return []
        case DebitCredit():
            return [source.debit, source.credit]
        case SignedValue():
            return [source.value, source.sign]
        case str():
            return [source]
        case _:
            return source
