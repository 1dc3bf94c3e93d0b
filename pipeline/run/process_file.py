"""One landed file: met, taken up, checked, judged, loaded and reported, in this order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.collect.feed_of_file import Matching
from pipeline.core.api.watermarks import tomorrow
from pipeline.core.file_stages import CheckedFile, LandedFile, Refusal, RemoteFile
from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.values.timestamps import local_time
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.log import get_logger
from pipeline.edge.reader.kept_records import is_at_hand, kept_folder, read_kept, remove_landed_copy
from pipeline.errors import BalancesOvertaken, LandedCopyForgotten, LandedCopyGone, ReportGone
from pipeline.report.summary import FileReport, file_facts, without_report
from pipeline.report.write import write_report
from pipeline.run.chain_reports import chain_reader
from pipeline.run.check_stage import check_interruptibly
from pipeline.run.context import RunContext
from pipeline.run.corrections import Correcting
from pipeline.run.encrypted_files import OpenedFile, opened
from pipeline.run.file_reports import FileReports
from pipeline.run.file_repository import FileRepository, MetFile, feed_changed
from pipeline.run.handover import HandOver
from pipeline.run.load_stage import Loading
from pipeline.run.release_gate import GateKeeper, as_reported
from pipeline.run.reloads import compared_with_earlier_loads
from pipeline.run.remember_accepted import AcceptedRecords
from pipeline.run.remember_rejects import BY_CHECK
from pipeline.run.report_files import ReportFiles
from pipeline.run.sources import SourceRegistry
from schemas.results import Summary

log = get_logger()

_READ_DIFFERENTLY = (
    "its feed has changed since, and the file would be read differently now; restore the feed first"
)


@dataclass(frozen=True, slots=True)
class FileProcessor:
    """Works on the files of one run, one after another."""

    context: RunContext
    files: FileRepository
    gate: GateKeeper
    loading: Loading
    sources: SourceRegistry
    handovers: HandOver
    reports: FileReports
    comparing: ReportFiles
    matching: Matching
    """How a correction is told by what is inside an encrypted file."""
    done: dict[str, str]
    """SHA-256 → name of the files worked on in this run: none is loaded twice because two sources show it."""

    def resume(self, row: FileRow) -> None:
        """Go on with a file that the ledger knows. Raises LandedCopyGone where neither we nor a source have it."""
        landed = self.files.landed_from(row)
        if is_at_hand(landed.path):
            self.work_on(landed, ())
        elif not self.sources.of(row.sha256):
            raise LandedCopyGone(where=landed.path.parent, name=row.name)

    def work_on(self, landed: LandedFile, remotes: tuple[RemoteFile, ...]) -> None:
        """Work on one landed file to its report, then owe its source the move.

        `remotes`: the file as its source showed it, and what belongs to it there; empty for one that was named.
        """
        met = self.files.meet(landed)
        if met.row is not None and met.row.finished and not self.context.options.force and not met.is_back:
            self._already_loaded(landed, met.row, remotes)
            return
        if landed.sha256 in self.done and not met.is_back:
            self.context.ui.line(
                f"{landed.name}: the same bytes as {self.done[landed.sha256]} above, which is not finished"
            )
            return
        self.done[landed.sha256] = landed.name
        remotes = remotes or self.sources.of(landed.sha256)
        if met.row is not None and self.gate.says_as_before(met):
            self._as_before(landed, met.row, remotes)
            return
        self.reports.say(self._worked(met, remotes))

    def _worked(self, met: MetFile, remotes: Sequence[RemoteFile]) -> FileReport:
        """The way of a file from here to its report; each step hands on what the next one needs.

        What is remembered for corrections is complete before the file is finished: a kill in between has it written
        once more.
        """
        with self.opened(met.landed) as file:
            work = self.files.take_up(replace(met, landed=file.landed))
            if work.landed.feed.is_of_reports:
                report = self.comparing.compared(work.landed, file, _renamed(work.landed, met.row))
                self.files.finish(work, (), report, remotes)
                return report
            judged = self.gate.judged(work, self._checked(work.landed, file, work.row, work.dated_ahead))
            loaded = self.loading.load(work, judged)
            remembering = loaded.remembering
            report = write_report(
                loaded.checked,
                loaded.outcomes,
                folder=self.context.reports,
                run=self.context.facts(),
                requests=loaded.requests,
                notes=[*_renamed(work.landed, met.row), *loaded.notes],
                timezone=self.context.settings.timezone,
                readers=[each for each in (remembering, loaded.accepted) if each],
                chain=loaded.chain,
            )
            if remembering is not None:
                remembering.end()
            self.files.finish(work, loaded.checked.spreads, report, remotes)
        return report

    def opened(self, landed: LandedFile) -> AbstractContextManager[OpenedFile]:
        """What can be read of a landed file, for as long as the block lasts. Raises as `encrypted_files.opened`."""
        limits = self.context.settings.limits
        if landed.feed.pgp is None or kept_folder(landed.path) is not None:
            return nullcontext(OpenedFile(landed, landed.path.parent, limits))
        return opened(landed, limits, self.context.ui, self.matching)

    def _checked(
        self, landed: LandedFile, file: OpenedFile, row: FileRow | None, dated_ahead: Refusal | None
    ) -> CheckedFile:
        """The file after every rule, those that only the ledger can tell included. `row`: as the ledger knows it;
        `dated_ahead`: its refusal for that.

        A correction is compared with its original, a file that is known with what was loaded of it before; balances
        that are dated ahead would make every file until then the older one.
        """
        if (kept := read_kept(landed)) is not None:  # what was checked before its copy was removed
            return kept
        ledger, settings = self.files.ledger, self.context.settings
        missed = Lineage(ledger, settings.work_dir).missed(tomorrow(self.files.balances.today))
        correcting = Correcting.of(ledger, landed)
        refusal = originals = None
        if correcting is not None:
            self.loading.prepare(correcting)
            refusal = correcting.refusal
            originals = None if refusal else correcting.originals(missed)
        note = self.context.note_check
        told = partial(note, landed.sha256, landed.size_bytes) if note is not None else None
        checked = check_interruptibly(landed, file, self.context.ui, originals=originals, told=told)
        checked = self._within_its_rejects(replace(checked, refusal=refusal) if refusal else checked)
        checked = replace(checked, refusal=checked.refusal or dated_ahead)
        checked = compared_with_earlier_loads(checked, ledger, row, missed)
        counted = {outcome: checked.totals.count(outcome) for outcome in BY_CHECK}
        log.info(
            "checked",
            file=landed.name,
            sha256=landed.sha256,
            refused=checked.refusal.code if checked.refusal else None,
            **counted,
        )
        return checked

    def rewrite(self, row: FileRow) -> Path | None:
        """Write a file's reports again, for `report`; their folder. Nothing else changes. Raises as `as_reported`."""
        with self.as_reported(row) as (checked, then):
            report = self.reported_again(row, checked, then, notes_beside(checked, then))
        self.reports.say(report)
        self.context.ui.line(f"  written again: {report.folder}")
        return report.folder

    @contextmanager
    def as_reported(self, row: FileRow) -> Iterator[tuple[CheckedFile, Summary]]:
        """A finished file checked again, and what its report said, for as long as the block lasts.

        What was said of decisions and holds is said again, and not decided anew.

        Raises:
            LandedCopyForgotten: our copy was removed after `retention.landing_days`.
            ReportGone: it has no report yet, its outcomes were removed, or its feed reads it otherwise now.
            ConfigError: its feed is gone.
        """
        if row.is_report:
            problem = (
                "it is a report of payments; load it again to have it compared again (billferry load"
                " --force FILE)"
            )
            raise ReportGone(name=row.name, problem=problem)
        landed = self.files.named_apart(self.files.landed_from(row))
        then = Summary.model_validate(row.summary, strict=False) if row.summary else None
        if not is_at_hand(landed.path):
            raise LandedCopyForgotten(name=row.name)
        if then is None:
            raise ReportGone(name=row.name, problem="it has no report yet; the next run continues with it")
        parts = then.records.parts()
        kept = Files(self.files.ledger).kept_outcomes(row.id)
        if kept < then.records.total - sum(parts[each] for each in BY_CHECK):
            problem = "its outcomes were removed after retention.outcomes_days"
            raise ReportGone(name=row.name, problem=problem)
        with self.opened(landed) as file:
            checked = self._checked(landed, file, row, self.files.balances.refusal(landed, row.as_of))
            if checked.refusal is not None and then.refusal is None:
                problem = f"it would be refused now ({checked.refusal.code}): {checked.refusal.message}"
                raise ReportGone(name=row.name, problem=problem)
            if feed_changed(landed, row) or any(
                checked.totals.count(each) != parts[each] for each in (Outcome.REJECTED, Outcome.DUPLICATE)
            ):
                raise ReportGone(name=row.name, problem=_READ_DIFFERENTLY)
            yield self.gate.with_what_is_left(as_reported(checked, then), row.id), then

    def reported_again(
        self, row: FileRow, checked: CheckedFile, then: Summary, notes: Sequence[str]
    ) -> FileReport:
        """A file's report once more, with the outcomes of the ledger; `notes` come behind those of the check."""
        sends = Sends(self.files.ledger)
        return write_report(
            checked,
            lambda records: sends.outcomes(row.id, records),
            folder=self.context.reports,
            run=then.run,
            requests=then.requests,
            timezone=self.context.settings.timezone,
            readers=[AcceptedRecords.of(self.files.ledger, row)],
            chain=chain_reader(self.files.ledger, row.id, afresh=False),
            notes=notes,
        )

    def _within_its_rejects(self, checked: CheckedFile) -> CheckedFile:
        """Refuse a corrected rejects file that holds more than was rejected: totals would not add up any more."""
        source = checked.landed.rejects_of
        if source is None or checked.refusal is not None:
            return checked
        records, rejected = checked.totals.count(Outcome.NOT_ATTEMPTED), self.files.rejected_by(source)
        if records <= rejected:
            return checked
        problem = f"it contains {records} valid records, but {source} rejected only {rejected}"
        remedy = "keep one row per rejected record; put new records into a file of their own"
        return replace(checked, refusal=Refusal("file.more_than_rejected", f"{problem}; {remedy}"))

    def _as_before(self, landed: LandedFile, row: FileRow, remotes: Sequence[RemoteFile]) -> None:
        """A file that still waits for a person, or that one has refused; its bytes may have come under a new name."""
        summary = Summary.model_validate(row.summary, strict=False)
        notes = [*_renamed(landed, row), *summary.notes]
        said = summary.model_copy(update={"run": self.context.facts(), "notes": notes})
        self.reports.say(FileReport(said))
        if FileState(said.state) is FileState.REFUSED:
            self.handovers.owe(row.sha256, remotes, "quarantine", None)

    def _already_loaded(self, landed: LandedFile, row: FileRow, remotes: tuple[RemoteFile, ...]) -> None:
        """Report bytes that were loaded before, and move the file away; nothing is sent. A changed feed is pointed
        out.
        """
        finished = local_time(row.finished_at or row.landed_at, self.context.settings.zone)
        notes = [f"this file was already loaded on {finished} as {row.name}; nothing was sent"]
        if row.is_report:
            again = "it can be compared with what is known by now (billferry payments match)"
            notes = [f"this report was already compared on {finished} as {row.name}; {again}"]
        elif feed_changed(landed, row):
            notes.append(
                "the feed has changed since then; the file can be sent under the new one (billferry load --force)"
            )
        run = self.context.facts()
        self.reports.say(without_report(file_facts(landed), FileState.ALREADY_LOADED, run=run, notes=notes))
        if self.files.balances.is_ambiguous(landed, row):
            self.context.fail(BalancesOvertaken(name=landed.name))
        self.files.reaffirm(landed, row)
        if kept_folder(landed.path) is not None:
            remove_landed_copy(landed.path)
        self.handovers.owe_archiving([(landed.sha256, remotes)])


def notes_beside(checked: CheckedFile, then: Summary) -> list[str]:
    """What a report said besides the notes of the check."""
    said = list(checked.notes)
    return then.notes[len(said) :] if then.notes[: len(said)] == said else []


def _renamed(landed: LandedFile, row: FileRow | None) -> list[str]:
    """What to say of a file whose bytes were known under another name."""
    return [f"{landed.name} has the same bytes as {row.name}"] if row and landed.name != row.name else []
