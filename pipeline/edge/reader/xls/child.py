"""The process that reads one old workbook: `python -m pipeline.edge.reader.xls.child FILE MEMORY CPU`.

It limits itself first, then says in lines of JSON what it finds: the sheets, the merged ranges of the sheet whose
number it is told, its rows, and `null` once all of either are said. No part of Billferry is imported but what reads
records.
"""

from __future__ import annotations

import datetime
import json
import os
import resource
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.edge.reader.xls.records import NoWorkbook, OldWorkbook, SheetFacts

_RANGES = 1000
"""Merged ranges in a line."""


def main(path: str, memory_bytes: int, cpu_s: int) -> None:
    """Read the workbook at `path` within these limits."""
    os.umask(0o077)
    for kind, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    from python_calamine import CalamineError, PasswordError, load_workbook  # noqa: PLC0415 (within the limits)

    try:
        with Path(path).open("rb") as file:
            records = OldWorkbook(file.read())
        if records.is_encrypted:  # python-calamine takes the oldest kind of encryption for text
            raise PasswordError
        book = load_workbook(path)
        _say(
            {
                "active": records.is_active,
                "sheets": [
                    [
                        sheet.name,
                        str(sheet.visible).endswith(".Visible"),
                        str(sheet.typ).endswith(".WorkSheet"),
                    ]
                    for sheet in book.sheets_metadata
                ],
            }
        )
        sys.stdout.flush()
        number = int(sys.stdin.readline())
        sheet, facts = book.get_sheet_by_index(number), records.sheet(number)
        del records
        ranges = sheet.merged_cell_ranges or []
        for at in range(0, len(ranges), _RANGES):
            some = ranges[at : at + _RANGES]
            _say([[first + 1, last + 1, left, right] for (first, left), (last, right) in some])
        _say(None)
        for row in _rows(sheet.start, sheet.iter_rows(), facts):
            _say(row)
        _say(None)
    except PasswordError:
        _say({"error": "password"})
    except MemoryError:
        os.abort()
    except NoWorkbook:
        _say({"error": "format"})
    except (CalamineError, ValueError, IndexError, struct.error):
        _say({"error": "damaged"})
    sys.stdout.flush()


Value = int | float | str | bool | datetime.time | datetime.date | datetime.datetime | datetime.timedelta


def _rows(
    start: tuple[int, int] | None, rows: Iterable[list[Value]], facts: SheetFacts
) -> Iterator[list[object]]:
    """Each row with a filled cell: its number from 1, whether it is hidden, and column, kind and value of its cells."""
    _, first_column = start or (0, 0)  # its rows come from the first of the sheet on, its columns do not
    errors: dict[int, dict[int, str]] = {}
    for (row, column), shown in facts.errors.items():
        errors.setdefault(row, {})[column] = shown
    for number, values in enumerate(rows):
        wrong = errors.pop(number, {})
        cells = [
            (column, *_told(value))
            for column, value in enumerate(values, first_column)
            if value != "" and column not in wrong
        ]
        cells += [(column, "e", shown) for column, shown in wrong.items()]
        if cells:
            yield [number + 1, number in facts.hidden, sorted(cells)]
    for row, wrong in sorted(errors.items()):  # behind all that has a value
        yield [
            row + 1,
            row in facts.hidden,
            [(column, "e", shown) for column, shown in sorted(wrong.items())],
        ]


def _told(value: Value) -> tuple[str, object]:
    """Kind and value: text `t`, number `n`, truth `b`, moment `d`, time `h`."""
    match value:
        case bool():
            return "b", value
        case int() | float():
            return "n", value
        case str():
            return "t", value
        case datetime.datetime():
            return "d", value.isoformat()
        case datetime.date():
            return "d", value.isoformat()
        case datetime.time():
            return "h", value.isoformat("seconds")
        case _:
            return "h", str(datetime.timedelta(seconds=round(value.total_seconds())))


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what, ensure_ascii=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
