"""Rejected records of a file in a table whose cells can be edited, checked, and saved as a correction."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.errors import BillferryError, FileRefused
from pipeline.report.html.wording import records
from pipeline.run.mend import Mending, SentRecord, checked_mending, open_for_mending, save_mending
from pipeline.run.mendable import Mendable, mendable_at_a_glance
from pipeline.run.opened_rejects import Cell, RejectedRecord
from pipeline.serve.page.site import Form, Site, number_asked, visitor_of
from pipeline.serve.page.views.uploads import results_of

RECORDS_ON_PAGE = 25
MAX_CELLS = 500
"""On a page: the first view of it stays below 100 KB. A record is never split."""
MAX_TEXT_BYTES = 32_768
"""Of the values on a page."""
MAX_RECORD_CELLS = 4_000
MAX_RECORD_BYTES = 262_144
"""A record with more than these is corrected in the file: what a form sends has limits."""
MAX_FORM_BYTES = 1 << 20
"""Of what the table sends: in the worst case three bytes for each one of the values, and the names of its fields."""
MAX_FORM_FIELDS = 5_000
_CELL = re.compile(r"c([0-9]{1,18})-([0-9]{1,6})", re.ASCII)
_NUMBERS = re.compile(r"[0-9]{1,18}(?:,[0-9]{1,18})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class MendCell:
    """A value as the table has it."""

    column: str
    field: str | None
    """Name of its input; None: it is only shown."""
    text: str
    is_faulty: bool
    has_lines: bool


@dataclass(frozen=True, slots=True)
class MendRow:
    """A row of the table."""

    number: int
    called: str
    """`line 4`."""
    codes: Sequence[str]
    message: str
    state: str
    """`wrong` as it was rejected; `right` or `still` wrong as it was edited."""
    as_it_is: bool
    cells: Sequence[MendCell]


def mend_link(site: Site, ledger: Ledger, row: FileRow) -> Mendable | None:
    """What the page of a file says of correcting its rejects; None: there is nothing to say."""
    try:
        found = mendable_at_a_glance(site.settings, ledger, row)
    except FileRefused as refused:
        return Mendable((), why_not=refused.reason)
    except BillferryError:  # its feed is gone from the config
        return None
    return found if found.none_left is None else None


def rejects_table(site: Site, request: Request) -> Response:
    """`/files/SHA256/correct/?after=NUMBER`: the records behind that one, as many as fit."""
    begin = number_asked(request, "after") or 0
    with site.ledger() as known:
        row, ledger = _file(site, known, request)
        rejects, found = open_for_mending(site.config, ledger, row)
        behind = sorted(number for number in found.numbers if number > begin)
        candidates = rejects.records(behind[: RECORDS_ON_PAGE + 1]) if rejects is not None else []
    shown, large = _that_fit(sorted(candidates, key=lambda each: each.number))
    last = max((each.number for each in (*shown, *large)), default=begin)
    context = {
        "rows": [_row(each, found, {}) for each in shown],
        "too_large": [found.called(each.number) for each in large],
        "found": found,
        "next": last if any(number > last for number in behind) else None,
        "is_first": begin == 0,
    }
    return _shown(site, request, row, context)


def check_mended_records(site: Site, request: Request, form: Form) -> Response:
    """`/files/SHA256/correct/check`: the same records with what is still wrong with each. Nothing is kept."""
    row, mending = _mending(site, request, form)
    return _shown(site, request, row, _checked(mending, form))


def save_mended_records(site: Site, request: Request, form: Form) -> Response:
    """`/files/SHA256/correct/save`: a correction of what was edited, if all of that is right."""
    row, mending = _mending(site, request, form)
    if not mending.is_right:
        return _shown(site, request, row, _checked(mending, form) | {"not_saved": True}, status=422)
    (result, *_) = results_of(site, save_mending(site.config, row, mending, visitor_of(request).person))
    return RedirectResponse(result.address or f"/files/{row.sha256}/", 303)


def _file(site: Site, ledger: Ledger | None, request: Request) -> tuple[FileRow, Ledger]:
    row = site.file(ledger, request.path_params["key"])
    if ledger is None:
        raise HTTPException(404, "the ledger knows no such file")
    return row, ledger


def _mending(site: Site, request: Request, form: Form) -> tuple[FileRow, Mending]:
    """Raises HTTPException: the form is not one of ours, or the rejects are gone."""
    with site.ledger() as known:
        row, ledger = _file(site, known, request)
        mending = checked_mending(site.config, ledger, row, _sent(form))
    if mending is None:
        raise HTTPException(
            409, "the rejects of this file cannot be corrected here any more; open its page again"
        )
    return row, mending


def _sent(form: Form) -> dict[int, SentRecord]:
    """Number of a record → what came back of it."""
    stated = form.get("records", "")
    if not _NUMBERS.fullmatch(stated):
        raise HTTPException(400, "that is no form of this page")
    cells: dict[int, dict[int, str]] = {int(number): {} for number in stated.split(",")[:RECORDS_ON_PAGE]}
    for name, value in form.items():
        if (found := _CELL.fullmatch(name)) and int(found[1]) in cells:
            cells[int(found[1])][int(found[2])] = value
    return {number: SentRecord(values, f"as-it-is-{number}" in form) for number, values in cells.items()}


def _that_fit(candidates: Sequence[RejectedRecord]) -> tuple[list[RejectedRecord], list[RejectedRecord]]:
    """The first records, as many as a page holds, and those before the last of them that are too large for a form."""
    shown, large, cells, size_bytes = list[RejectedRecord](), list[RejectedRecord](), 0, 0
    for record in candidates:
        own_bytes = sum(len(cell.text.encode(errors="replace")) for cell in record.cells)
        if len(record.cells) > MAX_RECORD_CELLS or own_bytes > MAX_RECORD_BYTES:
            large.append(record)
            continue
        cells, size_bytes = cells + len(record.cells), size_bytes + own_bytes
        is_full = cells > MAX_CELLS or size_bytes > MAX_TEXT_BYTES or len(shown) == RECORDS_ON_PAGE
        if shown and is_full:
            break
        shown.append(record)
    return shown, large


def _checked(mending: Mending, form: Form) -> dict[str, Any]:
    rows = []
    for record in mending.shown:
        mended = mending.mended.get(record.number)
        sent = {cell.position: form[name] for cell in record.cells if (name := _field(record, cell)) in form}
        if mended is None:
            rows.append(_row(record, mending.found, sent))
        elif mended.problem is None:
            rows.append(_row(record, mending.found, sent, state="right", as_it_is=_as_it_is(form, record)))
        else:
            faulty = mending.rejects.columns_of(mended.codes)
            rows.append(
                _row(
                    record,
                    mending.found,
                    sent,
                    state="still",
                    told=(mended.codes, mended.problem, faulty),
                    as_it_is=_as_it_is(form, record),
                )
            )
    wrong = sum(each.state == "still" for each in rows)
    return {
        "rows": rows,
        "too_large": [],
        "found": replace(
            mending.found,
            numbers=tuple(each.number for each in mending.shown),
            damaged=(),
            on_their_way={},
            why_not=None,
        ),
        "next": None,
        "is_first": False,
        "too_late": mending.too_late,
        "refusal": mending.refusal,
        "holds": mending.holds,
        "edited": records(len(mending.mended)) if mending.mended else None,
        "wrong": records(wrong) if wrong else None,
    }


def _as_it_is(form: Form, record: RejectedRecord) -> bool:
    return f"as-it-is-{record.number}" in form


def _row(
    record: RejectedRecord,
    found: Mendable,
    sent: Mapping[int, str],
    *,
    state: str = "wrong",
    told: tuple[Sequence[str], str, Iterable[str]] | None = None,
    as_it_is: bool = False,
) -> MendRow:
    """`sent`: what came back of it. `told`: codes, message and columns of what is wrong with it now."""
    codes, message, faulty = told or (record.codes, record.message, None)
    cells = [
        MendCell(
            cell.column,
            _field(record, cell) if cell.may_change else None,
            (text := sent.get(cell.position, cell.text)),
            state != "right" and (cell.is_faulty if faulty is None else cell.column.strip() in faulty),
            "\n" in text or "\r" in text or "\n" in cell.text or "\r" in cell.text,
        )
        for cell in record.cells
    ]
    return MendRow(record.number, found.called(record.number), codes, message, state, as_it_is, cells)


def _field(record: RejectedRecord, cell: Cell) -> str:
    return f"c{record.number}-{cell.position}"


def _shown(
    site: Site, request: Request, row: FileRow, context: Mapping[str, Any], *, status: int = 200
) -> Response:
    rows: Sequence[MendRow] = context["rows"]
    known = {
        "file": row,
        "home": f"/files/{row.sha256}/",
        "columns": [cell.column for cell in rows[0].cells] if rows else [],
        "too_late": {},
        "refusal": None,
        "holds": (),
        "edited": None,
        "wrong": None,
        "not_saved": False,
    }
    return site.show(request, "correct.html", {**known, **context}, status=status)
