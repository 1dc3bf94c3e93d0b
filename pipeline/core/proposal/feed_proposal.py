"""A feed proposed for an unknown file, as commented YAML. A person confirms it; nothing is applied by itself.

What a person must decide is left as `"?"`, which the config refuses. Names of columns and of the file stand in a
proposal, and the words of totals and signs (`Total`, `H`) that it has to declare; else no value of a record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pipeline.core.mapping.feed_validation import OPEN
from pipeline.core.mapping.layout import AMOUNT, CANONICAL, PART, is_canonical
from pipeline.core.names import printable
from pipeline.core.proposal.amounts import AmountChoice
from pipeline.core.proposal.doubts import doubts
from pipeline.core.proposal.first_look import look
from pipeline.core.proposal.name_of_file import feed_name, name_pattern
from pipeline.core.proposal.readings import Guess, has_decimals, has_extra_zeros, usual_range
from pipeline.core.proposal.roles import ABSENT, Choice
from pipeline.core.proposal.understanding import Understanding, understood
from pipeline.core.proposal.yaml_text import key_of, line, listing, quoted, value_of
from schemas.feed import Format


@dataclass(frozen=True, slots=True)
class Proposal:
    """`yaml` belongs below `feeds:`. `open_keys` are those that a person must set before the config is taken."""

    yaml: str
    open_keys: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    """What is unsure and why, as sentences; they are comments of the YAML as well."""


def propose(
    name: str,
    head: bytes,
    *,
    whole: bool,
    workbook: Format | None = None,
    first_row: int = 1,
    notes: Sequence[str] = (),
) -> Proposal:
    """Propose a feed for a file by its name (a label) and first bytes.

    `whole`: whether `head` is all of the file. `workbook`: the format of the workbook of which the bytes are our CSV;
    `first_row`: the row that the CSV begins with. `notes`: what else was seen, repeated in the proposal.

    Raises UsageError when it is nothing like a table.
    """
    seen = look(name, head, whole=whole, workbook=workbook, first_row=first_row, notes=notes)
    return _Page(name, understood(seen), notes, whole=whole).proposal()


class _Page:
    """The lines of YAML for one file, in the order of the documentation. Use `proposal` once."""

    def __init__(self, name: str, decided: Understanding, notes: Sequence[str], *, whole: bool) -> None:
        self.name, self.decided, self.notes, self.whole = name, decided, notes, whole
        self.seen, self.table = decided.seen, decided.seen.table
        self.open_keys: list[str] = []
        self.has_decimals = False
        self.columns = dict(self._mapped())

    def proposal(self) -> Proposal:
        """The whole page. Fills `open_keys`."""
        unsure = tuple(doubts(self.decided))
        lines = [
            *self._head(),
            *self._form(),
            *self._amount(),
            *self._currency(),
            *self._dates(),
            *self._records(),
            *self._columns(),
            *self._expect(),
            *self._loose_ends(unsure),
        ]
        return Proposal("\n".join(lines) + "\n", tuple(self.open_keys), unsure)

    def _mapped(self) -> Iterator[tuple[str, Choice]]:
        """Canonical column → its source or why it is open, but for the amount."""
        decided, model = self.decided, self.decided.layout
        found = {
            "customer_reference": decided.customer,
            "account_reference": decided.account,
            "bill_reference": decided.bill,
            "currency": decided.currency if not decided.currency.is_open else Choice(),
            **decided.dates,
            **decided.people,
        }
        if found.get("customer_name", ABSENT).source == found.get("account_name", ABSENT).source:
            found["account_name"] = Choice()
        for canonical in CANONICAL[model]:
            if canonical == AMOUNT[model]:
                yield canonical, Choice(None)
            elif (choice := found.get(canonical)) and (choice.source or choice.is_open):
                yield canonical, choice
        for each in self.table.names:
            if "." in each and is_canonical(each, model):
                yield each, Choice(each, "guessed by its name")

    # -- what is written --

    def _open(self, key: str, name: str, why: str) -> str:
        """A key that a person has to set. `name`: as it is told, with its section."""
        self.open_keys.append(name)
        return line(key, quoted(OPEN), f"SET THIS: {why}")

    def _head(self) -> Iterator[str]:
        match, dated = name_pattern(self.name)
        yield f"  # Proposed for {quoted(self.name)} from its first {self.decided.count} records. Confirm what is"
        yield "  # guessed, set what says SET THIS (it is refused until then), then try it: billferry validate FILE"
        yield from (f"  # {printable(note)}" for note in self.notes)
        yield f"  - name: {feed_name(self.name)}"
        yield line(
            "match", quoted(match), "guessed: the date in the name" if dated else "guessed: no date seen"
        )
        if self.decided.model:
            yield line(
                "model", self.decided.model, f"guessed: bills have references ({self.decided.bill.source})"
            )
            return
        yield self._open(
            "model",
            "model",
            "bill, account_balance or customer_balance;"
            f" {self.decided.other_table or 'no bill reference is sure'}",
        )
        is_bill = self.decided.layout == "bill"
        rename = "" if is_bill else ", and rename balance to amount_due"
        yield f"    #   bill: set columns.bill_reference{rename}; it must differ from month to month, such as"
        yield '    #   "{Policy}-{file.date}". account_balance, customer_balance: the file states what each owes'
        if is_bill:
            yield "    #   now; then remove bill_reference and the dates, and rename amount_due to balance"

    def _form(self) -> Iterator[str]:
        """How the file is written, and where its header and footers are."""
        seen, table = self.seen, self.table
        if seen.format != "csv":
            yield line("format", seen.format, "guessed: what this one is; any other is refused then")
        if seen.encoding.seen and not seen.encoding.fits:
            why = "neither UTF-8 nor cp1252 gives words; perhaps a code page of DOS or another alphabet"
            yield self._open("encoding", "encoding", why)
        elif seen.encoding.fits:
            yield line("encoding", seen.encoding.fits[0], _why_encoding(seen.encoding))
        if seen.delimiter.fits:
            first, *others = seen.delimiter.fits
            also = f"; {value_of(others)} would fit as well" if others else ""
            why = "guessed: its sep= line" if seen.has_sep_line else f"guessed: rows are of one width{also}"
            yield line("delimiter", quoted(first), why)
        if seen.fixed:
            yield line("fixed", value_of(seen.fixed), "guessed: first character and length")
            if len({len(row.raw) for row in table.records}) > 1:
                yield line("short_lines", "pad", "guessed: lines end where their text does")
        if not table.header and table.beginnings:
            yield line(
                "header_record",
                value_of({"starts_with": list(table.beginnings)}),
                "guessed: lines above records",
            )
        if not table.header:
            yield line("header", "none", "guessed: the first line has values like those below it")
            yield line("names", listing(table.names), "name the columns as you like")
        elif table.needs_place or seen.fixed:
            rows = [each + seen.first_row - 1 for each in table.header]
            said = "lines above it are not read" if len(rows) == 1 else "its rows are joined"
            yield line("header", f"{{row: {rows[0] if len(rows) == 1 else rows}}}", f"guessed; {said}")
        if table.footers:
            begins = table.footers[0] if len(table.footers) == 1 else list(table.footers)
            yield line("footer", value_of({"starts_with": begins}), "guessed: lines below the records")
        if table.blanks:
            yield line("blank_records", "skip", f"guessed: {table.blanks} blank lines between records")

    def _amount(self) -> Iterator[str]:
        guess, choice = self.decided.style, self.decided.amount
        texts = [text for each in choice.columns for text in each.filled] if choice.source else []
        yield "    amount:"
        decimals = has_decimals(texts, guess.fits[0]) if guess.fits else 0
        self.has_decimals = decimals > 0
        seen = (
            f"{decimals} of {len(texts)} amounts have decimals"
            if guess.fits
            else f"{len(texts)} amounts seen"
        )
        yield self._open("  unit", "amount.unit", f"major (240.00 rand) or minor (24000 cents); {seen}")
        if not guess.sure:
            yield self._open("  decimal", "amount.decimal", _undecided_amounts(guess))
            return
        reads = (
            f"reads all {guess.seen} amounts"
            if guess.read == guess.seen
            else (f"reads {guess.read} of {guess.seen} amounts; the others would be rejected")
        )
        for key, value in guess.fits[0].items():
            if (key, value) not in {("negative", "leading_minus"), ("grouping", "thousand")}:
                yield line(f"  {key}", value_of(value), f"guessed: {reads}")
        if has_extra_zeros(texts, guess.fits[0]):
            yield line("  extra_zeros", "true", "guessed: zeros behind the second decimal")

    def _currency(self) -> Iterator[str]:
        column = self.decided.currency
        stated, why = self.decided.currency_known
        missing = self.decided.count - (
            len(self.decided.columns[column.place].filled) if column.source else 0
        )
        if missing and stated and not column.source:
            yield line("currency", stated, f"guessed: {why}")
        elif missing:
            who = f"{missing} records do not state it" if column.source else "no column states it"
            hint = self.decided.currency_hint()
            yield self._open(
                "currency",
                "currency",
                f"{column.why if column.is_open else who}; the code, such as ZAR"
                + (f" ({hint})" if hint else ""),
            )
        mapped = self.decided.currency_map
        if column.source and column.source == mapped[0].source:
            yield line("currency_map", value_of(mapped[1]), "guessed: codes in other letters")
        phones = self.columns.get("customer_phone", Choice()).source
        national = sum(
            not text.startswith("+")
            for each in self.decided.columns
            if each.name in _listed(phones)
            for text in each.filled
        )
        if national:
            why = f"{national} phone numbers have no country code; whose they are, such as ZA"
            yield self._open("phone_region", "phone_region", why)

    def _dates(self) -> Iterator[str]:
        """The formats of all dates that are mapped; of balances none."""
        readings = self.decided.date_readings
        if self.decided.layout != "bill" or not readings:
            return
        unsure = [guess for guess in readings.values() if not guess.sure]
        if unsure:
            fits = [each.format for each in unsure[0].fits]
            why = f"{' and '.join(fits)} read them as different days" if fits else self.decided.why_no_format
            yield self._open("date_formats", "date_formats", why).replace(
                quoted(OPEN), f"[{quoted(OPEN)}]", 1
            )
            return
        found = list(dict.fromkeys(guess.fits[0] for guess in readings.values()))
        total = sum(guess.seen for guess in readings.values())
        read = sum(guess.read for guess in readings.values())
        said = (
            f"reads all {total} dates"
            if read == total
            else f"reads {read} of {total} dates; the others would be rejected"
        )
        yield line(
            "date_formats", listing(list(dict.fromkeys(each.format for each in found))), f"guessed: {said}"
        )
        languages = {each.language for each in found} - {"en"}
        if languages:
            yield line("date_language", sorted(languages)[0], "guessed: names of months")

    def _records(self) -> Iterator[str]:
        """What records are, what they are to each other, and characters of references."""
        items, lines = self.decided.items, self.decided.lines
        if items.source:
            yield line("items", value_of(items.source), items.why)
        elif items.is_open:
            yield self._open("items", "items", items.why)
        if self.decided.zeros:
            yield line(
                "nothing_due", "skip", f"guessed: {self.decided.zeros} bills are of 0, so nothing is due"
            )
        if lines.sums:
            yield line("line_items", "sum", f"guessed: {lines.why}")
        elif lines.is_open:
            yield self._open(
                "line_items",
                "line_items",
                f"sum adds them up; without this key they are rejected; {lines.why}",
            )
        places = [
            choice.place
            for canonical, choice in self.columns.items()
            if canonical.endswith("_reference") and choice.place >= 0
        ]
        replaced = self.decided.replacements(places)
        if replaced:
            pairs = ", ".join(f"{quoted(odd)}: {quoted(instead)}" for odd, instead in replaced.items())
            yield line(
                "reference_replace", f"{{{pairs}}}", "guessed: the API does not take these in references"
            )

    def _columns(self) -> Iterator[str]:
        yield "    columns:"
        for canonical, choice in self.columns.items():
            key = f"  {key_of(canonical)}"
            if canonical == AMOUNT[self.decided.layout]:
                amount = self.decided.amount
                if amount.source is None:
                    yield self._open(key, f"columns.{canonical}", amount.why)
                else:
                    yield line(key, value_of(amount.source), amount.why)
            elif choice.is_open:
                optional = "; or remove this line" if canonical in ("bill_date", "due_date") else ""
                yield self._open(key, f"columns.{canonical}", choice.why + optional)
            else:
                yield line(key, value_of(choice.source), choice.why)

    def _expect(self) -> Iterator[str]:
        """Ranges around what this file is like; of its amounts only rounded medians are told."""
        ranges = []
        if self.whole and self.decided.count:
            count = self.decided.count
            ranges.append(f"records: [{max(1, count // 10)}, {10 ** len(str(10 * count))}]")
        median = self._median_range()
        if median is not None:
            major, minor = (_median(low, high) for low, high in (median, [each / 100 for each in median]))
            if self.has_decimals:
                ranges.append(major)
            else:
                yield f"    # so that a wrong unit is seen, add to expect: {major}  (unit: major)"
                yield f"    #                                      or: {minor}  (unit: minor)"
        if ranges:
            yield line("expect", f"{{{', '.join(ranges)}}}", "guessed: a tenth to ten times of this file")

    def _median_range(self) -> tuple[Decimal, Decimal] | None:
        choice, guess = self.decided.amount, self.decided.style
        if not guess.sure or not isinstance(choice.source, str):
            return None
        (column,) = choice.columns
        currency = self.decided.currency
        groups = self.decided.columns[currency.place].texts if currency.source else ("",) * len(column.texts)
        pairs = [(text, group) for text, group in zip(column.texts, groups, strict=True) if text]
        texts, currencies = zip(*pairs, strict=True)
        return usual_range(texts, currencies, guess.fits[0])

    def _loose_ends(self, unsure: Sequence[str]) -> Iterator[str]:
        sources = [text for choice in self.columns.values() for text in _listed(choice.source)]
        sources += [each.name for each in self.decided.amount.columns if self.decided.amount.source]
        sources += _sign_of(self.decided.amount)
        used = {*sources, *(part for source in sources for part in PART.findall(source))}
        left = [column for column in self.table.names if column not in used]
        if left:
            yield f"    # not mapped, so ignored with a note: {listing(left)}"
            yield "    # keep one with metadata.<key>: <column>, or all with unmapped: metadata"
        if self.seen.format in ("ndjson", "json"):
            yield "    # does a .ctl file with totals come with it? declare them: control"
        elif self.whole:
            yield "    # does the file end with a line of totals, or come with a .ctl file? declare them: control"
        yield from (f"    # unsure: {printable(each)}" for each in unsure)


def _sign_of(choice: AmountChoice) -> list[str]:
    return [choice.source["sign"]] if isinstance(choice.source, dict) and "sign" in choice.source else []


def _median(low: Decimal, high: Decimal) -> str:
    return f'amount_median: ["{low:.4f}", "{high:.4f}"]'.replace('00"', '"')


def _why_encoding(encoding: Guess[Any]) -> str:
    if len(encoding.fits) == 1:
        return "guessed"
    return f"guessed: not UTF-8; bytes do not tell {' or '.join(encoding.fits)} apart"


def _undecided_amounts(guess: Guess[dict[str, Any]]) -> str:
    if not guess.seen:
        return "no amounts seen"
    if not guess.fits:
        return "no single style reads all amounts; give decimal, thousands, negative and currency_sign"
    readings = (f"decimal {quoted(each['decimal'])} with {_thousands(each)}" for each in guess.fits[:3])
    return f"they can be read in {len(guess.fits)} ways: {' or '.join(readings)}"


def _thousands(style: dict[str, Any]) -> str:
    return f"thousands {quoted(style['thousands'])}" if "thousands" in style else "no thousands"


def _listed(source: str | list[str] | None) -> list[str]:
    return [] if source is None else source if isinstance(source, list) else [source]
