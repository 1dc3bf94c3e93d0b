"""What a file declares about itself, and what its feed expects: control totals and usual ranges."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.shape import Shape

Position = Annotated[int, Field(ge=2, le=1000)]
"""A field of a trailer, counted from 1; the first is its marker."""
MajorAmount = Annotated[str, Field(pattern=r"^-?[0-9]{1,13}(\.[0-9]{1,4})?$")]


class HashTotal(Shape):
    """The sum of a column's digits, read as one number per record, modulo 10 to the power of `digits`."""

    column: Annotated[str, Field(min_length=1)]
    """The file's own column. Only its digits count; an empty field is 0."""
    digits: Annotated[int, Field(ge=1, le=18)] = 10
    """Number of digits of the total, from the right; further digits are dropped."""
    field: Position | None = None
    """Trailer: the number of the field with this total."""


class DeclaredSum(Shape):
    """One sum of a trailer."""

    field: Position
    """The number of the trailer field with the sum, in the format of the records' amounts."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Its currency …"""
    currency_field: Position | None = None
    """… or the number of the trailer field with the currency code."""

    @model_validator(mode="after")
    def _has_one_currency(self) -> DeclaredSum:
        if (self.currency is None) == (self.currency_field is None):
            raise ValueError("a sum has either currency or currency_field")
        return self


class Control(Shape):
    """Control totals that a file declares: nothing is sent unless they match its contents."""

    kind: Literal["trailer", "sidecar"]
    """`trailer`: the last record of the file. `sidecar`: `<file name>.ctl` beside it, in JSON: `{"records": 2,
    "amounts": {"ZAR": "123.45"}}`, and `"hash_total": "…"` if `hash_total` is set. For balances it may also say
    `"payments_included_until"`. Amounts have the format of the
    records' amounts.
    """
    required: bool = True
    """A file without totals waits (sidecar) or is refused (trailer); false: it is loaded with a note."""
    marker: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    """Trailer: the content of its first field, such as `T`."""
    records: Position | None = None
    """Trailer: the number of the field with the record count; the first field is 1. null: it has sums only."""
    sums: list[DeclaredSum] = []
    """Trailer: the fields with the sums, one for each currency: `[{field: 3, currency: ZAR}]`."""
    hash_total: HashTotal | None = None
    """A sum over a column other than the amount, which detects changed references: `{column: Policy, digits: 10,
    field: 4}`.
    """

    @model_validator(mode="after")
    def _says_where_the_totals_are(self) -> Control:
        fields = self.fields()
        if self.kind == "sidecar":
            if self.marker is not None or fields:
                raise ValueError(
                    "marker, records, sums and field are about trailers; a sidecar names its totals"
                )
        elif self.marker is None or not self.sums:
            raise ValueError("a trailer needs marker and sums")
        elif self.hash_total is not None and self.hash_total.field is None:
            raise ValueError("the hash_total of a trailer needs field")
        if len(fields) != len(set(fields)):
            raise ValueError("two totals use the same field of the trailer")
        currencies = [each.currency for each in self.sums if each.currency is not None]
        if len(currencies) != len(set(currencies)):
            raise ValueError("two sums have the same currency")
        return self

    @property
    def counts_records(self) -> bool:
        """Whether the number of records is declared; a Total line may have sums only."""
        return self.kind == "sidecar" or self.records is not None

    def fields(self) -> list[int]:
        """Fields of the trailer that contain a total or its currency."""
        stated = [self.records, self.hash_total.field if self.hash_total else None]
        stated += [position for each in self.sums for position in (each.field, each.currency_field)]
        return [position for position in stated if position is not None]


class Expect(Shape):
    """The usual size of a file of this feed. A file outside these ranges is refused, because a wrong unit reads without
    errors.
    """

    records: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)] | None = None
    """Fewest and most records: `[1000, 200000]`."""
    amount_median: Annotated[list[MajorAmount], Field(min_length=2, max_length=2)] | None = None
    """Range of the median amount of each currency, in major units with a point: `["50.00", "5000.00"]`."""

    @model_validator(mode="after")
    def _lowest_first(self) -> Expect:
        if self.records is None and self.amount_median is None:
            raise ValueError("expect needs records or amount_median")
        for bounds in (self.records, [Decimal(each) for each in self.amount_median or ()]):
            if bounds and bounds[0] > bounds[1]:
                raise ValueError("write the lower end of a range first")
        return self
