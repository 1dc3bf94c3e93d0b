"""Rejects of every format and encoding: what was wrong is mended as bytes, everything else stays as it was sent."""

from __future__ import annotations

import codecs
import gzip
import json
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from xml.sax.saxutils import escape

import pytest

from pipeline.core.mapping.file_names import REJECT_COLUMNS
from tests.check import old_workbooks, opendocuments
from tests.check.workbooks import row, sheet, workbook, zipped
from tests.seeds import SOAK
from tests.stories.merchant import Merchant, Said
from tests.zstandard import zstd

COLUMNS = (
    "customer_reference",
    "customer_name",
    "customer_email",
    "account_reference",
    "bill_reference",
    "amount_due",
    "due_date",
)
BREAK = "<break>"
"""A line break of the file inside of a field."""
RECORDS = [
    ["C-1", "Good", "good@example.com", "A-1", "B-1", "10.00", "2030-01-31"],
    ["C-2", 'Anél "Nel", Öst', "john@", "A-2", "B-2", "20.00", "2030-01-31"],
    ["C-3", f"Café{BREAK}Ground floor; left|right\tor", "", "A/3", "B-3", "30.01", "2030-01-31"],
    ["C-4", f"Good{BREAK}too", "", "A-4", "B-4", "0.99", "2030-01-31"],
    ["C-5", "No such day", "", "A-5", "B-5", "40.00", "2030-02-30"],
]
REJECTED = RECORDS[1], RECORDS[2], RECORDS[4]
NUMBERS = "2", "3", "5"
CORRECTIONS = {"john@": "john@example.com", "A/3": "A-3", "2030-02-30": "2030-02-28"}
TOTAL = 10100


@dataclass(frozen=True)
class Way:
    """One way to write the same bills."""

    name: str
    encoding: str = "utf-8"
    mark: bytes = b""
    line_end: str = "\n"
    delimiter: str = ","
    pack: Callable[[bytes], bytes] = bytes

    @property
    def is_json(self) -> bool:
        return ".ndjson" in self.name

    @property
    def is_workbook(self) -> bool:
        return self.name.endswith((".xlsx", ".ods", ".xls"))

    @property
    def file_name(self) -> str:
        return f"x_bills_2030-01-01{self.name}"

    @property
    def feed(self) -> dict[str, str]:
        return {
            "delimiter": self.delimiter,
            "encoding": self.encoding.removesuffix("-le").removesuffix("-be"),
        }

    def content(self) -> bytes:
        if self.is_workbook:
            rows = [[field.replace(BREAK, "\n") for field in record] for record in RECORDS]
            if self.name == ".ods":
                cells = [
                    opendocuments.row(*COLUMNS),
                    *(opendocuments.row(*map(as_paragraphs, each)) for each in rows),
                ]
                return opendocuments.opendocument(opendocuments.sheet(*cells))
            if self.name == ".xls":
                written = (old_workbooks.row(at, *each) for at, each in enumerate([list(COLUMNS), *rows]))
                return old_workbooks.old_workbook(b"".join(written))
            return workbook(sheet(row(*COLUMNS), *(row(*each) for each in rows)))
        lines = [self.header(), *map(self.line, RECORDS)] if not self.is_json else map(self.line, RECORDS)
        return self.pack(self.mark + b"".join(line + self.encoded(self.line_end) for line in lines))

    def header(self) -> bytes:
        return self.encoded(self.delimiter.join(COLUMNS))

    def line(self, record: list[str]) -> bytes:
        if self.is_json:
            fields = dict(
                zip(COLUMNS, (field.replace(BREAK, self.line_end) for field in record), strict=True)
            )
            return self.encoded(json.dumps(fields, ensure_ascii=False, separators=(" , ", " : ")))
        return self.encoded(self.delimiter.join(map(self.quoted, record)))

    def quoted(self, field: str) -> str:
        text = field.replace(BREAK, self.line_end)
        return '"' + text.replace('"', '""') + '"' if set(text) & {self.delimiter, '"', "\r", "\n"} else text

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding)

    def rejects(self, reasons: list[tuple[str, str]], source: str) -> bytes:
        """What the rejects file must be, byte by byte: what was sent, and our columns."""
        lines = []
        for number, record, (codes, message) in zip(NUMBERS, REJECTED, reasons, strict=True):
            ours, line = (codes, message, number, source), self.line(record)
            if self.is_json:
                end = self.encoded("}")
                added = json.dumps(dict(zip(REJECT_COLUMNS, ours, strict=True)), separators=(",", ":"))
                lines.append(line.removesuffix(end) + self.encoded("," + added.removeprefix("{")))
            else:
                lines.append(line + self.encoded("".join(f'{self.delimiter}"{text}"' for text in ours)))
        names = self.encoded("".join(self.delimiter + name for name in REJECT_COLUMNS))
        header = [] if self.is_json else [self.header() + names]
        return self.mark + b"".join(line + self.encoded(self.line_end) for line in [*header, *lines])

    def mended(self, rejects: bytes) -> bytes:
        for wrong, right in CORRECTIONS.items():
            assert rejects.count(self.encoded(wrong)) == 1
            rejects = rejects.replace(self.encoded(wrong), self.encoded(right))
        return rejects


ENCODINGS = [
    ("utf-8", b""),
    ("utf-8", codecs.BOM_UTF8),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
    ("cp1252", b""),
    ("latin-1", b""),
]
LINE_ENDS = ("\n", "\r\n", "\r")
DELIMITERS = cycle([",", ";", "\t", "|", ","])
"""Five, which neither 3 line ends nor 6 encodings fall into step with."""


def as_paragraphs(text: str) -> str:
    """A cell of ODS, each line a paragraph, and tabs as what they are there."""
    lines = escape(text).replace("\t", "<text:tab/>").split("\n")
    return opendocuments.text("".join(f"<text:p>{line}</text:p>" for line in lines))


def zip_of_one(content: bytes) -> bytes:
    return zipped({"inside.txt": content})


def gzip_of(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


WAYS = [
    *(
        Way(name, encoding, mark, line_end, next(DELIMITERS))
        for number, (encoding, mark) in enumerate(ENCODINGS)
        for place, name in enumerate((".csv", ".ndjson"))
        if SOAK or place in {0, number % 2}
        for line_end in (LINE_ENDS if SOAK else [LINE_ENDS[(number + place) % 3]])
    ),
    Way(".csv.gz", pack=gzip_of),
    Way(".csv.gz", "utf-16-le", codecs.BOM_UTF16_LE, "\r\n", ";", gzip_of),
    Way(".csv.xz", pack=lzma.compress),
    Way(".csv.zst", "cp1252", pack=zstd.compress),
    Way(".csv.zip", pack=zip_of_one),
    Way(".csv.zip", "cp1252", b"", "\r", "|", zip_of_one),
    Way(".ndjson.gz", pack=gzip_of),
    Way(".ndjson.zip", "utf-16-be", codecs.BOM_UTF16_BE, "\r\n", pack=zip_of_one),
    Way(".xlsx", mark=codecs.BOM_UTF8),
    Way(".ods", mark=codecs.BOM_UTF8),
    Way(".xls", mark=codecs.BOM_UTF8, delimiter="|"),
    Way(".xlsx", mark=codecs.BOM_UTF8, delimiter=";"),
]


def shown(way: Way) -> str:
    mark = " marked" if way.mark else ""
    return f"{way.name} {way.encoding}{mark} {way.line_end!r} {way.delimiter!r}"


@pytest.fixture(params=WAYS, ids=shown)
def way(request: pytest.FixtureRequest, merchant: Merchant) -> Way:
    """One way, and a merchant whose one feed reads it."""
    chosen: Way = request.param
    merchant.settings["feeds"] = [
        merchant.settings["feeds"][0] | {"match": "*_bills_{date:%Y-%m-%d}*"} | chosen.feed
    ]
    return chosen


def rejects_of(merchant: Merchant, way: Way, said: Said) -> bytes:
    """The rejects file of a file, which must be what was sent, with the reasons that results.csv gives."""
    assert said.outcomes()["rejected"] == len(REJECTED)
    folder = merchant.report(said.file)
    reasons = [
        (row["codes"], row["message"]) for row in merchant.results(said) if row["outcome"] == "rejected"
    ]
    found: bytes = (folder / f"rejects.{'ndjson' if way.is_json else 'csv'}").read_bytes()
    assert found == way.rejects(reasons, folder.name)
    return found


def test_rejects_are_what_was_sent_and_load_when_only_what_is_wrong_is_mended(
    merchant: Merchant, way: Way
) -> None:
    merchant.write(way.file_name, way.content(), merchant.drop)
    first = merchant.run()
    assert first.outcomes() == {"created": 2, "rejected": 3}
    rejects = rejects_of(merchant, way, first)

    again = merchant.load(merchant.write("not-mended", rejects))
    assert again.outcomes() == {"rejected": 3}
    assert [row["codes"] for row in merchant.results(again)] == [
        row["codes"] for row in merchant.results(first) if row["outcome"] == "rejected"
    ]
    rejects = rejects_of(merchant, way, again)

    merchant.write("mended-by-hand", way.mended(rejects), merchant.drop)
    second = merchant.run()
    assert (second.exit_status, second.state, second.outcomes()) == (0, "loaded", {"created": 3})
    sums, rest = (said.file["amounts_minor"]["ZAR"] for said in (first, second))
    assert sums["total"] == sums["created"] + rest["created"] == TOTAL
    assert sorted(merchant.held("bills")) == ["B-1", "B-2", "B-3", "B-4", "B-5"]
    names = [customer["name"] for customer in merchant.held("customers").values()]
    assert any("Anél" in (name or "") for name in names)
