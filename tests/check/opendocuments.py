"""Small ODS workbooks, written by hand: as LibreOffice would, or as somebody with bad intentions would."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from tests.check.workbooks import zipped

NAMES = (
    " ".join(
        f'xmlns:{each}="urn:oasis:names:tc:opendocument:xmlns:{each}:1.0"'
        for each in ("office", "table", "text", "style", "manifest", "drawing")
    )
    + ' xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
KIND = "application/vnd.oasis.opendocument.spreadsheet"

Cell = str | int | None


def value(kind: str, facts: Mapping[str, str] | None = None, shown: str = "") -> str:
    """A cell of that value type; `facts` are its other attributes."""
    stated = "".join(f" {name}={quoteattr(text)}" for name, text in (facts or {}).items())
    typed = f' office:value-type="{kind}"' if kind else ""
    paragraphs = shown if shown.startswith("<") or not shown else f"<text:p>{escape(shown)}</text:p>"
    return f"<table:table-cell{typed}{stated}>{paragraphs}</table:table-cell>"


def number(raw: str, kind: str = "float") -> str:
    """A number exactly as it is in the XML, shown rounded."""
    return value(kind, {"office:value": raw}, "R 0.00")


def text(content: str) -> str:
    return value("string", {}, content)


def date(raw: str) -> str:
    return value("date", {"office:date-value": raw}, "20.11.26")


def row(*cells: Cell, **facts: str) -> str:
    """Cells: a text, a number, nothing, or XML of this module. `facts`: attributes, such as `visibility`."""
    stated = "".join(f' table:{name.replace("_", "-")}="{each}"' for name, each in facts.items())
    return f"<table:table-row{stated}>{''.join(map(_cell, cells))}</table:table-row>"


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, int):
        return number(str(cell))
    return cell if cell.startswith("<table:") else text(cell)


def sheet(*rows: str, name: str = "Bills", style: str = "") -> str:
    styled = f' table:style-name="{style}"' if style else ""
    return f"<table:table table:name={quoteattr(name)}{styled}>{''.join(rows)}</table:table>"


def opendocument(
    *sheets: str, styles: str = "", kind: str = KIND, parts: Mapping[str, str | bytes] | None = None
) -> bytes:
    """An ODS of these sheets; `parts` are added, or replace ours."""
    content = (
        f"<office:document-content {NAMES}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{''.join(sheets)}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    whole: dict[str, str | bytes] = {
        "mimetype": kind,
        "content.xml": content,
        "META-INF/manifest.xml": f"<manifest:manifest {NAMES}/>",
        "Configurations2/menubar/": b"",
        **(parts or {}),
    }
    return zipped(whole)
