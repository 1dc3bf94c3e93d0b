"""A feed proposed for an unknown file, as commented YAML. A person confirms it; nothing is applied by itself.

What a person must decide is left as `"?"`, which the config refuses. Only names of columns and of the file stand in a
proposal, never a value of a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from pipeline.core.mapping import dialect_detection
from pipeline.core.mapping.dialect_detection import Guess
from pipeline.core.mapping.feed_validation import OPEN
from pipeline.core.mapping.layout import AMOUNT, CANONICAL, PART, REQUIRED, is_canonical
from pipeline.core.names import printable
from pipeline.errors import UsageError
from schemas.feed import Format, Model

_NAMES = {
    "customer_reference": "customerreference customerid customerno customernumber customercode custno clientid clientno"
    " clientnumber member memberid memberno membernumber subscribernumber debtorno debtornumber"
    " saidentificationnumber idnumber passportnumber",
    "customer_name": "customername clientname fullname name accountholder",
    "customer_email": "customeremail email emailaddress mail",
    "customer_phone": "customerphone mobilephonenumber mobile mobilenumber cell cellphone cellnumber phone phonenumber"
    " telephone msisdn",
    "account_reference": "accountreference accountid accountno accountnumber account policy policyno policynumber"
    " contractnumber",
    "account_name": "accountname accountdescription",
    "bill_reference": "billreference billid billno billnumber invoice invoiceid invoiceno invoicenumber statementnumber"
    " documentnumber",
    "currency": "currency currencycode ccy curr",
    "amount_due": "amountdue amountpayable totaldue amount total premium outstanding",
    "balance": "balance accountbalance currentbalance closingbalance balancedue",
    "bill_date": "billdate invoicedate statementdate issuedate",
    "due_date": "duedate paymentduedate paymentdate collectiondate payby",
}
"""Canonical column → header names that mean it, in small letters and digits alone; likelier ones first."""
_FIRST, _LAST = {"firstname", "forename", "givenname"}, {"lastname", "surname", "familyname"}
_DATES_IN_NAMES = ((r"(?<!\d)20\d\d-\d\d-\d\d(?!\d)", "%Y-%m-%d"), (r"(?<!\d)20\d{6}(?!\d)", "%Y%m%d"))
"""Pattern of a date in a file name → its format."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """`yaml` belongs below `feeds:`. `open_keys` are those that a person must set before the config is taken."""

    yaml: str
    open_keys: tuple[str, ...]


def propose(
    name: str, head: bytes, *, whole: bool, workbook: Format | None = None, notes: Sequence[str] = ()
) -> Proposal:
    """Propose a feed for a file by its name and first bytes.

    `whole`: whether `head` is all of the file. `workbook`: the format of the
    workbook of which the bytes are our CSV. `notes`: what else
    was seen, repeated in the proposal. Raises UsageError when it is no table with a header.
    """
    written = _read(name, head, whole=whole, workbook=workbook)
    header, *rows = written.rows
    if len(header) < 2 or not dialect_detection.looks_like_header(header):
        seen = f" ({printable('; '.join(notes))})" if notes else ""
        raise UsageError(
            problem=f"the first line of {name} does not look like a header{seen}",
            remedy="add one that names each column",
        )
    table = _Table(name, [each.strip() for each in header], [row for row in rows if len(row) == len(header)])
    return table.proposal(written, notes, whole=whole)


@dataclass(frozen=True, slots=True)
class _Written:
    """How a file is written, as far as its beginning shows, and its first rows, the header among them."""

    format: Format
    encoding: Guess[str]
    delimiter: Guess[str]
    rows: list[list[str]]


def _read(name: str, head: bytes, *, whole: bool, workbook: Format | None) -> _Written:
    """Encoding, delimiter and rows of a beginning, of which an incomplete last line is left out."""
    encoding = dialect_detection.guess_encoding(head, whole=whole)
    text = dialect_detection.decoded(head, encoding.fits[0])
    none: Guess[str] = Guess((), 0)
    if workbook:
        return _Written(workbook, none, none, dialect_detection.rows_of(text, ",") or [[]])
    text = text if whole else text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    if text.lstrip().startswith("{"):
        rows = dialect_detection.objects_of(text)
        if not rows:
            raise UsageError(
                problem=f"{name} looks like NDJSON, but none of its lines is a JSON object",
                remedy="write one object on each line",
            )
        return _Written("ndjson", encoding, none, rows)
    delimiter = dialect_detection.guess_delimiter(text)
    if not delimiter.fits:
        raise UsageError(
            problem=f"{name} is not delimited text: no delimiter gives rows of equal width",
            remedy="init --from reads CSV with a header, workbooks and NDJSON",
        )
    return _Written("csv", encoding, delimiter, dialect_detection.rows_of(text, delimiter.fits[0]))


class _Table:
    """The first rows of a file, and what its columns are taken for."""

    def __init__(self, name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.name, self.header, self.rows = name, header, rows
        self.open_keys: list[str] = []
        self.has_decimals = False
        found = {canonical: self._named(names.split()) for canonical, names in _NAMES.items()}
        self.model: Model = _model(found)
        self.columns = dict(self._mapped(found))

    def proposal(self, written: _Written, notes: Sequence[str], *, whole: bool) -> Proposal:
        """The lines of YAML, in the order of the documentation. Fills `open_keys`."""
        lines = [
            *self._head(written, notes),
            *self._amount(),
            *self._currency(),
            *self._dates(),
            *self._columns(),
            *self._expect(whole=whole),
            *self._loose_ends(written.format, whole=whole),
        ]
        return Proposal("\n".join(lines) + "\n", tuple(self.open_keys))

    # -- what the columns are --

    def _named(self, names: Sequence[str]) -> list[str]:
        plain = {_plain(column): column for column in reversed(self.header)}
        return [plain[name] for name in names if name in plain]

    def _mapped(self, found: Mapping[str, list[str]]) -> Iterator[tuple[str, str | list[str]]]:
        """Canonical column → the file's columns, or a template; required ones without any are left open."""
        amount = AMOUNT[self.model]
        sources: dict[str, str | list[str]] = {
            canonical: columns if canonical == "customer_reference" and len(columns) > 1 else columns[0]
            for canonical, columns in found.items()
            if columns
        }
        if (money := found["amount_due"] or found["balance"]) and amount not in sources:
            sources[amount] = money[0]
        if (first := self._named(sorted(_FIRST))) and (last := self._named(sorted(_LAST))):
            sources["customer_name"] = f"{{{first[0]}}} {{{last[0]}}}"
        if "customer_reference" not in sources and "account_reference" in sources:
            sources["customer_reference"] = sources["account_reference"]
        for canonical in CANONICAL[self.model]:
            if canonical in sources:
                yield canonical, sources[canonical]
            elif canonical in REQUIRED[self.model] and canonical != "currency":
                self.open_keys.append(f"columns.{canonical}")
                yield canonical, OPEN
        yield from ((each, each) for each in self.header if "." in each and is_canonical(each, self.model))
        if self.model != "bill":
            dates = [name for name in ("bill_date", "due_date") if name in sources]
            yield from ((f"metadata.{name}", sources[name]) for name in dates)

    def _texts(self, canonical: str) -> list[str]:
        source = self.columns.get(canonical)
        if not isinstance(source, str) or source not in self.header:
            return []
        place = self.header.index(source)
        return [row[place].strip() for row in self.rows if row[place].strip()]

    # -- what is written --

    def _head(self, written: _Written, notes: Sequence[str]) -> Iterator[str]:
        match, dated = _match(self.name)
        yield f"  # Proposed for {_quoted(self.name)} from its first {len(self.rows)} records. Confirm what is"
        yield "  # guessed, set what says SET THIS (it is refused until then), then try it: billferry validate FILE"
        yield from (f"  # {printable(note)}" for note in notes)
        yield f"  - name: {_slug(self.name)}"
        yield _line(
            "match", _quoted(match), "guessed: the date in the name" if dated else "guessed: no date seen"
        )
        yield _line("model", self.model, f"guessed: {_why(self.model)}")
        if written.format != "csv":
            yield _line("format", written.format, "guessed: what this one is; any other is refused then")
        if written.encoding.fits:
            yield _line("encoding", written.encoding.fits[0], _why_encoding(written.encoding))
        if written.delimiter.fits:
            first, *others = written.delimiter.fits
            also = f"; {_quoted(' '.join(others))} would fit as well" if others else ""
            yield _line("delimiter", _quoted(first), f"guessed: rows are of one width{also}")

    @cached_property
    def _amounts(self) -> Guess[dict[str, Any]]:
        """The styles that read the amounts: trying them all is the dearest part of a proposal, so it is done once."""
        return dialect_detection.guess_amounts(self._texts(AMOUNT[self.model]))

    def _amount(self) -> Iterator[str]:
        texts, guess = self._texts(AMOUNT[self.model]), self._amounts
        self.open_keys.append("amount.unit")
        yield "    amount:"
        decimals = dialect_detection.has_decimals(texts, guess.fits[0]) if guess.fits else 0
        self.has_decimals = decimals > 0
        seen = (
            f"{decimals} of {len(texts)} amounts have decimals"
            if guess.fits
            else f"{len(texts)} amounts seen"
        )
        yield _line("  unit", _quoted(OPEN), f"SET THIS: major (240.00 rand) or minor (24000 cents); {seen}")
        if not guess.sure:
            self.open_keys.append("amount.decimal")
            yield _line("  decimal", _quoted(OPEN), f"SET THIS: {_undecided_amounts(guess)}")
            return
        for key, value in guess.fits[0].items():
            if (key, value) not in {("negative", "leading_minus"), ("grouping", "thousand")}:
                yield _line(f"  {key}", _quoted(value), f"guessed: reads all {guess.seen} amounts")

    def _currency(self) -> Iterator[str]:
        unstated = len(self.rows) - len(self._texts("currency"))
        if unstated:
            self.open_keys.append("currency")
            who = (
                f"{unstated} records do not state it" if "currency" in self.columns else "no column states it"
            )
            yield _line("currency", _quoted(OPEN), f"SET THIS: {who}; the code, such as ZAR")
        national = sum(not text.startswith("+") for text in self._texts("customer_phone"))
        if national:
            yield f"    # phone_region: ZA    # {national} phone numbers have no country code; set whose they are"

    def _dates(self) -> Iterator[str]:
        if self.model != "bill":
            return
        texts = self._texts("bill_date") + self._texts("due_date")
        guess = dialect_detection.guess_dates(texts)
        if guess.sure:
            yield _line(
                "date_formats", f"[{_quoted(guess.fits[0])}]", f"guessed: reads all {guess.seen} dates"
            )
        elif texts:
            self.open_keys.append("date_formats")
            fits = (
                f"{' and '.join(guess.fits)} read them as different days"
                if guess.fits
                else "no usual format fits"
            )
            yield _line("date_formats", f"[{_quoted(OPEN)}]", f"SET THIS: {fits}")

    def _columns(self) -> Iterator[str]:
        yield "    columns:"
        for canonical, source in self.columns.items():
            if source == OPEN:
                yield _line(f"  {_key(canonical)}", _quoted(OPEN), "SET THIS: no header name looks like it")
            else:
                written = _listing(source) if isinstance(source, list) else _quoted(source)
                yield _line(f"  {_key(canonical)}", written, "guessed by the name in the header")

    def _expect(self, *, whole: bool) -> Iterator[str]:
        """Ranges around what this file is like; of its amounts only rounded medians are told."""
        ranges = []
        if whole and self.rows:
            count = len(self.rows)
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
            yield _line("expect", f"{{{', '.join(ranges)}}}", "guessed: a tenth to ten times of this file")

    def _median_range(self) -> tuple[Decimal, Decimal] | None:
        source, currency = self.columns.get(AMOUNT[self.model]), self.columns.get("currency")
        guess = self._amounts
        if not guess.sure or not isinstance(source, str) or source not in self.header:
            return None
        place = self.header.index(source)
        groups = (
            self.header.index(currency) if isinstance(currency, str) and currency in self.header else None
        )
        pairs = [
            (row[place].strip(), row[groups].strip() if groups is not None else "")
            for row in self.rows
            if row[place].strip()
        ]
        texts, currencies = zip(*pairs, strict=True)
        return dialect_detection.usual_range(texts, currencies, guess.fits[0])

    def _loose_ends(self, written: Format, *, whole: bool) -> Iterator[str]:
        sources = [each for source in self.columns.values() for each in _listed(source)]
        used = {*sources, *(part for source in sources for part in PART.findall(source))}
        left = [column for column in self.header if column not in used]
        if left:
            yield f"    # not mapped, so ignored with a note: {_listing(left)}"
            yield "    # keep one with metadata.<key>: <column>, or all with unmapped: metadata"
        if written == "ndjson":
            yield "    # does a .ctl file with totals come with it? declare them: control"
        elif whole:
            yield "    # does the file end with a line of totals, or come with a .ctl file? declare them: control"


def _median(low: Decimal, high: Decimal) -> str:
    return f'amount_median: ["{low:.4f}", "{high:.4f}"]'.replace('00"', '"')


def _model(found: Mapping[str, list[str]]) -> Model:
    """By the references that the header has: a bill's, an account's beside a customer's, or a customer's alone."""
    if found["bill_reference"]:
        return "bill"
    return (
        "account_balance"
        if found["account_reference"] and found["customer_reference"]
        else "customer_balance"
    )


def _why(model: Model) -> str:
    return {
        "bill": "there is a reference of a bill",
        "account_balance": "no reference of a bill, but accounts of customers",
        "customer_balance": "no reference of a bill, so a row is what one customer owes",
    }[model]


def _why_encoding(encoding: Guess[str]) -> str:
    if len(encoding.fits) == 1:
        return "guessed"
    return f"guessed: not UTF-8; bytes do not tell {' or '.join(encoding.fits)} apart"


def _undecided_amounts(guess: Guess[dict[str, Any]]) -> str:
    if not guess.seen:
        return "no amounts seen"
    if not guess.fits:
        return "no single style reads all amounts; give decimal, thousands, negative and currency_sign"
    readings = (f"decimal {_quoted(each['decimal'])} with {_thousands(each)}" for each in guess.fits[:3])
    return f"they can be read in {len(guess.fits)} ways: {' or '.join(readings)}"


def _thousands(style: Mapping[str, Any]) -> str:
    return f"thousands {_quoted(style['thousands'])}" if "thousands" in style else "no thousands"


def _match(name: str) -> tuple[str, bool]:
    """A pattern that fits the name and those of other days, and whether a date was found in it."""
    safe = name.replace("{", "*").replace("}", "*")
    for pattern, date_format in _DATES_IN_NAMES:
        if found := re.search(pattern, safe, re.ASCII):
            return f"{safe[: found.start()]}{{date:{date_format}}}{safe[found.end() :]}", True
    return safe, False


def _slug(name: str) -> str:
    """A feed's name made of the file's: small letters and hyphens, at most 63 characters."""
    words = re.findall(r"[a-z]+", name.lower().partition(".")[0], re.ASCII)
    return "-".join(words)[:63].rstrip("-") or "proposed"


def _plain(column: str) -> str:
    """As `_NAMES` writes names."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _key(canonical: str) -> str:
    return canonical if re.fullmatch(r"[a-z_.]+", canonical, re.ASCII) else _quoted(canonical)


def _listed(source: str | list[str]) -> list[str]:
    return source if isinstance(source, list) else [source]


def _quoted(text: str) -> str:
    """A YAML scalar; what cannot be seen is escaped."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _listing(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _line(key: str, value: str, comment: str) -> str:
    """One key of the feed, with a comment that says how it was found."""
    return f"    {key}: {value}".ljust(44) + f"  # {comment}"
