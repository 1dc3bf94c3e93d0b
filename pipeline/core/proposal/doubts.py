"""What a proposal cannot say by a key, and a person should know before a file is sent, as sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.core.proposal.understanding import Understanding


def doubts(decided: Understanding) -> Iterator[str]:
    """Each thing once; none shows a value of a record."""
    yield from _about_lines(decided)
    yield from _about_lists(decided)
    yield from _about_what_is_owed(decided)
    yield from _about_columns(decided)


def _about_lines(decided: Understanding) -> Iterator[str]:
    table = decided.seen.table
    if table.between:
        first = table.between[0].line + decided.seen.first_row - 1
        count = len(table.between)
        yield (
            f"{count} line{'s' if count > 1 else ''} between records (the first is line {first}) look like totals,"
            " titles or rules; they would be rejected: export the file without them"
        )
    titles = [row for row in table.between if row.filled == 1 and not re.search("[-=_*]{3}", row.raw)]
    if len(titles) > 1 and decided.customer.is_open:
        yield (
            f"{len(titles)} lines stand alone above groups of records, perhaps with the customer, whom the records"
            " themselves do not name: no column can be mapped to that; ask for a list that repeats it"
        )
    if table.repeated:
        yield f"the header is repeated {table.repeated} times between records, and would be rejected there"
    if len(table.below) > 0 and not table.footers:
        yield f"{len(table.below)} lines below the records may be totals; they would be rejected: see footer"
    if table.trailing:
        yield "every record ends with a delimiter more than the header has; it is left out"


def _about_lists(decided: Understanding) -> Iterator[str]:
    for each in decided.seen.lists:
        if each.name != decided.items.source and not decided.items.is_open:
            yield f'objects have a list of others in "{each.name}", which is not read; to read its items, see items'


def _about_what_is_owed(decided: Understanding) -> Iterator[str]:
    for each in decided.columns:
        is_state = each.meaning.concepts & {"STATUS", "PAYMENT"} and not (each.is_numeric or each.is_dated)
        if is_state and "TYPE" not in each.meaning.concepts and 1 < each.distinct <= 12 and each.fill > 0.5:
            yield (
                f'records are sent whatever "{each.name}" says: name what to load in where,'
                " else what is paid or void is sent as well"
            )
    if decided.layout != "bill" and decided.customer.place >= 0:
        owners = decided.columns[(decided.account if decided.account.source else decided.customer).place]
        if owners.distinct < len(owners.filled):
            yield (
                f'"{owners.name}" repeats, and several balances of one are a contradiction: such records would be'
                " rejected"
            )
    numbers = decided.amounts_of_bills
    credits = sum(number is not None and number < 0 for number in numbers)
    if credits:
        yield f"{credits} of {len(numbers)} amounts are credits; as bills these records would be rejected"


def _about_columns(decided: Understanding) -> Iterator[str]:
    if any(
        "OTHER_PARTY" in each.meaning.concepts and "vendor" in each.name.lower() for each in decided.columns
    ):
        yield "it names vendors, so it may be what you owe, not what is owed to you"
    names = [each.name for each in decided.columns if each.name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield f"columns with the same name cannot be mapped: {', '.join(twice)}"
    for each in decided.columns:
        if each.is_shortened:
            yield f'"{each.name}" has numbers that a spreadsheet damaged; they would be rejected where they are mapped'
