"""One landed file after another: check, load, report; what happens to one never stops the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from pipeline.collect.model import Unmatched
from pipeline.core.api.watermarks import day_of
from pipeline.core.files import CheckedFile, LandedFile, Refusal, RemoteFile
from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.truncate import MOST_LINES
from pipeline.core.values.timestamps import local_time
from pipeline.edge.ledger import FileRow, GroupCommit, Sends
from pipeline.errors import (
    BalancesOvertaken,
    BillferryError,
    FileRefused,
    FileTooLarge,
    LandedCopyForgotten,
    LandedCopyGone,
    ReportGone,
    concerns_whole_source,
)
from pipeline.load import LoadJob, LoadResult, load_file
from pipeline.report import (
    FileReport,
    Outcomes,
    file_facts,
    nothing_sent,
    refused_unread,
    without_report,
    write_report,
)
from pipeline.run.context import RunContext
from pipeline.run.corrections import BY_CHECK, Correcting, Remembering, recall, take
from pipeline.run.handover import Place
from pipeline.run.progress import check_interruptibly
from pipeline.run.release_gate import GatedFile, GateKeeper, as_reported
from pipeline.run.work_dir import named_apart
from schemas.results import FileFacts, RequestCounts, Summary

log = structlog.get_logger()

MOST_UNMATCHED = 10_000
"""So many names of one source are listed in the result; the ledger remembers all of them for `status`."""


class FileProcessor:
    """Works on the files of one run, and keeps what is said of each."""

    def __init__(self, desk: RunContext) -> None:
        self._desk = desk
        self._gate = GateKeeper(desk)
        self.reports: list[FileReport] = []
        self.done: dict[str, str] = {}
        """SHA-256 → name of the files worked on in this run: none is loaded twice because two sources show it."""
        self.api_stopped: BillferryError | None = None
        """Why the API cannot be used any more; the files that follow are checked and left unfinished."""

    def guarded(self, name: str, work: Callable[[], None]) -> None:
        """One file's trouble never stops the next; even a bug shows its trace and leaves the others alone."""
        try:
            work()
        except BillferryError as error:
            if concerns_whole_source(error):
                raise
            self._desk.require_work_dir()
            self.trouble(name, error)
        except Exception as error:  # noqa: BLE001 (told with its trace, exit 70)
            self._desk.require_work_dir()
            self._desk.bug(name, error)
            self.reports.append(
                without_report(FileFacts(name=name), FileState.UNFINISHED, run=self._desk.facts())
            )

    def trouble(self, name: str, error: BillferryError) -> None:
        """A file that is refused before it is read, or that cannot be worked on now."""
        desk = self._desk
        facts = FileFacts(name=name)
        if isinstance(error, FileRefused | FileTooLarge):
            self.say(refused_unread(name, error, run=desk.facts()))
            return
        desk.fail(error)
        self.reports.append(without_report(facts, FileState.UNFINISHED, run=desk.facts(), notes=[str(error)]))

    def resume(self, row: FileRow) -> None:
        landed = self._desk.landed_from(row)
        if landed.path.exists():
            self.work_on(landed, ())
        elif not self._desk.places.of(row.sha256):
            raise LandedCopyGone(where=landed.path.parent, name=row.name)

    def work_on(self, landed: LandedFile, remotes: tuple[RemoteFile, ...]) -> None:
        """Check, load and report one landed file, then owe its source the move."""
        desk = self._desk
        row = desk.row(landed.sha256)
        back = row is not None and desk.balances.is_back(landed, row)
        if row is not None and row.finished and not desk.options.force and not back:
            self._already_loaded(landed, row, remotes)
            return
        if landed.sha256 in self.done and not back:
            desk.ui.line(
                f"{landed.name}: the same bytes as {self.done[landed.sha256]} above, which is not finished"
            )
            return
        self.done[landed.sha256] = landed.name
        landed = self._named_apart(desk.with_its_totals(landed))
        remotes = remotes or desk.places.of(landed.sha256)
        if row is not None and self._gate.says_as_before(landed, row):
            self._as_before(landed, row, remotes)
            return
        renamed = _renamed(landed, row)
        self.say(self._worked(landed, desk.take_up(landed), remotes, renamed))

    def _named_apart(self, landed: LandedFile) -> LandedFile:
        desk = self._desk
        return named_apart(landed, desk.ledger, desk.reports, dry_run=desk.options.dry_run)

    def _worked(
        self, landed: LandedFile, file_id: int | None, remotes: Sequence[RemoteFile], renamed: Sequence[str]
    ) -> FileReport:
        desk = self._desk
        judged = self._gate.judged(landed, self._checked(landed), file_id)
        checked = judged.checked
        outcomes: Outcomes = nothing_sent
        requests, notes = RequestCounts(), [*renamed]
        if file_id is not None:
            if self._may_load(checked, file_id):
                if not checked.holds:
                    take(desk.connection(), checked, file_id)
                result = self._load(judged, file_id)
                requests, notes = result.requests, [*renamed, *result.notes]
                log.info("loaded", file=landed.name, sha256=landed.sha256, **requests.model_dump())
                self._heed(result)
                checked = self._gate.after_load(judged, file_id)
            checked = self._gate.with_what_is_left(checked, file_id)
            outcomes = desk.outcomes(file_id)
        remembering = Remembering(desk.connection(), file_id, checked) if file_id is not None else None
        report = write_report(
            checked,
            outcomes,
            folder=desk.reports,
            run=desk.facts(),
            requests=requests,
            notes=notes,
            timezone=desk.settings.timezone,
            readers=[remembering] if remembering else [],
        )
        if remembering is not None:
            remembering.end()
        if file_id is not None:
            self._gate.remember_loaded(checked, file_id, report.summary.state, report.summary.records)
        desk.finish(file_id, report, remotes, _place_after(report))
        return report

    def _may_load(self, checked: CheckedFile, file_id: int) -> bool:
        """Of a held file only what is in doubt is settled."""
        if checked.refusal is not None or self.api_stopped is not None:
            return False
        return not checked.holds or self._gate.in_doubt(file_id)

    def _checked(self, landed: LandedFile) -> CheckedFile:
        desk = self._desk
        correcting = Correcting.of(desk.ledger, landed)
        if correcting and not correcting.is_remembered and not desk.options.dry_run:
            recall(desk, correcting.original)
        refusal = correcting.refusal if correcting else None
        checked = check_interruptibly(
            landed,
            landed.path.parent,
            desk.ui,
            limits=desk.settings.limits,
            originals=correcting.originals(desk.lineage.missed()) if correcting and not refusal else None,
        )
        checked = self._within_its_rejects(replace(checked, refusal=refusal) if refusal else checked)
        checked = self._as_it_is_dated(checked)
        counted = {outcome: checked.totals.count(outcome) for outcome in BY_CHECK}
        log.info(
            "checked",
            file=landed.name,
            sha256=landed.sha256,
            refused=checked.refusal.code if checked.refusal else None,
            **counted,
        )
        return checked

    def rewrite(self, row: FileRow) -> None:
        """Write a file's reports again; nothing else changes. Raises LandedCopyForgotten, ReportGone, ConfigError."""
        desk = self._desk
        landed = self._named_apart(desk.landed_from(row))
        then = Summary.model_validate(row.summary, strict=False) if row.summary else None
        if not landed.path.exists():
            raise LandedCopyForgotten(name=row.name)
        if then is None:
            raise ReportGone(name=row.name, problem="it has no report yet; the next run continues with it")
        parts = then.records.parts()
        if desk.kept_outcomes(row.id) < then.records.total - sum(parts[each] for each in BY_CHECK):
            problem = "its outcomes were removed after retention.outcomes_days"
            raise ReportGone(name=row.name, problem=problem)
        checked = self._checked(landed)
        if desk.feed_changed(landed, row) or any(
            checked.totals.count(each) != parts[each] for each in (Outcome.REJECTED, Outcome.DUPLICATE)
        ):
            problem = "its feed has changed since, and the file would be read differently now; restore the feed first"
            raise ReportGone(name=row.name, problem=problem)
        checked = self._gate.with_what_is_left(as_reported(checked, then), row.id)
        said = list(checked.notes)
        report = write_report(
            checked,
            desk.outcomes(row.id),
            folder=desk.reports,
            run=then.run,
            requests=then.requests,
            timezone=desk.settings.timezone,
            notes=then.notes[len(said) :] if then.notes[: len(said)] == said else [],
        )
        self.say(report)
        desk.ui.line(f"  written again: {report.folder}")

    def _within_its_rejects(self, checked: CheckedFile) -> CheckedFile:
        """Refuse a corrected rejects file that holds more than was rejected: totals would not add up any more."""
        source = checked.landed.rejects_of
        if source is None or checked.refusal is not None:
            return checked
        records, rejected = checked.totals.count(Outcome.NOT_ATTEMPTED), self._desk.rejected_by(source)
        if records <= rejected:
            return checked
        problem = f"it contains {records} valid records, but {source} rejected only {rejected}"
        remedy = "keep one row per rejected record; put new records into a file of their own"
        return replace(checked, refusal=Refusal("file.more_than_rejected", f"{problem}; {remedy}"))

    def _as_it_is_dated(self, checked: CheckedFile) -> CheckedFile:
        """Refuse balances that are dated ahead: every file until then would be the older one."""
        if checked.refusal is not None:
            return checked
        row = None if self._desk.options.dry_run else self._desk.row(checked.landed.sha256)
        return replace(checked, refusal=self._desk.balances.refusal(checked.landed, row))

    def _load(self, judged: GatedFile, file_id: int) -> LoadResult:
        from pipeline.edge.billing import BillingApi  # noqa: PLC0415 (an idle run needs no HTTP client)

        desk, checked = self._desk, judged.checked
        to_send = desk.left_to_send(checked, file_id)
        news = desk.balances.news(checked.landed)
        writer, reader = desk.connection(), desk.reader()
        sent = 0
        lineage = desk.lineage
        lineage.advance(day_of(news.watermark), checked.landed.name_parts.get("date", ""))
        with reader as reading, desk.ui.stage("load", checked.landed.name, to_send, "records") as progress:

            def advance(count: int, retried: int) -> None:
                nonlocal sent
                sent += count
                progress(sent, lambda: _pressed(retried, desk.pace.limit_per_s))

            sender = BillingApi(desk.settings.api, desk.api_key())
            result = load_file(
                LoadJob(
                    checked=checked,
                    file_id=file_id,
                    settings=desk.settings,
                    sender=sender,
                    commits=GroupCommit(writer, str(desk.ledger_path), lineage if news.watermark else None),
                    reader=Sends(reading),
                    pace=desk.pace,
                    news=news,
                    clock=desk.now,
                    up_to=0 if checked.holds else judged.up_to,
                    progress=advance,
                )
            )
            desk.clock.heard(sender.date)
        lineage.advance()
        return result

    def _heed(self, result: LoadResult) -> None:
        """A stop of the load is one of the run: the API is gone, refuses us, or somebody wants us to end."""
        if result.stopped is None:
            return
        self._desk.fail(result.stopped)
        self.api_stopped = result.stopped

    def _as_before(self, landed: LandedFile, row: FileRow, remotes: Sequence[RemoteFile]) -> None:
        """A file that still waits for a person, or that one has refused; its bytes may have come under a new name."""
        summary = Summary.model_validate(row.summary, strict=False)
        notes = [*_renamed(landed, row), *summary.notes]
        said = summary.model_copy(update={"run": self._desk.facts(), "notes": notes})
        self.say(FileReport(said))
        if FileState(said.state) is FileState.REFUSED:
            self._desk.places.owe(row.sha256, remotes, "quarantine", None)

    def _already_loaded(self, landed: LandedFile, row: FileRow, remotes: tuple[RemoteFile, ...]) -> None:
        desk = self._desk
        finished = local_time(row.finished_at or row.landed_at, desk.settings.zone)
        notes = [f"this file was already loaded on {finished} as {row.name}; nothing was sent"]
        if desk.feed_changed(landed, row):
            notes.append(
                "the feed has changed since then; billferry load --force sends the file under the new one"
            )
        self.say(without_report(file_facts(landed), FileState.ALREADY_LOADED, run=desk.facts(), notes=notes))
        if desk.balances.is_ambiguous(landed, row):
            desk.fail(BalancesOvertaken(name=landed.name))
        if not desk.options.dry_run and (day := desk.balances.reaffirm(landed, row)) is not None:
            desk.lineage.advance(day)
        desk.places.owe_archiving([(landed.sha256, remotes)])

    def say_unmatched(self, unmatched: Sequence[Unmatched]) -> None:
        """A thousand of them must not bury the one line that counts, nor all that a hostile server shows the result."""
        run = self._desk.facts()
        for number, each in enumerate(unmatched[:MOST_UNMATCHED]):
            facts = FileFacts(name=each.name, size_bytes=each.size_bytes)
            report = without_report(facts, FileState.UNMATCHED, run=run, notes=[each.reason])
            self.say(report, aloud=number < MOST_LINES)
        if len(unmatched) > MOST_LINES:
            self._desk.ui.line(f"and {len(unmatched) - MOST_LINES} more like these are unmatched")

    def say(self, report: FileReport, *, aloud: bool = True) -> None:
        self.reports.append(report)
        if aloud:
            self._desk.ui.file(report)
        file, records = report.summary.file, report.summary.records
        counted = {outcome: count for outcome, count in records.parts().items() if count}
        log.info(
            "file", file=file.name, sha256=file.sha256, feed=file.feed, state=report.summary.state, **counted
        )


def _renamed(landed: LandedFile, row: FileRow | None) -> list[str]:
    """What to say of a file whose bytes were known under another name."""
    return [f"{landed.name} has the same bytes as {row.name}"] if row and landed.name != row.name else []


def _pressed(retried: int, limit_per_s: float | None) -> str:
    """What the progress says of the API."""
    parts = [f"{retried:,} {'retry' if retried == 1 else 'retries'}".replace(",", " ")] if retried else []
    return ", ".join([*parts, *([f"at most {limit_per_s:.0f}/s"] if limit_per_s else [])])


def _place_after(report: FileReport) -> Place | None:
    """Where a file goes at its source; nowhere while anything of it is open."""
    match FileState(report.summary.state):
        case FileState.UNFINISHED | FileState.HELD:
            return None
        case FileState.REFUSED:
            return "quarantine"
        case _:
            return "archive"
