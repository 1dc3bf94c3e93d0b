"""`forget`: a customer's personal data is removed from all that is below work_dir; what was billed stays known.

Copies and reports go first, the ledger last: a kill in between leaves the customer known, and the same command again
finishes the work. Nothing at a source elsewhere is touched; it is listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import orjson
import polars as pl

from pipeline.core.payments.vendor_report import TYPE
from pipeline.core.personal_texts import telling
from pipeline.core.redact import masked_reference
from pipeline.edge.config import Config
from pipeline.edge.disk import remove, remove_tree
from pipeline.edge.ledger.file_rows import FINISHED_STATES, FileRow
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.personal_data import REMOVED, PersonalData
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.local.operator import invoking_user
from pipeline.edge.local.search_bytes import files_mentioning, mentions, needles_of
from pipeline.edge.reader.checked_parts import parts_of, scan_parts
from pipeline.edge.reader.kept_records import (
    discard_kept,
    is_at_hand,
    keep_records,
    kept_folder,
    read_kept,
    remove_landed_copy,
)
from pipeline.errors import (
    EX_OK,
    EX_RECORDS,
    ConfigError,
    CustomerUnsettled,
    FileRefused,
    LandedCopyForgotten,
    ReportGone,
    UnbalancedReport,
    UsageError,
)
from pipeline.monitoring.audit_log import AuditLog, named_files
from pipeline.report.folders import DRY_RUNS, REPORT_NAMES, report_folders
from pipeline.report.redaction import redact_comparison, redact_report, report_names_customer
from pipeline.run.check_stage import check_interruptibly
from pipeline.run.context import Options
from pipeline.run.forget_payments import CustomerPayments, customer_payments, redact_matches
from pipeline.run.kept_text import PERSONAL, KeptText
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.other_copies import copies_below, places_elsewhere, remove_unclaimed
from pipeline.run.process_file import notes_beside
from pipeline.run.release_gate import as_reported
from pipeline.run.ui import Ui
from pipeline.run.uploads import remove_shown_uploads
from schemas.results import Summary
from schemas.settings import Settings

Affected = Sequence[tuple[FileRow, list[int]]]
"""Files with records of the customer, and which records."""
CANNOT_BE_READ_AGAIN = (ReportGone, ConfigError, FileRefused, LandedCopyForgotten, UnbalancedReport)
"""Why a report cannot be written once more: then what may show the customer is taken out of it."""
_NOTE = "billferry forget"


@dataclass(slots=True)
class ForgetResult:
    """What was removed, by name; nothing in it is a customer's."""

    files: list[dict[str, str | int]] = field(default_factory=list)
    """Bill files that the customer was in: `name`, `sha256`, `records`."""
    copies: list[str] = field(default_factory=list)
    """Files below work_dir that were removed."""
    payments_files: list[str] = field(default_factory=list)
    """Payments files below work_dir whose references of the customer were removed."""
    elsewhere: list[str] = field(default_factory=list)
    """What may still hold the data, and was not touched."""
    left: list[str] = field(default_factory=list)
    """Files below work_dir that still mention it: not Billferry's, or still in use."""

    where: str = ""
    """The folder of `copies` and `left`."""
    was_only_looked_at: bool = False
    """Nothing was removed yet."""

    @property
    def exit_status(self) -> int:
        return EX_RECORDS if self.left else EX_OK


def forget_customer(
    config: Config, reference: str, ui: Ui, options: Options, *, only_look: bool = False
) -> ForgetResult:
    """Remove what is known of a customer, by its reference as bill files have it; `only_look`: list that, and remove
    nothing.

    Raises:
        UsageError: nobody knows the reference. CustomerUnsettled: a request about the customer has no known outcome,
        or a file with records of it is not finished; nothing was removed. And as `open_run`.
    """
    with open_run(config, ui, options, "forget", needs_key=False) as opened:
        if not only_look:
            opened.payments.settle()  # a delivery that nobody has read yet may be about the customer
        data = PersonalData(opened.files.ledger, reference)
        with customer_payments(config.settings, reference, data.ids()) as payments:
            forgetting = _Forgetting(opened, config.settings, reference, data, payments)
            affected = forgetting.look()
            return forgetting.would_be(affected) if only_look else forgetting.run(affected)


class _Forgetting:
    """One customer, over one open run."""

    def __init__(
        self,
        opened: OpenRun,
        settings: Settings,
        reference: str,
        data: PersonalData,
        payments: CustomerPayments | None,
    ) -> None:
        self._run = opened
        self._settings = settings
        self._reference = reference
        self._ledger = opened.files.ledger
        self._files = Files(self._ledger)
        self._data = data
        self._payments = payments
        self._values: set[str] = set()
        """Names, e-mails and the like, as the ledger and checked records have them."""
        self._telling: list[str] = []
        """Those that are looked for elsewhere, too."""
        self._needles: tuple[bytes, ...] = ()
        self._written_again: set[str] = set()
        """SHA-256 of files whose reports were written again, without the customer."""
        self._clock = opened.context.options.clock
        self._audit = AuditLog(
            self._ledger, settings, invoking_user(), "forget", opened.context.options.clock
        )

    def look(self) -> Affected:
        """Where the customer is. Raises UsageError, CustomerUnsettled, StoreError."""
        self._run.documents.bring_all()
        if self._data.is_unsettled():
            raise CustomerUnsettled(
                problem="a request about this customer has no known outcome yet",
                remedy="Run billferry run until it is settled",
            )
        for details in self._data.details():
            self._take_values(details)
        affected = list(self._affected())
        reports = [folder for folder in report_folders(self._reports) if self._names_it(folder)]
        self._refuse_open(affected)
        if self._payments is not None:
            self._payments.refuse_owed()
        has_payments = self._payments is not None and self._payments.customer.is_known()
        if not affected and not reports and not self._data.is_known() and not has_payments:
            raise UsageError(
                problem="no file and no request was about a customer with this reference",
                remedy="give the customer reference as bill files have it",
            )
        self._telling = self._data.of_nobody_else(telling(self._values))
        self._needles = needles_of(self._telling)
        return affected

    def would_be(self, affected: Affected) -> ForgetResult:
        """What `run` would remove, and what is elsewhere."""
        rows, work_dir = [row for row, _ in affected], self._settings.work_dir
        return ForgetResult(
            files=[
                {"name": row.name, "sha256": row.sha256, "records": len(records)} for row, records in affected
            ],
            copies=[
                str(path.relative_to(work_dir)) for path in copies_below(self._settings, self._hashes(rows))
            ],
            payments_files=[file.name for file in self._payments.files()] if self._payments else [],
            elsewhere=list(places_elsewhere(self._settings, rows, self._ledger)),
            where=str(work_dir),
            was_only_looked_at=True,
        )

    def run(self, affected: Affected) -> ForgetResult:
        """Remove everything; see the module."""
        rows, work_dir = [row for row, _ in affected], self._settings.work_dir
        result = replace(self.would_be(affected), was_only_looked_at=False)
        self._audit.begin(self._run.context.run_id)
        self._data.remove_quotes(self._telling)
        for row, records in affected:
            self._redact_file(row, records)
        for folder in report_folders(self._reports):
            self._redact_report(folder)
        redact_matches(self._settings, self._reference)
        self._remove_copies(rows)
        if self._payments is not None:
            self._payments.remove(self._telling)
        self._run.documents.follow_forgetting()
        self._redact_ledger(rows)
        found = files_mentioning(work_dir, self._needles)
        result.left = [str(path.relative_to(work_dir)) for path in found]
        self._audit.end(result.exit_status, {})
        return result

    @property
    def _reports(self) -> Path:
        return self._settings.work_dir / "reports"

    # -- where the customer is --

    def _affected(self) -> Iterator[tuple[FileRow, list[int]]]:
        """Files with records of the customer, and which records, as far as that can still be told."""
        by_ledger = self._data.file_ids()
        for row in self._files.all():
            at_hand = is_at_hand(self._content(row))
            if self._is_report(row):
                if at_hand and self._may_name_it(row):
                    yield row, []
                continue
            records = self._records_of(row) if at_hand else []
            if records is None or records or row.id in by_ledger:
                yield row, records or []

    def _is_report(self, row: FileRow) -> bool:
        """Whether it is the vendor's report of payments, which has no records: also one that a run is at."""
        feed = next((each for each in self._settings.feeds if each.name == row.feed), None)
        return row.is_report or (feed is not None and feed.is_of_reports)

    def _may_name_it(self, row: FileRow) -> bool:
        """Whether a report has the reference anywhere; of one that is packed or encrypted nobody can tell."""
        content = self._content(row).read_bytes()
        return self._reference.encode() in content or TYPE.encode() not in content.lower()

    def _content(self, row: FileRow) -> Path:
        return self._settings.work_dir / "landing" / row.sha256 / "content"

    def _records_of(self, row: FileRow) -> list[int] | None:
        """The customer's records in a file that is at hand; None where nobody can tell."""
        content = self._content(row)
        folder = kept_folder(content) or content.parent
        total = ((row.summary or {}).get("records") or {}).get("total")
        parts = parts_of(folder / "records")
        if not row.is_open and parts and scan_parts(*parts).select(pl.len()).collect().item() == total:
            return self._scanned(folder / "records")
        try:
            landed = self._run.files.landed_from(row)
            with self._run.processor.opened(landed) as file:
                return self._scanned(check_interruptibly(landed, file, self._run.context.ui).records)
        except CANNOT_BE_READ_AGAIN:
            return None

    def _scanned(self, records: Path) -> list[int]:
        """Numbers of the customer's records; their details are among the values from now on."""
        parts = parts_of(records)
        if not parts:
            return []
        ours = scan_parts(*parts).filter(pl.col("customer_reference") == self._reference)
        rows = ours.select("record", *PERSONAL).collect()
        for name in PERSONAL:
            for value in rows[name].drop_nulls().unique():
                self._take_values(orjson.loads(value) if name.endswith("metadata") else value)
        return rows["record"].to_list()

    def _take_values(self, value: object) -> None:
        """Every text within a value."""
        if isinstance(value, dict):
            for inner in value.values():
                self._take_values(inner)
        elif isinstance(value, str) and value:
            self._values.add(value)

    def _names_it(self, folder: Path) -> bool:
        return report_names_customer(folder, self._reference)

    def _refuse_open(self, affected: Affected) -> None:
        """Raises CustomerUnsettled: records of the customer are still to be sent."""
        for row, records in affected:
            if row.is_open and records:
                state = "held" if row.held else "not finished"
                raise CustomerUnsettled(
                    problem=f"{row.name} has records of this customer and is {state}",
                    remedy="Release or refuse it" if row.held else "Run billferry run until it is finished",
                )

    # -- removing --

    def _redact_file(self, row: FileRow, records: list[int]) -> None:
        """The landed copy goes; of a finished file the checked records stay, without the customer's details."""
        if row.is_open:
            return
        self._data.remove_messages(row.id, records)
        content = self._content(row)
        if row.state in FINISHED_STATES and is_at_hand(content):
            try:
                self._keep(row, len(records))
            except CANNOT_BE_READ_AGAIN:
                pass
            else:
                return
        discard_kept(content)
        if content.parent.exists():
            remove_landed_copy(content)

    def _keep(self, row: FileRow, count: int) -> None:
        """Keep what reports and `retry` need, remove the copy, and write the report again.

        Of an encrypted file nothing is kept that can be read: only its report is written from that.
        """
        content = self._content(row)
        with self._run.processor.as_reported(row) as (checked, then):
            before = replace(checked, notes=_without_ours(checked.notes))
            beside = notes_beside(before, then.model_copy(update={"notes": list(_without_ours(then.notes))}))
            sends = Sends(self._ledger)
            text = KeptText(
                checked, lambda each: sends.outcomes(row.id, each), self._reference, self._needles
            )
            notes = tuple(dict.fromkeys((*before.notes, *_ours(checked.notes), self._note(count))))
            is_encrypted = checked.landed.feed.pgp is not None and kept_folder(content) is None
            folder = checked.records.parent if is_encrypted else content.parent
            keep_records(checked, notes, text, folder)
            if is_encrypted:
                self._report_from(row, folder, then, beside)
        remove_landed_copy(content)
        if not is_encrypted:
            self._report_from(row, content.parent, then, beside)

    def _report_from(self, row: FileRow, folder: Path, then: Summary, beside: Sequence[str]) -> None:
        """Write a report from what is kept of its file in `folder`, and remember what it says."""
        landed = self._run.files.named_apart(self._run.files.landed_from(row))
        kept = read_kept(landed, folder)
        if kept is None:
            raise ReportGone(name=row.name, problem="what was kept of it is not there")
        report = self._run.processor.reported_again(row, as_reported(kept, then), then, beside)
        self._data.keep_summary(row.id, report.summary.model_dump_json())
        self._written_again.add(row.sha256)

    def _note(self, count: int) -> str:
        today: datetime = self._clock().astimezone(self._settings.zone)
        records = "1 record" if count == 1 else f"{count} records"
        return (
            f"{_NOTE} removed the details of a customer on {today:%Y-%m-%d}: {records}; rejects of it are left out,"
            " and a record that is sent again has no details"
        )

    def _redact_report(self, folder: Path) -> None:
        """A report that still names the customer's details: of a dry run it goes, others lose what shows them."""

        def mentioned(path: Path) -> bool:
            return mentions(path, self._needles)

        if folder.parent.name == DRY_RUNS:
            if self._names_it(folder) or any(map(mentioned, folder.iterdir())):
                remove_tree(folder)
            return
        (results,), (page,) = REPORT_NAMES["results"], REPORT_NAMES["page"]
        is_comparison = redact_comparison(folder / results, folder / page, self._reference)
        if not is_comparison and not self._is_written_again(folder):
            redact_report(folder, self._reference, self._telling, REMOVED, mentioned)

    def _is_written_again(self, folder: Path) -> bool:
        try:
            sha256 = orjson.loads((folder / "summary.json").read_bytes())["file"]["sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            return False
        return sha256 in self._written_again

    def _hashes(self, rows: Sequence[FileRow]) -> set[str]:
        """SHA-256s of files, and of the archives that they came in."""
        return {row.sha256 for row in rows} | {
            archive for row in rows for archive in self._data.archives_with(row.sha256)
        }

    def _remove_copies(self, rows: Sequence[FileRow]) -> None:
        """Other copies below work_dir: archived files, archives that files came in, copies that nobody took up."""
        hashes = self._hashes(rows)
        remove_unclaimed(
            self._settings, self._files, lambda sha256: sha256 in hashes or not self._data.is_archive(sha256)
        )
        remove_shown_uploads(self._settings)
        for path in copies_below(self._settings, hashes):
            remove(path)

    def _redact_ledger(self, rows: list[FileRow]) -> None:
        """The ledger last, with its entry in the audit trail in the same step; then what SQLite left behind."""
        with self._audit.together():
            self._data.remove()
            self._audit.done(named_files(rows), customer=masked_reference(self._reference))
        self._data.overwrite()


def _ours(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note for note in notes if note.startswith(_NOTE))


def _without_ours(notes: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(note for note in notes if not note.startswith(_NOTE))
