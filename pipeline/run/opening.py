"""Opens a run: the lock, the ledger, and everything else that its work needs, handed out once.

Here alone a dry run is decided: it holds no lock and is handed what cannot write (`read_only`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.core.api.rate_limiter import Pace
from pipeline.edge.config import Config, api_key
from pipeline.edge.disk import private_folder
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.files import Files
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.place import ledger_place, may_be_there, open_ledger, open_merchants_ledger
from pipeline.edge.ledger.record_search import RecordSearch
from pipeline.edge.local.lock import held_scratch_folder, only_run
from pipeline.edge.local.operator import invoking_user
from pipeline.edge.store.place import open_store
from pipeline.errors import EX_OK, LedgerOutdated
from pipeline.monitoring.audit_log import AuditLog
from pipeline.monitoring.run_history import History, RunHistory
from pipeline.report.folders import DRY_RUNS
from pipeline.run.api_look_ups import BillLookUps
from pipeline.run.balance_files import balance_files, recognised
from pipeline.run.chain_reports import ReportRenewer
from pipeline.run.check_notes import CheckNotes
from pipeline.run.clock_check import Timekeeper
from pipeline.run.collect_stage import Collecting
from pipeline.run.context import Options, RunContext
from pipeline.run.feed_matching import matching_of_run
from pipeline.run.file_reports import FileReports
from pipeline.run.file_repository import FileRepository, LedgerFiles
from pipeline.run.handover import HandOver
from pipeline.run.load_stage import Loader, Loading
from pipeline.run.payments_stage import InboxPayments, NoPayments, PaymentsStage
from pipeline.run.process_file import FileProcessor
from pipeline.run.read_only import (
    NoHistory,
    NoUpkeep,
    ReadOnlyDecisions,
    ReadOnlyFiles,
    ReadOnlyMemory,
    SendsNothing,
)
from pipeline.run.release_gate import DecisionMemory, GateKeeper
from pipeline.run.report_files import ReportFiles
from pipeline.run.sources import SourceRegistry
from pipeline.run.stored_documents import StoredDocuments
from pipeline.run.ui import Ui
from pipeline.run.upkeep import Upkeep, WorkDirUpkeep
from pipeline.run.work_dir import DRY_RUN, sweep_leftovers
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run with its lock held (unless dry): who does what in it. Each is given what it needs, and no more."""

    context: RunContext
    files: FileRepository
    sources: SourceRegistry
    handovers: HandOver
    history: History
    upkeep: Upkeep
    reports: FileReports
    collecting: Collecting
    loading: Loading
    processor: FileProcessor
    payments: PaymentsStage
    documents: StoredDocuments


@contextmanager
def open_run(
    config: Config,
    ui: Ui,
    options: Options,
    command: str,
    *,
    needs_key: bool = True,
    elsewhere: int = EX_OK,
) -> Iterator[OpenRun]:
    """Open a run of that config, for as long as the block lasts.

    Args:
        command: what the audit trail says of it.
        needs_key: a wrong API key is reported before anything is fetched; false for a run that sends nothing.
        elsewhere: exit status of what is known to be wrong at places that this run does not look at; it is remembered
        of
            the run, and no other effect comes of it.

    Raises:
        AnotherRun: the lock is taken for longer than `options.wait_s`; never in a dry run.
        ConfigError, LedgerOfAnother, LedgerDamaged, DiskFull: nothing was begun.
    """
    private_folder(config.settings.work_dir, close=True)
    with (
        _dry(config.settings, ui, options)
        if options.dry_run
        else _locked(config.settings, ui, options, command, needs_key=needs_key, elsewhere=elsewhere)
    ) as opened:
        yield opened


@contextmanager
def open_preview(settings: Settings, ui: Ui, reports: Path, loading: Loading) -> Iterator[OpenRun]:
    """A dry run beside whatever run is at work.

    Args:
        reports: its reports are written below this folder.
        loading: is given each file as it is checked and judged, and sends nothing.

    Raises as `open_run`.
    """
    private_folder(settings.work_dir, close=True)
    with _dry(settings, ui, Options(dry_run=True), reports, loading) as opened:
        yield opened


@contextmanager
def _dry(
    settings: Settings, ui: Ui, options: Options, reports: Path | None = None, loading: Loading | None = None
) -> Iterator[OpenRun]:
    """Without the lock: files land in a scratch folder, reports are written beside those of runs."""
    beside = settings.work_dir / "reports"
    with held_scratch_folder(DRY_RUN, settings.work_dir) as landing:
        private_folder(beside)
        context = RunContext(
            settings,
            ui,
            options,
            landing,
            reports or beside / DRY_RUNS,
            landing.is_dir,
            started_at=options.clock(),
        )
        with closing(_ledger_to_read(settings, landing)) as ledger:
            yield _read_only(context, ledger, loading or SendsNothing())


@contextmanager
def _locked(
    settings: Settings, ui: Ui, options: Options, command: str, *, needs_key: bool, elsewhere: int
) -> Iterator[OpenRun]:
    """With the lock held, killed runs swept away and the ledger recognised."""
    work_dir, place = settings.work_dir, ledger_place(settings)
    landing, reports = work_dir / "landing", work_dir / "reports"
    with only_run(work_dir / "lock", wait_s=options.wait_s) as in_place:
        key = api_key(settings) if needs_key else None
        open_store(settings)  # a mistake in how it is set up is told before anything is begun
        sweep_leftovers(work_dir)
        context = RunContext(settings, ui, options, landing, reports, in_place, started_at=options.clock())
        if settings.page is not None and settings.page.listen is not None:
            context.note_check = CheckNotes(settings, options.clock).note
        pace = Pace(settings.api.requests_per_second)
        look_up = None if key is None else BillLookUps(settings.api, key, pace)
        with (
            closing(open_merchants_ledger(settings)) as ledger,
            ledger.hold(options.wait_s),
            _payments(context, ledger, look_up) as payments,
        ):
            audit = _audit(context, ledger, command)
            if Lineage(ledger, work_dir).may_be_behind():  # noted first: a kill in between notes it twice
                audit.restored()
            if (behind := recognised(Lineage(ledger, work_dir), settings, context.started_at)) is not None:
                ui.warn(f"{place}: {behind}")
            yield _writable(
                context,
                ledger,
                audit,
                key=lambda: key or api_key(settings),
                pace=pace,
                payments=payments,
                elsewhere=elsewhere,
            )


@contextmanager
def _payments(context: RunContext, ledger: Ledger, look_up: BillLookUps | None) -> Iterator[PaymentsStage]:
    """The payments of a run that changes things. Raises as `open_inbox`."""
    settings = context.settings
    if settings.payments is None:
        yield NoPayments()
        return
    inbox = open_inbox(
        inbox_path(settings.work_dir), merchant=settings.merchant, environment=settings.environment
    )
    with closing(inbox):
        yield InboxPayments(
            settings,
            settings.payments,
            inbox,
            ledger,
            context.options.clock,
            context.ui.line,
            lambda: closing(open_merchants_ledger(settings, read_only=True)),
            context.ui.warn,
            look_up,
        )


def _ledger_to_read(settings: Settings, scratch: Path) -> Ledger:
    """The merchant's ledger, or before the first run an empty one that is thrown away."""
    try:
        if may_be_there(ledger_place(settings)):
            return open_merchants_ledger(settings, read_only=True)
    except LedgerOutdated as error:
        if error.facts["version"] != 0:
            raise
    return open_ledger(
        scratch / "ledger.sqlite", merchant=settings.merchant, environment=settings.environment
    )


def _audit(context: RunContext, ledger: Ledger, command: str) -> AuditLog:
    """What this run writes into the audit trail; its reports note the newest entry."""
    options = context.options
    said = {
        "force": options.force,
        "limit": options.limit,
        "feed": options.feed.name if options.feed else None,
    }
    audit = AuditLog(
        ledger,
        context.settings,
        invoking_user(),
        command,
        options.clock,
        {name: value for name, value in said.items() if value},
        waits=options.is_a_further_look,
    )
    context.audit_head = audit.head
    return audit


def _writable(
    context: RunContext,
    ledger: Ledger,
    audit: AuditLog,
    *,
    key: Callable[[], str],
    pace: Pace,
    payments: PaymentsStage,
    elsewhere: int,
) -> OpenRun:
    """A run that changes things: over the ledger itself, with a load that sends."""
    settings, options = context.settings, context.options
    if settings.page is not None:
        RecordSearch(ledger).make_indexes()
    clock = Timekeeper(options.clock, ledger, settings.zone)
    memory = Files(ledger)
    handovers = HandOver(settings, memory)
    balances = balance_files(ledger, settings, options.clock, forced=options.force)
    documents = StoredDocuments(settings, ledger, options.clock, context.fail)
    documents.remove_forgotten()
    files = LedgerFiles(
        ledger, settings, context.reports, balances, handovers, clock, audit, options.force, documents
    )
    gate = _gate(context, files, Decisions(ledger))
    return _wired(
        context=context,
        files=files,
        gate=gate,
        sources=SourceRegistry(settings, memory),
        handovers=handovers,
        history=RunHistory(settings, ledger, audit, context.ui.warn, elsewhere),
        upkeep=WorkDirUpkeep(
            settings,
            ledger,
            clock,
            key,
            context.ui.line,
            ReportRenewer(settings, ledger, context.reports, handovers, documents),
            documents,
        ),
        loading=Loader(
            context=context,
            files=files,
            gate=gate,
            clock=clock,
            where=str(ledger_place(settings)),
            reader=lambda: closing(open_merchants_ledger(settings, read_only=True)),
            api_key=key,
            pace=pace,
            payments=payments,
            documents=documents,
        ),
        payments=payments,
        documents=documents,
        put_back=True,
    )


def _read_only(context: RunContext, ledger: Ledger, loading: Loading) -> OpenRun:
    """A dry run: everything that could change something is one that does not (`read_only`)."""
    settings, options, memory = context.settings, context.options, ReadOnlyMemory(Files(ledger))
    balances = balance_files(ledger, settings, options.clock, forced=options.force)
    files = ReadOnlyFiles(ledger, settings, context.reports, balances)
    held_in_copy = Lineage(ledger, settings.work_dir).held_in_copy()
    gate = _gate(context, files, ReadOnlyDecisions(Decisions(ledger), held_in_copy))
    return _wired(
        context=context,
        files=files,
        gate=gate,
        sources=SourceRegistry(settings, memory),
        handovers=HandOver(settings, memory),
        history=NoHistory(),
        upkeep=NoUpkeep(),
        loading=loading,
        payments=NoPayments(),
        documents=StoredDocuments(settings, ledger),
        put_back=False,
    )


def _gate(context: RunContext, files: FileRepository, decisions: DecisionMemory) -> GateKeeper:
    """The gate of both kinds of run; `decisions` decides whether it remembers what it judges."""
    options = context.options
    return GateKeeper(context.settings, files, decisions, options.clock, options.limit, options.force)


def _wired(
    *,
    context: RunContext,
    files: FileRepository,
    gate: GateKeeper,
    sources: SourceRegistry,
    handovers: HandOver,
    history: History,
    upkeep: Upkeep,
    loading: Loading,
    payments: PaymentsStage,
    documents: StoredDocuments,
    put_back: bool,
) -> OpenRun:
    """Who needs whom. `put_back`: files that a killed run left aside at a source get their names back."""
    reports, done = FileReports(context), dict[str, str]()
    matching = matching_of_run(context.settings, files, context.landing)
    collecting = Collecting(
        context, files, sources, handovers, history, reports, matching, done, put_back=put_back
    )
    comparing = ReportFiles(context, payments)
    processor = FileProcessor(
        context, files, gate, loading, sources, handovers, reports, comparing, matching, done
    )
    return OpenRun(
        context,
        files,
        sources,
        handovers,
        history,
        upkeep,
        reports,
        collecting,
        loading,
        processor,
        payments,
        documents,
    )
