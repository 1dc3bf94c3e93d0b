"""The load of one judged file, as a run sees it: what is taken of an original, the requests, what is left to send."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from pipeline.core.api.rate_limiter import Pace
from pipeline.core.api.watermarks import day_of
from pipeline.core.file_stages import CheckedFile
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.group import GroupCommit
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.place import open_merchants_ledger
from pipeline.edge.ledger.sends import Sends
from pipeline.edge.log import get_logger
from pipeline.errors import BillferryError
from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.loader import load_file
from pipeline.load.planner import buckets, count_to_send
from pipeline.report.results import Outcomes
from pipeline.report.summary import no_chain
from pipeline.run.chain_reports import chain_reader
from pipeline.run.clock_check import Timekeeper
from pipeline.run.context import RunContext
from pipeline.run.correction_claims import take
from pipeline.run.corrections import Correcting
from pipeline.run.file_repository import FileInWork, FileRepository
from pipeline.run.load_watch import STOPPED_ON_PAGE, LoadWatch
from pipeline.run.payments_stage import PaymentsStage
from pipeline.run.release_gate import GatedFile, GateKeeper
from pipeline.run.remember_accepted import AcceptedRecords
from pipeline.run.remember_rejects import Remembering, recall
from pipeline.run.stored_documents import StoredDocuments
from schemas.results import ChainFacts, RequestCounts, Summary

log = get_logger()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the load of a file came to, for its report."""

    checked: CheckedFile
    """Held again where a limit was reached."""
    outcomes: Outcomes
    requests: RequestCounts = field(default_factory=RequestCounts)
    notes: tuple[str, ...] = ()
    remembering: Remembering | None = None
    """Reads the report's rows for those who will correct its rejects. None: what an earlier load has left stays, since
    rejects of a file that is held or refused cannot be corrected."""
    accepted: AcceptedRecords | None = None
    """Reads the report's rows for `export`. None: nothing can have been loaded."""
    chain: Callable[[Summary], ChainFacts | None] = no_chain
    """Asked after that: what became of its rejects since."""


class Loading(Protocol):
    """Sends files, or nothing (`read_only.SendsNothing`). `stopped`: why the API cannot be used any more."""

    @property
    def stopped(self) -> BillferryError | None:
        """Why no file can be loaded any more in this run; None: nothing is known against it."""

    def prepare(self, correcting: Correcting) -> None:
        """Before a correction is checked: see to it that what its original rejected is remembered."""

    def load(self, work: FileInWork, judged: GatedFile) -> Loaded:
        """Send what the gate lets through, and tell what the report needs. Raises DiskFull."""


@dataclass(slots=True)
class Loader:
    """Loads the files of one run, one after another, over one API key and one pace."""

    context: RunContext
    files: FileRepository
    gate: GateKeeper
    clock: Timekeeper
    where: str
    """Where the ledger is, for messages."""
    reader: Callable[[], AbstractContextManager[Ledger]]
    """A second connection, for reading while the load writes."""
    api_key: Callable[[], str]
    pace: Pace
    payments: PaymentsStage
    documents: StoredDocuments
    stopped: BillferryError | None = None

    def prepare(self, correcting: Correcting) -> None:
        """Before a correction is checked: remember what an original that an earlier version loaded has rejected."""
        if not correcting.is_remembered:
            recall(self.context, self.files, correcting.original)

    def load(self, work: FileInWork, judged: GatedFile) -> Loaded:
        """Send what the gate lets through; of a held file only what is in doubt is settled.

        Raises DiskFull when the ledger cannot be written. Any other stop is reported and kept in `stopped`: the API is
        gone, refuses us, or somebody wants us to end, and the files that follow are checked and left unfinished.
        """
        ledger, file_id, checked = self.files.ledger, work.file_id, judged.checked
        requests, notes = RequestCounts(), tuple[str, ...]()
        if self._may_load(checked, file_id):
            if not checked.holds:
                take(ledger, checked, file_id)
            result = self._send(work, judged)
            requests, notes = result.requests, result.notes
            log.info("loaded", file=work.landed.name, sha256=work.landed.sha256, **requests.model_dump())
            if result.stopped is not None:
                self.context.fail(result.stopped)
                self.stopped = result.stopped
            checked = self.gate.after_load(judged, file_id)
        else:
            checked = self.gate.with_what_is_left(checked, file_id)
        sends = Sends(ledger)
        return Loaded(
            checked,
            lambda records: sends.outcomes(file_id, records),
            requests,
            notes,
            None if checked.holds or checked.refusal else Remembering(ledger, file_id, checked),
            AcceptedRecords(ledger, file_id, self.clock.now()),
            chain_reader(ledger, file_id, afresh=True),
        )

    def _may_load(self, checked: CheckedFile, file_id: int) -> bool:
        """Whether anything is sent, or asked, for this file."""
        if checked.refusal is not None or self.stopped is not None:
            return False
        return not checked.holds or self.gate.in_doubt(file_id)

    def _send(self, work: FileInWork, judged: GatedFile) -> LoadResult:
        """One load over the API, with progress.

        The ledger's lineage advances before and after it, so that a copy of the ledger that was made before, or in
        between, is recognised as one when it is put back. Raises DiskFull.
        """
        from pipeline.edge.billing.api import BillingApi  # noqa: PLC0415 (an idle run needs no HTTP client)

        self.documents.note_original(work.file_id, work.landed.sha256)
        self.documents.put_owed()  # another host may have to go on with it
        settings, checked, news = self.context.settings, judged.checked, work.news
        settled = Sends(self.files.ledger).count_settled(work.file_id)
        to_send = count_to_send(checked.records) - settled
        guard = self.payments.guard(checked.landed.feed)
        lineage = Lineage(self.files.ledger, settings.work_dir)
        lineage.advance(day_of(news.watermark), checked.landed.name_parts.get("date", ""))
        sent = 0
        key, senders = self.api_key(), list[BillingApi]()
        stage = self.context.ui.stage("load", checked.landed.name, to_send, "records")
        with self.reader() as reading, self.reader() as looking, guard as payments, stage as progress:

            def advance(count: int, retried: int) -> None:
                nonlocal sent
                sent += count
                progress(sent, lambda: _pressed(retried, self.pace.limit_per_s))

            def sender() -> BillingApi:
                senders.append(BillingApi(settings.api, key))
                return senders[-1]

            known, up_to = Sends(reading), 0 if checked.holds else judged.up_to
            model = checked.landed.feed.model
            job = LoadJob(
                file_id=work.file_id,
                plan=partial(buckets, checked.records, model, known, work.file_id, up_to=up_to),
                settings=settings,
                sender=sender,
                commits=lambda: GroupCommit(
                    self.files.ledger, self.where, lineage if news.watermark else None
                ),
                reader=known,
                pace=self.pace,
                recency=news,
                clock=self.context.options.clock,
                beside=LoadWatch(looking, work.file_id, checked.records, self.context.options.clock),
                payments=payments,
                payments_included_until=checked.payments_included_until,
                progress=advance,
            )
            if self.files.ledger.is_shared:
                result = self._over_hosts(job, checked, to_send if up_to is None else 0)
            else:
                result = load_file(job)
            for each in senders:
                self.clock.heard(each.date)
        lineage.advance()
        # What a person has stopped is held, and the files behind it are loaded.
        return replace(result, stopped=None) if result.stopped is STOPPED_ON_PAGE else result

    def _over_hosts(self, job: LoadJob, checked: CheckedFile, to_send: int) -> LoadResult:
        """Load with the workers that are there, who may send `to_send` of its records. Raises DiskFull."""
        from pipeline.workers.spread import load_over_hosts  # noqa: PLC0415 (only with a shared ledger)

        return load_over_hosts(
            job,
            checked,
            to_send,
            ledger=self.files.ledger,
            connect=lambda: closing(open_merchants_ledger(self.context.settings)),
            where=self.where,
        )


def _pressed(retried: int, limit_per_s: float | None) -> str:
    """What the progress says of the API."""
    parts = [f"{retried:,} {'retry' if retried == 1 else 'retries'}".replace(",", " ")] if retried else []
    return ", ".join([*parts, *([f"at most {limit_per_s:.0f}/s"] if limit_per_s else [])])
