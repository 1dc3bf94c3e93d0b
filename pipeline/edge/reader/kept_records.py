"""What is kept of a landed copy that was removed for a person's sake: checked records without that person's details.

`<landing>/<sha256>/kept.N/` holds the parts of the checked records, the text of the records in its rejects, and
facts.json with what else a report needs. The newest counts, and is whole: it is written beside, synced and renamed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from pipeline.core.file_stages import CheckedFile, LandedFile, Refusal
from pipeline.core.outcomes import Outcome
from pipeline.core.totals import Totals
from pipeline.core.values.amount_spread import Spread
from pipeline.edge.disk import (
    new_file,
    put_in_place,
    remove,
    remove_tree,
    scratch_folder,
    sync_file,
    sync_folder,
)
from pipeline.edge.reader.checked_parts import Parts, findings_of, parts_of
from schemas.results import ControlFacts

_KEPT = "kept."
_FACTS, _TEXT, _RECORDS = "facts.json", "text", "records"

Change = Callable[[pl.DataFrame], pl.DataFrame]
"""Values of a part → those that are kept, with the spans of their text."""


def kept_folder(content: Path) -> Path | None:
    """Where the records of a landed file are kept whose copy was removed; None: nothing was removed.

    Args:
        content: path of its landed copy, which need not be there.
    """
    return _newest(content.parent)


def _newest(folder: Path) -> Path | None:
    """The newest of what is kept in a folder."""
    found = [each for each in folder.glob(f"{_KEPT}*") if (each / _FACTS).exists()]
    return max(found, key=lambda each: int(each.name.removeprefix(_KEPT)), default=None)


def is_at_hand(content: Path) -> bool:
    """Whether a file can be worked on again: from its landed copy, or from what is kept of it."""
    return content.exists() or kept_folder(content) is not None


def keep_records(
    checked: CheckedFile, notes: tuple[str, ...], on_text: Callable[[BinaryIO], Change], folder: Path
) -> None:
    """Keep a file's records in `folder`, that of its landed copy, in the place of what was kept of it before.

    Args:
        notes: those of its check, with what is said of the removal.
        on_text: writes the text of records that may be asked for again, and returns how values are changed for it.

    Raises:
        DiskFull: no room.
    """
    before = _newest(folder)
    number = int(before.name.removeprefix(_KEPT)) + 1 if before else 1
    with scratch_folder(".kept-", folder) as staged:
        with new_file(staged / _TEXT) as text:
            change = on_text(text)
        parts = Parts(staged / _RECORDS)
        for path in parts_of(checked.records):
            values = change(pl.read_parquet(path))
            at = parts.reserve()
            parts.write_values(at, values)
            parts.write_findings(at, findings_of(path).collect())
        for path in (*(staged / _RECORDS).rglob("*.parquet"),):
            sync_file(path)
        with new_file(staged / _FACTS) as file:
            file.write(json.dumps(_facts(replace(checked, notes=notes))).encode())
        sync_folder(staged)
        put_in_place(staged, folder / f"{_KEPT}{number}")
    sync_folder(folder)


def remove_landed_copy(content: Path) -> None:
    """Remove all of a landed file's folder but the newest of what is kept. Raises DiskFull."""
    newest = kept_folder(content)
    for each in content.parent.iterdir():
        if each != newest:
            if each.is_dir():
                remove_tree(each)
            else:
                remove(each)
    if newest is None:
        remove_tree(content.parent)


def discard_kept(content: Path) -> None:
    """Its copy has come again, and is what counts now."""
    for folder in content.parent.glob(f"{_KEPT}*"):
        remove_tree(folder)


def read_kept(landed: LandedFile, within: Path | None = None) -> CheckedFile | None:
    """A landed file as it was checked, from what is kept of it, `within` a folder or beside its landed copy; None where
    nothing is.
    """
    folder = _newest(within or landed.path.parent)
    if folder is None:
        return None
    facts = json.loads((folder / _FACTS).read_bytes())
    return _checked(landed, folder, facts)


def _facts(checked: CheckedFile) -> dict[str, Any]:
    """What is not in the parts, as JSON; bytes as Latin-1, which has a character for each."""
    return {
        "header": checked.header.decode("latin-1"),
        "line_end": checked.line_end.decode("latin-1"),
        "byte_order_mark": checked.byte_order_mark.decode("latin-1"),
        "codec": checked.codec,
        "delimiter": checked.delimiter,
        "text_format": checked.text_format,
        "totals": {
            "records": checked.totals.records,
            "amounts_minor": checked.totals.amounts_minor,
            "unreadable": checked.totals.unreadable,
        },
        "refusal": [checked.refusal.code, checked.refusal.message] if checked.refusal else None,
        "spreads": [astuple(spread) for spread in checked.spreads],
        "notes": list(checked.notes),
        "code_counts": checked.code_counts,
        "control": checked.control.model_dump(mode="json") if checked.control else None,
        "own_names": {name: list(names) for name, names in checked.own_names.items()},
    }


def _checked(landed: LandedFile, folder: Path, facts: Mapping[str, Any]) -> CheckedFile:
    totals = Totals()
    for name in ("records", "amounts_minor", "unreadable"):
        for currency, by_outcome in facts["totals"][name].items():
            for outcome, number in by_outcome.items():
                getattr(totals, name)[currency][Outcome(outcome)] = number
    control = facts["control"]
    return CheckedFile(
        landed=landed,
        records=folder / _RECORDS,
        totals=totals,
        header=facts["header"].encode("latin-1"),
        line_end=facts["line_end"].encode("latin-1"),
        byte_order_mark=facts["byte_order_mark"].encode("latin-1"),
        codec=facts["codec"],
        delimiter=facts["delimiter"],
        text_format=facts["text_format"],
        plain_copy=folder / _TEXT,
        refusal=Refusal(*facts["refusal"]) if facts["refusal"] else None,
        spreads=tuple(Spread(*each) for each in facts["spreads"]),
        notes=tuple(facts["notes"]),
        code_counts=facts["code_counts"],
        control=ControlFacts.model_validate(control, strict=False) if control else None,
        own_names={name: tuple(names) for name, names in facts["own_names"].items()},
    )
