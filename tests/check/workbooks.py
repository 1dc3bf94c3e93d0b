"""Small XLSX workbooks, written by hand: as Excel would, or as somebody with bad intentions would."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DATE, DATE_TIME, PERCENT, EURO, TIME = 1, 2, 3, 4, 5
"""Styles of `STYLES`; 0 is General."""
STYLES = f"""<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/>
<numFmt numFmtId="165" formatCode="[$€-2] #,##0.00 &quot;paid&quot;_d"/></numFmts>
<cellStyleXfs count="1"><xf numFmtId="14"/></cellStyleXfs>
<cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="22"/><xf numFmtId="10"/><xf numFmtId="165"/>
<xf numFmtId="46"/></cellXfs></styleSheet>"""

Cell = str | int | None


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def number(raw: str, style: int = 0) -> str:
    """A number exactly as it stands in the XML."""
    return f'<c s="{style}"><v>{raw}</v></c>'


def row(*cells: Cell, at: int | None = None) -> str:
    """Cells: a text, a number, nothing, or XML of this module."""
    place = "" if at is None else f' r="{at}"'
    return f"<row{place}>{''.join(map(_cell, cells))}</row>"


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<c/>"
    if isinstance(cell, int):
        return number(str(cell))
    return cell if cell.startswith("<c") else text(cell)


def sheet(*rows: str, behind: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData>{behind}</worksheet>'


def workbook(
    sheets: Mapping[str, str] | str,
    *,
    shared: Sequence[str] = (),
    hidden: Sequence[str] = (),
    properties: str = "",
    parts: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """An XLSX of sheets by name, in order. `shared` are `si` contents; `parts` are added, or replace ours."""
    named = {"Bills": sheets} if isinstance(sheets, str) else sheets
    listed = "".join(
        f"<sheet name={quoteattr(name)} sheetId='{at}' r:id='rId{at}'"
        f"{' state=' + quoteattr('hidden') if name in hidden else ''}/>"
        for at, name in enumerate(named, 1)
    )
    relations = "".join(
        f'<Relationship Id="rId{at}" Type="{RELATIONS}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at in range(1, len(named) + 1)
    )
    relations += f'<Relationship Id="s1" Type="{RELATIONS}/styles" Target="styles.xml"/>'
    relations += f'<Relationship Id="s2" Type="{RELATIONS}/sharedStrings" Target="/xl/sharedStrings.xml"/>'
    package = "http://schemas.openxmlformats.org/package/2006"
    content: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r" '
        f'Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{properties}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">{relations}</Relationships>',
        "xl/styles.xml": STYLES,
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{"".join(f"<si>{each}</si>" for each in shared)}</sst>',
        **{f"xl/worksheets/sheet{at}.xml": xml for at, xml in enumerate(named.values(), 1)},
        **(parts or {}),
    }
    return zipped(content)


def zipped(content: Mapping[str, str | bytes]) -> bytes:
    """A zip of these, the same bytes each time."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 20, 6, 0, 0)), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
