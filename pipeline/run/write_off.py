"""Closes what will never come: rejected records of an original that nobody will correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.core.outcomes import REJECTS, FileState
from pipeline.core.record_ranges import Ranges, numbers_in, record_ranges, shown
from pipeline.core.release_decisions import Person
from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.config import Config
from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.lookup_by_name import single_file_named
from pipeline.edge.ledger.rejected_records import Corrections
from pipeline.edge.ledger.write_offs import WHOLE, WriteOffs
from pipeline.errors import UsageError
from pipeline.monitoring.audit_log import named_files
from pipeline.report.summary import FileReport
from pipeline.run.chain_reports import chain_facts
from pipeline.run.context import Options
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.run_pass import Run
from pipeline.run.ui import Ui
from schemas.results import RunResult, Summary

_NOT_OPEN = {
    "corrected": "loaded by a correction",
    "claimed": "being loaded by a correction",
    "written_off": "already written off",
}


@dataclass(frozen=True, slots=True)
class WriteOffOrder:
    """What is written off, by whom and why."""

    by: Person
    records: str
    """Numbers of the original's records, such as `3,7-9`, or `all`."""
    why: str


def write_records_off(config: Config, name: str, ui: Ui, options: Options, order: WriteOffOrder) -> RunResult:
    """Write records of an original off, renew its report here and, where it came by SFTP, on the server.

    Raises:
        UsageError: no file is called `name`, or several are; it is a correction, or not finished; a record is not
            open, or none is. And as `open_run`.
    """
    ranges = record_ranges(order.records)
    if not order.why.strip():
        raise UsageError(problem="--why is empty", remedy="say why these records will never come")
    with open_run(config, ui, options, "write-off", needs_key=False) as opened:
        row = single_file_named(name, Files(opened.files.ledger).named(name))
        chain = _chain(opened, row)
        records, count = _chosen(opened, chain, ranges)
        with Files(opened.files.ledger).together():
            at = rfc3339(opened.context.options.clock())
            WriteOffs(opened.files.ledger).add(
                row.id, records, count=count, by=order.by, at=at, why=order.why.strip()
            )
            opened.history.done(named_files([row]), {"records": order.records})
        run = Run(opened)
        result = run.result_of(partial(_tell, opened, run, row))
        return result.model_copy(update={"exit_status": opened.context.status})


def _chain(opened: OpenRun, row: FileRow) -> Chain:
    """The chain of which a file is the original. Raises UsageError."""
    chain = Chains(opened.files.ledger).of(row.id)
    if chain is None:
        raise UsageError(problem=f"the ledger knows no file {row.name}", remedy="see billferry status")
    if chain.original.id != row.id:
        raise UsageError(
            problem=f"{row.name} is a correction of {chain.original.name}",
            remedy=f"write records of {chain.original.name} off, by their numbers in reject_record",
        )
    if row.is_open:
        state = "unfinished" if row.state == "landed" else row.state
        raise UsageError(
            problem=f"{row.name} is {state}", remedy="let it end first (billferry run, release or refuse)"
        )
    return chain


def _chosen(opened: OpenRun, chain: Chain, ranges: Ranges | None) -> tuple[Sequence[int], int]:
    """The records to write off, and how many they are. Raises UsageError."""
    name = chain.original.name
    if not chain.needs_correction:
        raise UsageError(problem=f"nothing of {name} is open", remedy="see billferry status --all")
    known = Corrections(opened.files.ledger).records(chain.original.id)
    whole = chain.original.state == FileState.REFUSED or len(known) != _rejects(chain)
    if whole and ranges is not None:
        raise UsageError(
            problem=f"the records of {name} cannot be written off one by one", remedy="use --records all"
        )
    if whole:
        return [WHOLE], chain.open.records
    if ranges is None:
        found = [record for record, state in known.items() if state == "open"]
        if not found:
            raise UsageError(
                problem=f"a correction of {name} is being loaded", remedy="let billferry run end it first"
            )
        return found, len(found)
    return _numbered(name, ranges, known)


def _rejects(chain: Chain) -> int:
    """How many records the original reported as rejects."""
    records = (chain.original.summary or {}).get("records", {})
    return sum(int(records.get(outcome, 0)) for outcome in REJECTS)


def _numbered(name: str, ranges: Ranges, known: Mapping[int, str]) -> tuple[Sequence[int], int]:
    """Records by number, all of them open. Raises UsageError, which names those that are not."""
    found = list(numbers_in(ranges, known))
    wrong = [record for record in found if known.get(record) != "open"]
    if wrong:
        reasons = {_NOT_OPEN.get(known.get(record, ""), "not among its rejects") for record in wrong}
        what = (
            f"record {wrong[0]} of {name} is" if len(wrong) == 1 else f"records {shown(wrong)} of {name} are"
        )
        raise UsageError(
            problem=f"{what} not open: {', '.join(sorted(reasons))}",
            remedy="name the open ones (reject_record in its rejects file), or all",
        )
    return found, len(found)


def _tell(opened: OpenRun, run: Run, row: FileRow) -> None:
    """Renew the report, say what is left, and hand the new report over."""
    run.renew()
    chain = Chains(opened.files.ledger).of(row.id)
    if chain is not None and chain.original.summary is not None:
        then = Summary.model_validate(chain.original.summary, strict=False)
        opened.reports.say(FileReport(then.model_copy(update={"chain": chain_facts(chain, row.id)})))
    run.hand_over_owed(row.sha256)
