"""Chains: what became of every record of an original, with its corrections and theirs. Read only.

A record of a chain counts once: as its original has it until a correction of it is loaded, then as that correction
loaded it. Open are records that broke a rule, are in conflict or were refused (`REJECTS`), until a correction loads
them, leaves them out, or somebody writes them off. What is in doubt or not attempted is not open: the next run goes on
with it by itself, and the file is `unfinished` or `held` until then.

Of a refused file nothing is loaded, so that all of it is open (what is in doubt excepted) until it is written off. Two
things close it as well: a person refused it, or a later file of the same name was loaded. That name must contain a
date; a feed whose files are all called the same would hide one day's refusal by the next day's file.

`totals` may use `Chains.all`: one `Chain` for each original, and for each correction whose original the ledger does not
know. Its `by_outcome` adds up to `total`, in records and in minor units; adding up the chains counts every record once.
Files that correct a known original are in `corrections` and add nothing of their own. `corrected` tells which file
loaded what, so that sums by file or by day of loading can be made; what was loaded at first is `by_outcome` less those.
`written_off` is a part of the rejects in `by_outcome`, not an outcome of its own; `open` is the rest of them. Amounts
that cannot be read are counted in `unreadable`, never as 0; a currency that cannot be read is `"?"`.

Nothing here needs landed copies, outcomes or reports: sums live in `chain_sums`, summaries in `files`, and both are in
every backup.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.core.outcomes import AT_API, REJECTS, FileState, Outcome
from pipeline.edge.ledger.chain_roots import named_roots, roots_of
from pipeline.edge.ledger.chain_sums import SPLIT
from pipeline.edge.ledger.counted import Counted, added
from pipeline.edge.ledger.door import Ledger, LedgerRow, LedgerRows
from pipeline.edge.ledger.file_rows import FINISHED_STATES, FileRow
from pipeline.edge.ledger.files import Files

UNKNOWN_MODEL = "?"
_ENDS_REFUSED = REJECTS | {Outcome.NOT_ATTEMPTED}
"""Outcomes of records that a refused file did not load and that no run takes up again."""


@dataclass(frozen=True, slots=True)
class WriteOff:
    """Records of an original that a person closed."""

    at: str
    """RFC 3339."""
    user_name: str
    host: str
    why: str
    records: int


@dataclass(frozen=True, slots=True)
class Chain:
    """An original, with what its corrections loaded of it."""

    original: FileRow
    corrections: Sequence[FileRow] = ()
    """Its corrections and theirs, in landing order."""
    by_outcome: Mapping[str, Counted] = field(default_factory=dict)
    """Outcome → every record of the chain, once. Empty until the original has a report."""
    open: Counted = field(default_factory=Counted)
    written_off: Counted = field(default_factory=Counted)
    corrected: Mapping[int, Mapping[str, Counted]] = field(default_factory=dict)
    """Id of a correction → outcome → records of the original that it closed, as it has them."""
    write_offs: Sequence[WriteOff] = ()
    is_ended: bool = False
    """It was refused, and that is closed: by the person who refused it, a later file, or a write-off."""
    superseded_by: FileRow | None = None
    """Of a refused file: the later file of the same name that closed it."""

    @property
    def model(self) -> str:
        """What its records are: the billing model of its feed; `"?"` until the original has a report."""
        return str(((self.original.summary or {}).get("file") or {}).get("model") or UNKNOWN_MODEL)

    @property
    def total(self) -> Counted:
        """All records."""
        return added(self.by_outcome.values())

    @property
    def loaded(self) -> Counted:
        """Records that the API holds, whichever of its files loaded them."""
        return added(self.by_outcome[name] for name in AT_API if name in self.by_outcome)

    @property
    def needs_correction(self) -> bool:
        """Whether records of it are open, or it was refused, perhaps without any that can be read, and that is not
        closed.
        """
        is_refused = self.original.state == FileState.REFUSED
        return self.open.records > 0 or (is_refused and not self.is_ended)

    @property
    def is_closed(self) -> bool:
        """Whether nothing of it is open, and no file of it waits for a run or a person."""
        return not self.needs_correction and not any(
            row.is_open for row in (self.original, *self.corrections)
        )

    def closed_by(self, correction: FileRow) -> Counted:
        """Records that one correction closed, as it has them."""
        return added(self.corrected.get(correction.id, {}).values())

    @property
    def was_corrected(self) -> Counted:
        """Records that corrections closed, as those have them."""
        return added(self.closed_by(row) for row in self.corrections)


@dataclass(frozen=True, slots=True)
class _Read:
    """Id of an original → what of its chain is not in its files."""

    sums: Mapping[int, Sequence[LedgerRow]]
    write_offs: Mapping[int, Sequence[LedgerRow]]
    whole: Collection[int]
    """All that is open of them is written off."""
    refused_by_people: Collection[int]


class Chains:
    """The ledger's chains over one connection: a fixed number of statements, however many files there are."""

    def __init__(self, connection: Ledger) -> None:
        self._db = connection

    def all(self, files: Sequence[FileRow] | None = None) -> list[Chain]:
        """Every chain, in the landing order of their originals. `files`: all of the ledger's, if they are at hand."""
        rows = Files(self._db).all() if files is None else files
        return list(self._made(rows, roots_of(rows), None))

    def of(
        self, file_id: int, *, summary: Mapping[str, Any] | None = None, afresh: bool = False
    ) -> Chain | None:
        """The chain that a file belongs to; None where there is no such file.

        Args:
            summary: a newer one of that file.
            afresh: it tells of a new state; where that is not `refused`, what was written off of the file as a whole
                counts no more, as `Corrections.count_chains` will have it.
        """
        roots = named_roots(
            tuple(row) for row in self._db.execute("SELECT id, sha256, name, rejects_of FROM files")
        )
        if file_id not in roots:
            return None
        root = roots[file_id]
        rows = Files(self._db).with_ids([each for each, top in roots.items() if top == root])
        if summary is not None:
            state, facts = str(summary["state"]), dict(summary)
            rows = [replace(row, state=state, summary=facts) if row.id == file_id else row for row in rows]
        superseding = Files(self._db).named(rows[0].name) if rows else []
        mine = {row.id for row in rows}
        others = [row for row in superseding if row.id not in mine]
        reopened = afresh and summary is not None and summary["state"] != FileState.REFUSED
        return next(self._made([*rows, *others], roots, {root}, reopened=file_id if reopened else None), None)

    def with_originals(
        self, originals: Collection[int], rows: Sequence[FileRow], roots: Mapping[int, int]
    ) -> list[Chain]:
        """The chains of these originals.

        Args:
            rows: at least all files of these chains, and all that have the name of one of these originals.
            roots: of at least these rows, as `roots_of`.
        """
        return list(self._made(rows, roots, originals))

    def _made(
        self,
        rows: Sequence[FileRow],
        roots: Mapping[int, int],
        only: Collection[int] | None,
        *,
        reopened: int | None = None,
    ) -> Iterator[Chain]:
        """The chains of `rows`: all, or `only` those of these originals; `reopened` is one of which nothing is written
        off as a whole any more.
        """
        read = self._read(only)
        superseded = _superseded(rows)
        followers: dict[int, list[FileRow]] = {}
        for row in rows:
            if roots[row.id] != row.id:
                followers.setdefault(roots[row.id], []).append(row)
        for row in rows:
            if roots[row.id] == row.id and (only is None or row.id in only):
                yield _chain(
                    row,
                    tuple(sorted(followers.get(row.id, ()), key=lambda each: each.id)),
                    read.sums.get(row.id, ()),
                    whole=row.id in read.whole and row.id != reopened,
                    is_refused_by_person=row.id in read.refused_by_people,
                    superseded_by=superseded.get(row.id),
                    write_offs=[
                        WriteOff(off["at"], off["user_name"], off["host"], off["why"], off["records"])
                        for off in read.write_offs.get(row.id, ())
                    ],
                )

    def _read(self, only: Collection[int] | None) -> _Read:
        """What chains are made of beside files: of all originals, or `only` of these."""
        # Two conditions, for with both in one no index would be used.
        asked, which = None, "?1 IS NULL"
        if only is not None:
            asked, which = json.dumps(list(only)), "files.id IN (SELECT value FROM json_each(?1))"

        def rows(what: str) -> LedgerRows:
            return self._db.execute(f"SELECT {what} AND {which} ORDER BY 1", (asked,))

        whole = rows(
            "id FROM files WHERE EXISTS (SELECT 1 FROM written_off WHERE file_id = files.id AND record = 0)"
        )
        # Whoever refused a file closed it.
        by_people = rows(
            "files.id FROM files JOIN decisions USING (sha256) WHERE word = 'refuse' AND fate = 'taken'"
        )
        return _Read(
            sums=_grouped(rows("chain_sums.* FROM chain_sums JOIN files ON files.id = file_id WHERE true")),
            write_offs=_grouped(
                rows("write_offs.* FROM write_offs JOIN files ON files.id = file_id WHERE true")
            ),
            whole={file_id for (file_id,) in whole},
            refused_by_people={file_id for (file_id,) in by_people},
        )


def _chain(
    row: FileRow,
    corrections: Sequence[FileRow],
    sums: Sequence[LedgerRow],
    *,
    whole: bool,
    is_refused_by_person: bool,
    superseded_by: FileRow | None,
    write_offs: Sequence[WriteOff],
) -> Chain:
    """One chain from the summary of its original and the sums of its rejected records.

    Args:
        whole: everything of it that is open is written off.
        is_refused_by_person: whoever refused it closed it.
        superseded_by: closes it where it was refused.
    """
    is_refused = row.state == FileState.REFUSED
    is_ended = is_refused and (is_refused_by_person or superseded_by is not None)
    by_outcome = _reported(row.summary or {}, sums)
    remembered = not is_refused and _agree(by_outcome, sums)
    corrected: dict[int, dict[str, Counted]] = {}
    written_off = Counted()
    for each in sums if remembered else ():
        money = each["billions"] * SPLIT + each["rest"]
        if each["by_file"] is not None:
            by_money = each["by_billions"] * SPLIT + each["by_rest"]
            now = (each["records"], each["by_currency"], by_money, each["by_unreadable"])
            by_outcome[each["outcome"]].add(-each["records"], each["currency"], -money, -each["unreadable"])
            by_outcome.setdefault(each["by_outcome"], Counted()).add(*now)
            corrected.setdefault(each["by_file"], {}).setdefault(each["by_outcome"], Counted()).add(*now)
        elif each["written_off"]:
            written_off.add(each["records"], each["currency"], money, each["unreadable"])
    still = added(
        by_outcome.get(outcome, Counted()) for outcome in (_ENDS_REFUSED if is_refused else REJECTS)
    )
    opened = Counted() if is_ended else still.plus(written_off, sign=-1)
    if whole:
        opened, written_off = Counted(), written_off.plus(opened)
    return Chain(
        row,
        corrections,
        _tidied(by_outcome),
        opened.known(),
        written_off.known(),
        {by_file: _tidied(found) for by_file, found in corrected.items()},
        write_offs,
        is_ended or (is_refused and whole),
        superseded_by if is_refused else None,
    )


def _reported(summary: Mapping[str, Any], sums: Sequence[LedgerRow]) -> dict[str, Counted]:
    """The original alone, by outcome, with its currencies as far as its summary counts them apart."""
    records: Mapping[str, int] = summary.get("records") or {}
    found = {name: Counted(number) for name, number in records.items() if number and name != "total"}
    amounts = summary.get("amounts_minor") or {}
    by_currency, unreadable = summary.get("records_by_currency"), summary.get("unreadable_by_currency") or {}
    for currency, parts in amounts.items():
        for name in found.keys() & parts.keys():
            found[name].amounts_minor[currency] = parts[name]
    for currency, parts in (by_currency or {}).items():
        for name in found.keys() & parts.keys():
            found[name].records_in[currency] = parts[name]
    for currency, parts in unreadable.items():
        for name in found.keys() & parts.keys():
            found[name].unreadable_in[currency] = parts[name]
            found[name].unreadable += parts[name]
    if not by_currency:
        _count_as_earlier(found, list(amounts), summary.get("amount_unreadable", 0), sums)
    return found


def _count_as_earlier(
    found: Mapping[str, Counted], currencies: Sequence[str], unreadable: int, sums: Sequence[LedgerRow]
) -> None:
    """Fill in what summaries of earlier versions do not say. Rejected records are counted by currency where they are
    remembered; whose amount cannot be read is taken for rejected else, as far as there are any.
    """
    left = unreadable
    if _agree(found, sums):
        for each in sums:
            found[each["outcome"]].add(0, each["currency"], 0, each["unreadable"])
            left -= each["unreadable"]
            if len(currencies) > 1:
                apart = found[each["outcome"]].records_in
                apart[each["currency"]] = apart.get(each["currency"], 0) + each["records"]
    for name in sorted(found, key=lambda name: (name != Outcome.REJECTED, name)):
        some = min(max(left, 0), found[name].records - found[name].unreadable)
        found[name].unreadable += some
        left -= some
    if len(currencies) == 1:
        for counted in found.values():
            counted.records_in = {currencies[0]: counted.records}
            counted.unreadable_in = {currencies[0]: counted.unreadable}


def _agree(by_outcome: Mapping[str, Counted], sums: Sequence[LedgerRow]) -> bool:
    """Whether the rejected records that are remembered are those of the last report."""
    remembered: dict[str, int] = {}
    for each in sums:
        remembered[each["outcome"]] = remembered.get(each["outcome"], 0) + each["records"]
    return remembered == {name: each.records for name, each in by_outcome.items() if name in REJECTS}


def _tidied(by_outcome: Mapping[str, Counted]) -> dict[str, Counted]:
    """Outcomes that have records, in the order of `Outcome`."""
    return {
        name.value: by_outcome[name].known()
        for name in Outcome
        if name in by_outcome and by_outcome[name].records
    }


def _superseded(rows: Iterable[FileRow]) -> dict[int, FileRow]:
    """Id of a refused file → the last of the same name that was loaded after it, where that name has a date.

    A correction supersedes nothing, whatever it is called: it holds records of one file alone.
    """
    last: dict[tuple[str, str], FileRow] = {}
    for row in sorted(rows, key=lambda row: row.id):
        if row.state in FINISHED_STATES and row.rejects_of is None:
            last[row.feed, row.name] = row
    return {
        row.id: later
        for row in rows
        if row.state == FileState.REFUSED
        and "date" in row.name_parts
        and (later := last.get((row.feed, row.name))) is not None
        and later.id > row.id
    }


def _grouped(rows: Iterable[LedgerRow]) -> dict[int, list[LedgerRow]]:
    found: dict[int, list[LedgerRow]] = {}
    for row in rows:
        found.setdefault(row["file_id"], []).append(row)
    return found
