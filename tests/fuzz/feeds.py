"""Random feeds, every key of them, and random files for each: each seed gives the same pair, for ever."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import unicodedata
from itertools import cycle
from typing import Any

from pydantic import ValidationError

from pipeline.core.mapping.feed_validation import feed_problems
from pipeline.core.mapping.layout import CANONICAL, REQUIRED
from pipeline.core.rules.catalogue import RULES
from pipeline.core.values.amount_text import exponents
from pipeline.core.values.date_formats import DIRECTIVES
from schemas.feed import Feed, Model
from tests.check import old_workbooks, opendocuments, workbooks
from tests.fuzz.fitting import value_for
from tests.fuzz.odd_values import VALUES

MODELS: tuple[Model, ...] = ("bill", "account_balance", "customer_balance")
RECORD_CODES = [code for code in RULES if not code.startswith("file.")]
PART = "{file.part}"
ITEMS = "l"
"""A list in objects."""
XLS_SHARE = 0.01
"""Each takes a process of its own."""
SOURCES = ("c1", "c2", "c3", "c4", "c5", "c6", "sign", "debit", "credit", "na me", "naïve")


def sometimes(chance: random.Random, facts: dict[str, Any], share: float = 0.25) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if chance.random() < share}


def random_amount(chance: random.Random) -> dict[str, Any]:
    negative = chance.choice(["leading_minus", "trailing_minus", "parentheses", "cr", "unicode_minus"])
    facts: dict[str, Any] = {"unit": "minor", **sometimes(chance, {"negative": negative})}
    if chance.random() < 0.6:
        decimal = chance.choice([".", ","])
        grouped = chance.choice(
            ["space", "u+00a0", "\u00a0", "\u202f", "." if decimal == "," else ",", "'", "\u2019"]
        )
        facts |= {"unit": "major"} | sometimes(chance, {"decimal": decimal, "thousands": grouped})
        facts |= sometimes(chance, {"extra_zeros": chance.random() < 0.5, "float_noise": True})
        facts |= sometimes(chance, {"implied_decimals": chance.choice([1, 2, 3])}, 0.1)
        facts |= {"grouping": chance.choice(["thousand", "lakh"])} if "thousands" in facts else {}
    signs = ["R", "€", "ZAR", "{currency}", "$", "\\", "[", "R.", "^"]
    return facts | sometimes(chance, {"currency_sign": chance.choice(signs)})


def random_date_format(chance: random.Random) -> str:
    if chance.random() < 0.6:
        return chance.choice(
            ["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%y", "%d. %B %Y", "%Y%m%d", "%Y-%m-%d %H:%M:%S"]
        )
    parts = [f"%{chance.choice(DIRECTIVES)}" for _ in range(chance.randrange(6))]
    return "".join(part + chance.choice(["-", "/", "", " ", ".", "[", "T", "("]) for part in ["%Y", *parts])


def random_source(chance: random.Random, column: str, one: str) -> Any:
    kinds: list[Any] = [one] * 14
    kinds += [
        [one, chance.choice(SOURCES)],
        f"{{{one}}}-{{{chance.choice(SOURCES)}}}",
        {"const": chance.choice(VALUES)},
    ]
    if column == "due_date":
        kinds.append({"days_after": chance.choice([0, 30, 3650]), "of": "bill_date"})
    kinds += [PART, f"{{{chance.choice(list(CANONICAL['bill']))}}}x"]
    if column in ("amount_due", "balance"):
        kinds = [one, one, {"debit": one, "credit": chance.choice(SOURCES)}]
        kinds.append({"value": one, "sign": "sign", "negative": ["H", "-"], "positive": ["S", ""]})
    return chance.choice(kinds)


def random_columns(chance: random.Random, model: Model) -> dict[str, Any]:
    extra = sometimes(
        chance, dict.fromkeys([*CANONICAL[model], "metadata.k", "customer_metadata.k", "metadata.é"]), 0.4
    )
    wanted = {**dict.fromkeys(REQUIRED[model]), **extra}
    sources = cycle(chance.sample(SOURCES, len(SOURCES)))
    return {column: random_source(chance, column, one) for column, one in zip(wanted, sources, strict=False)}


def random_control(chance: random.Random) -> dict[str, Any]:
    sums: list[dict[str, Any]] = [{"field": 3, **chance.choice([{"currency": "ZAR"}, {"currency_field": 4}])}]
    trailer: dict[str, Any] = {"kind": "trailer", "marker": "T", "records": 2, "sums": sums}
    if chance.random() < 0.2:
        trailer.pop("records")
    control: dict[str, Any] = chance.choice([{"kind": "sidecar"}, trailer])
    hashed: dict[str, Any] = {"hash_total": {"column": chance.choice(SOURCES), "digits": 10, "field": 6}}
    if control["kind"] == "sidecar":
        hashed["hash_total"].pop("field")
    return control | sometimes(chance, {"required": False, **hashed}, 0.3)


def rare_facts(chance: random.Random) -> dict[str, Any]:
    """Those that refuse most files."""
    return {
        "checks": {chance.choice(SOURCES): ["sa_id"]},
        "format": chance.choice(["csv", "xlsx", "ods", "xls", "ndjson", "json"]),
        "sheet": chance.choice(["Sheet1", "none"]),
        "control": random_control(chance),
        "expect": chance.choice([{"records": [1, 5]}, {"amount_median": ["1.00", "5000.00"]}]),
        "max_rejects": chance.choice([0, 3]),
        "on_reject": chance.choice(["load_rest", "refuse_file"]),
        "encoding": chance.choice(["utf-8", "utf-16", "cp1252", "latin-1", "cp437", "gb18030", "cp500"]),
        **random_header(chance),
        "fixed": dict(zip(SOURCES, ([1 + 8 * at, 8] for at in range(len(SOURCES))), strict=True)),
        "short_lines": chance.choice(["reject", "pad"]),
        "header_record": {"starts_with": chance.choice(["title", "sep", "c"])},
    }


def random_header(chance: random.Random) -> dict[str, Any]:
    """Where the header is; it fits the random files sometimes."""
    place = chance.choice(["row", "starts_with", "none"])
    if place == "none":
        return {"header": "none", "names": [*SOURCES, *chance.choice([[], [""], ["", ""]])]}
    return {"header": {place: chance.choice([1, 2, 3, [1, 2]]) if place == "row" else list(SOURCES[:2])}}


def random_items(chance: random.Random, facts: dict[str, Any]) -> dict[str, Any]:
    """A list of items in JSON, of which some columns are read."""
    columns = {
        column: f"{ITEMS}.{source}" if source in SOURCES and chance.random() < 0.6 else source
        for column, source in facts.get("columns", {}).items()
        if isinstance(source, str)
    }
    shape = chance.choice([{}, {"format": "ndjson"}, {"format": "json"}])
    return {"items": ITEMS, "columns": columns, "header": None, "names": None, "fixed": None, **shape}


def random_filters(chance: random.Random) -> dict[str, Any]:
    """Which records are left out; by a column that is there more often than not."""
    listed = chance.choice([*VALUES, chance.sample(VALUES, 3), ["", "ZAR", "C-1"]])
    return {chance.choice(["where", "where_not"]): {chance.choice([*SOURCES[:3], "currency"]): listed}}


def random_facts(chance: random.Random) -> dict[str, Any]:
    """A feed by every key that it may have; it may well be one that the config refuses."""
    model = chance.choice(MODELS)
    columns = sometimes(chance, {"columns": random_columns(chance, model)}, 0.7)
    parts = PART in str(columns) or chance.random() < 0.2
    of_bills = {
        "nothing_due": "skip",
        "due_before_bill_date": "note",
        "line_items": chance.choice(["sum", {"sum": True, "identical": "sum"}]),
    }
    return {
        "name": "f",
        "match": chance.choice(["{part}.*", "{part}*"]) if parts else "*",
        "model": model,
        "amount": random_amount(chance),
        "max_reject_ratio": chance.choice([0.0, 0.5, *[1.0] * 18]),
        **columns,
        **(sometimes(chance, of_bills, 0.3) if model == "bill" else {}),
        **sometimes(chance, rare_facts(chance), 0.06),
        **(random_items(chance, columns) if chance.random() < 0.15 else {}),
    } | sometimes(
        chance,
        {
            "currency": chance.choice(["ZAR", "JPY", "CLF", *exponents()]),
            "phone_region": chance.choice(["ZA", "GB", "US"]),
            "date_formats": [random_date_format(chance) for _ in range(chance.randrange(1, 4))],
            "date_language": chance.choice(["en", "de", "fr", "es", "pt", "af", "nl"]),
            "reference_replace": chance.choice([{"/": "-"}, {" ": ""}, {"é": "e", ".": "_"}]),
            "delimiter": chance.choice([",", ";", "|", "\t", " ", "a", "||", "~|~"]),
            "unmapped": "metadata",
            "expected_codes": chance.sample(RECORD_CODES, 2),
            "may_be_empty": True,
            "blank_records": "skip",
            "bad_details": "leave_out",
            "header_match": "loose",
            "currency_map": chance.choice(
                [{"zar": "ZAR", "R5": "JPY"}, {"€": "EUR", "?": "KWD", "ZAR": "USD"}]
            ),
            **random_filters(chance),
            "footer": {"starts_with": chance.choice(["T", "Total", ["x", "C"], '"'])},
            "release": chance.choice(["always", "first", "never"]),
            "unusual": "load",
        },
        0.3,
    )


def random_feed(chance: random.Random) -> Feed:
    """A feed that the config takes."""
    while True:
        try:
            feed = Feed.model_validate(random_facts(chance))
        except ValidationError:
            continue
        if not feed_problems(feed):
            return feed


def random_file(chance: random.Random, feed: Feed) -> tuple[str, bytes, bytes | None]:
    """Name, content and control file of something that the feed is to read."""
    canonical = feed.columns is None or chance.random() < 0.03
    named = [name for name in CANONICAL["bill"] if f"{{{name}}}" in str(feed.columns)]
    named += [name for name in (f"{ITEMS}.{source}" for source in SOURCES) if name in str(feed.columns)]
    header = list(CANONICAL[feed.model] if canonical else (*SOURCES, *named))
    if chance.random() < 0.5:
        chance.shuffle(header)
    if chance.random() < 0.1:
        header = [unicodedata.normalize("NFD", name).upper() for name in header]
    if chance.random() < 0.03:
        header = header[: chance.randrange(1, len(header) + 1)]
    if chance.random() < 0.03:
        header += [*header[:1], *chance.sample(["reject_codes", "reject_messages", "reject_source", ""], 2)]
    few = chance.sample(VALUES, 8) if chance.random() < 0.7 else VALUES
    fitting = chance.choice([0.0, 0.9, 1.0, 1.0])
    rows = [
        [
            value_for(chance, feed, name, number) if chance.random() < fitting else chance.choice(few)
            for name in header
        ]
        for number in range(chance.choice([0, *[1, 2, 5, 20] * 4]))
    ]
    rows += [list(row) for row in rows[: chance.randrange(3)]]
    likely = ["ndjson", "json"] if feed.items else ["csv", "csv", "csv", "ndjson", "json", "xlsx", "ods"]
    shape: str = feed.format or chance.choice(likely)
    shape = "xls" if chance.random() < XLS_SHARE else shape
    control = (
        json.dumps({"records": len(rows), "amounts": {"ZAR": "10.00"}}).encode()
        if chance.random() < 0.5
        else None
    )
    name = chance.choice(["2026-01-31.csv", "bills.csv", "bills.xlsx", "x.ndjson"])
    return name, _written(chance, feed, shape, header, rows), control


def _written(
    chance: random.Random, feed: Feed, shape: str, header: list[str], rows: list[list[str]]
) -> bytes:
    if shape == "xlsx":
        clean = [[cell.translate(dict.fromkeys(range(32))) for cell in row] for row in [header, *rows]]
        cells = [[_cell(chance, cell) for cell in row] for row in clean]
        return workbooks.workbook(workbooks.sheet(*(workbooks.row(*row) for row in cells)))
    if shape == "xls":
        return old_workbooks.old_workbook(
            b"".join(
                old_workbooks.row(at, *(_xls_cell(chance, cell) for cell in row))
                for at, row in enumerate([header, *rows], chance.choice([0, 0, 2]))
            )
        )
    if shape == "ods":
        kept = [[cell.translate(dict.fromkeys(range(32))) for cell in row] for row in [header, *rows]]
        return opendocuments.opendocument(
            opendocuments.sheet(
                *(opendocuments.row(*(_ods_cell(chance, cell) for cell in row)) for row in kept)
            )
        )
    if shape in ("ndjson", "json"):
        objects = [dict(zip(header, map(_json_value, row), strict=False)) for row in rows]
        made = [json.dumps(each) for each in (_nested(chance, objects) if feed.items else objects)]
        raw = ("\n".join(made) if shape == "ndjson" else f"[{', '.join(made)}]").encode()
    elif feed.fixed is not None:
        objects = [dict(zip(header, row, strict=False)) for row in rows]
        lines = ["".join(f"{each.get(name, ''):<8}"[:8] for name in feed.fixed) for each in objects]
        raw = "\n".join(lines).encode(feed.encoding, "replace")
    else:
        text = io.StringIO(newline="")
        mark = feed.delimiter if len(feed.delimiter) == 1 else "\x1f"
        writer = csv.writer(text, delimiter=mark, lineterminator=chance.choice(["\n", "\r\n"]))
        text.write(chance.choice(["", "", "", "sep=;\r\n", f"sep={feed.delimiter}\n", "title\n", "\n\n"]))
        writer.writerows([header, *rows])
        if chance.random() < 0.3:
            text.write(
                chance.choice(
                    [
                        "T",
                        "T,2,10.00",
                        f"T{feed.delimiter}{len(rows)}{feed.delimiter}10.00",
                        "\n\n",
                        '"',
                        "\x1a",
                        3 * f"{feed.delimiter}\n",
                    ]
                )
            )
        codec = feed.encoding if chance.random() < 0.9 else "utf-8"
        raw = text.getvalue().replace(mark, feed.delimiter).encode(codec, "replace")
    return gzip.compress(raw) if chance.random() < 0.1 else raw


def _nested(chance: random.Random, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Objects with the fields of items in lists, of which some are no lists of objects."""
    made = []
    while objects:
        taken, objects = objects[:2], objects[chance.choice([1, 2]) :]
        own = {key: value for key, value in taken[0].items() if not key.startswith(f"{ITEMS}.")}
        items: list[Any] = [
            {key[len(ITEMS) + 1 :]: value for key, value in each.items() if key not in own} for each in taken
        ]
        if chance.random() < 0.2:
            items = [*items, chance.choice([None, {}, 7, "x", [items]])]
        made.append(own | {ITEMS: chance.choice([*[items] * 8, [], None, items[0]])})
    return made


def _cell(chance: random.Random, text: str) -> str:
    if chance.random() < 0.2:
        return f'<c s="1"><v>{chance.choice(["45000", "45000.5", "1.5", "-3", "1e300", "NaN"])}</v></c>'
    return text.replace("&", "").replace("<", "")


def _ods_cell(chance: random.Random, text: str) -> str:
    if chance.random() < 0.2:
        number = chance.choice(["45000", "45000.5", "1.5", "-3", "1e300", "NaN", "900719925474099.01"])
        return opendocuments.number(number, chance.choice(["float", "currency", "percentage"]))
    if chance.random() < 0.05:
        return opendocuments.date(chance.choice(["2026-11-20", "2026-11-20T06:00:00", "2026-02-30", ""]))
    return opendocuments.text(text.replace("&", "").replace("<", ""))


def _xls_cell(chance: random.Random, text: str) -> old_workbooks.Cell:
    if chance.random() < 0.2:
        number = chance.choice([45000.0, 45000.5, 1.5, -3.0, 1e300, float("nan")])
        return (old_workbooks.number, number, chance.choice([old_workbooks.GENERAL, old_workbooks.DATE]))
    if chance.random() < 0.05:
        return (old_workbooks.error, chance.choice([0x2A, 0x17, 0xFF]))
    return text


def _json_value(text: str) -> Any:
    try:
        return json.loads(text) if text.strip() and len(text) < 15 else text
    except ValueError:
        return text
