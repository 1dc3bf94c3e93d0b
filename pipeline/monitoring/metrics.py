"""The current status as metrics. The table in docs/monitoring.md is generated from `MEANINGS`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from pipeline.core.outcomes import FileState, Outcome
from pipeline.core.payments.payment_outcomes import PaymentOutcome
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.runs import RunRow
from pipeline.monitoring.payments_standing import PaymentsStanding
from pipeline.monitoring.system_status import SystemStatus
from schemas.settings import Settings

MEANINGS = {
    "billferry_last_run_timestamp_seconds": "When the last run ended, whatever its result.",
    "billferry_last_run_duration_seconds": "Duration of the last run.",
    "billferry_last_run_exit_status": "Exit status of the last run.",
    "billferry_last_run_files": "Files of the last run, by final state.",
    "billferry_last_success_timestamp_seconds": "When a run last finished (exit status 0 or 1).",
    "billferry_files": "Files in the ledger, by state.",
    "billferry_records": "Records of these files, by outcome.",
    "billferry_amount_minor": "Amounts of these records in minor units, by currency and outcome.",
    "billferry_files_unfinished": "Files that a run must resume.",
    "billferry_files_held": "Files waiting for a person to release or refuse them.",
    "billferry_files_waiting": "Files not yet taken by a run, by source.",
    "billferry_records_in_doubt": "Records sent whose outcome is unknown.",
    "billferry_in_doubt_since_timestamp_seconds": "When the oldest request in doubt was first sent.",
    "billferry_workers": "Processes that help with loads; only with a ledger in PostgreSQL.",
    "billferry_worker_records": "Records that these processes have settled since each began, by host.",
    "billferry_handovers_owed": "Moves and uploads still to be done at a source.",
    "billferry_feed_late": "1 if a feed's expect_by has passed without a file, else 0.",
    "billferry_feed_last_file_timestamp_seconds": "When the last file of a feed arrived.",
    "billferry_payments_received": "Webhook deliveries in the inbox, repeated ones once.",
    "billferry_payments_unread": "Deliveries that the next run reads.",
    "billferry_payments": "Deliveries that were read, by outcome.",
    "billferry_payments_files_pending": "Payments files not handed over yet.",
    "billferry_payments_last_received_timestamp_seconds": "When the last delivery was received.",
}
"""Name → meaning. All are gauges with the labels `merchant` and `environment`."""

Sample = tuple[str, Mapping[str, str], int | float]
"""Name of the metric, its own labels, its value."""


def metrics_text(settings: Settings, stands: SystemStatus, payments: PaymentsStanding | None) -> str:
    """The whole metrics file, in Prometheus' text format 0.0.4. A metric without samples is left out.

    Every sample has the labels `merchant` and `environment`, so that one Prometheus can watch several merchants.
    """
    labels = {"merchant": settings.merchant, "environment": settings.environment}
    return exposition([*_samples(settings, stands), *_payments(payments)], MEANINGS, labels)


def exposition(samples: Iterable[Sample], meanings: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """Gauges in Prometheus' text format; `labels` are put on every sample, whose own labels win.

    Args:
        samples: in any order; those of one metric are written together.
        meanings: metric → its help text; a sample of a metric that is not there is a KeyError.

    Values are 64-bit floats there, as in Prometheus itself: beyond 2**53 minor units a sum is not exact.
    """
    # Only a run that writes metrics needs the library.
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.core import GaugeMetricFamily, Metric  # noqa: PLC0415
    from prometheus_client.registry import Collector  # noqa: PLC0415

    families = {name: GaugeMetricFamily(name, meaning) for name, meaning in meanings.items()}
    for name, own, value in samples:
        families[name].add_sample(name, {**labels, **own}, value)

    class Families(Collector):
        def collect(self) -> Iterable[Metric]:
            return [family for family in families.values() if family.samples]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Families())
    return generate_latest(registry).decode()


def _samples(settings: Settings, stands: SystemStatus) -> Iterator[Sample]:
    """Every metric of `MEANINGS` that there is something to say of, with its own labels."""
    yield from _last_run(stands.last_run)
    if (finished := stands.last_finished) is not None and finished.finished_at is not None:
        yield "billferry_last_success_timestamp_seconds", {}, _seconds(finished.finished_at)
    states = stands.states()
    for state in FileState:
        if state in states:
            yield "billferry_files", {"state": state}, states[state]
    yield from _sums(stands.files)
    yield "billferry_files_unfinished", {}, len(stands.unfinished)
    undecided = [row for row in stands.held if row.sha256 not in stands.decided]
    yield "billferry_files_held", {}, len(undecided)
    for source, names in stands.waiting.items():
        yield "billferry_files_waiting", {"source": source}, len(names)
    yield "billferry_records_in_doubt", {}, stands.records_in_doubt
    if stands.in_doubt_since is not None:
        yield "billferry_in_doubt_since_timestamp_seconds", {}, _seconds(stands.in_doubt_since)
    if settings.ledger != "sqlite":
        yield "billferry_workers", {}, len(stands.workers)
        by_host: Counter[str] = Counter()
        for worker in stands.workers:
            by_host[worker.host] += worker.records
        for host, records in by_host.items():
            yield "billferry_worker_records", {"host": host}, records
    for source, owed in stands.owed.items():
        yield "billferry_handovers_owed", {"source": source}, owed
    late = {each.feed for each in stands.late}
    for feed in settings.feeds:
        if feed.expect_by is not None:
            yield "billferry_feed_late", {"feed": feed.name}, int(feed.name in late)
        if feed.name in stands.arrivals:
            last_at = stands.arrivals[feed.name].timestamp()
            yield "billferry_feed_last_file_timestamp_seconds", {"feed": feed.name}, last_at


def _payments(payments: PaymentsStanding | None) -> Iterator[Sample]:
    """Nothing where payments are not configured."""
    if payments is None:
        return
    inbox = payments.inbox
    yield "billferry_payments_received", {}, inbox.received
    yield "billferry_payments_unread", {}, inbox.not_read
    for outcome in PaymentOutcome:
        yield "billferry_payments", {"outcome": outcome}, payments.outcomes.get(outcome, 0)
    yield "billferry_payments_files_pending", {}, inbox.files_pending
    if inbox.last_received_at is not None:
        yield "billferry_payments_last_received_timestamp_seconds", {}, _seconds(inbox.last_received_at)


def _last_run(run: RunRow | None) -> Iterator[Sample]:
    """Of a run that has ended; one that was killed says nothing."""
    if run is None or run.finished_at is None or run.exit_status is None:
        return
    ended = _seconds(run.finished_at)
    yield "billferry_last_run_timestamp_seconds", {}, ended
    yield "billferry_last_run_duration_seconds", {}, ended - _seconds(run.started_at)
    yield "billferry_last_run_exit_status", {}, run.exit_status
    for state, count in run.states.items():
        yield "billferry_last_run_files", {"state": state}, count


def _sums(files: Sequence[FileRow]) -> Iterator[Sample]:
    """Records and amounts over all files of the ledger, as their last reports counted them."""
    records: Counter[str] = Counter()
    amounts: dict[str, Counter[str]] = {}
    for row in files:
        summary = row.summary or {}
        records.update({each: summary.get("records", {}).get(each, 0) for each in Outcome})
        for currency, parts in summary.get("amounts_minor", {}).items():
            amounts.setdefault(currency, Counter()).update({each: parts.get(each, 0) for each in Outcome})
    for outcome in Outcome:
        yield "billferry_records", {"outcome": outcome}, records[outcome]
    for currency in sorted(amounts):
        for outcome in Outcome:
            yield (
                "billferry_amount_minor",
                {"currency": currency, "outcome": outcome},
                amounts[currency][outcome],
            )


def _seconds(at: str) -> float:
    """An RFC 3339 time as seconds since 1970, as Prometheus has it."""
    return datetime.fromisoformat(at).timestamp()
