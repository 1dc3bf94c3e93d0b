"""The commands that compare payments with the vendor: `payments sweep` with its API, `payments match` with a report."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from pipeline.core.names import label_of_path
from pipeline.core.payments.comparison_facts import has_differences
from pipeline.core.payments.vendor_report import (
    MAX_REPORT_BYTES,
    NotAReport,
    ReportText,
    read_report_bytes,
)
from pipeline.edge.config import Config
from pipeline.edge.local.file_facts import read_named
from pipeline.errors import ENDS_THE_RUN, EX_OK, EX_RECORDS, UsageError
from pipeline.payments.sweep import Swept
from pipeline.report.comparison import write_match
from pipeline.run.context import Options
from pipeline.run.opening import OpenRun, open_run
from pipeline.run.ui import Ui
from pipeline.signals import stoppable
from schemas.payments import PaymentsMatch, PaymentsSweep, SweptCurrency, TroubledBillFacts


def sweep_payments(
    config: Config, ui: Ui, options: Options, *, older_than: timedelta, limit: int | None
) -> PaymentsSweep:
    """Ask the API about open bills, and store what no event told of; arguments as of `BillSweep.sweep`.

    An API that is down is an error of the result: the next sweep goes on. Raises UsageError where payments are not
    configured; and as `open_run`.
    """
    with _opened(config, ui, options, "payments sweep") as opened:
        context, swept = opened.context, Swept()
        try:
            with stoppable():
                opened.payments.settle()
                swept = opened.payments.sweep(older_than, limit)
        except ENDS_THE_RUN as error:
            context.fail(error)
        if swept.stopped is not None:
            context.fail(swept.stopped)
        return PaymentsSweep(
            exit_status=context.status,
            as_of=context.started_at,
            asked=swept.asked,
            found=[
                SweptCurrency(currency=currency, bills=bills, amount_minor=minor)
                for currency, (bills, minor) in sorted(swept.found.items())
            ],
            voided=swept.voided,
            shows_less=swept.shows_less,
            unclear=swept.unclear,
            unanswered=swept.unanswered,
            troubles={str(trouble): count for trouble, count in sorted(swept.troubles.items())},
            troubled=[
                TroubledBillFacts(bill_reference=each.bill_reference, trouble=str(each.trouble))
                for each in swept.troubled
            ],
            left=swept.left,
            errors=context.errors,
        )


def match_report(config: Config, ui: Ui, options: Options, path: Path) -> PaymentsMatch:
    """Compare a report of the vendor with what is known here; no API is needed.

    Raises:
        UsageError: payments are not configured, or the file is not such a report.
        SourceError: it cannot be read. And as `open_run`.
    """
    name = label_of_path(path.name)
    with _opened(config, ui, options, "payments match", needs_key=False) as opened, stoppable():
        content = _content(path, name)
        text, sha256 = _read(name, content), hashlib.sha256(content).hexdigest()
        match = opened.payments.match_report(text, sha256)
        if match is None:
            raise RuntimeError("payments are configured, and nothing was compared")
        context = opened.context
        results, page = write_match(
            name,
            sha256,
            text,
            match.compared,
            match.facts,
            folder=config.settings.work_dir / "payments" / "matches",
            run=context.facts(),
            timezone=context.settings.timezone,
        )
    return PaymentsMatch(
        **match.facts.model_dump(),
        exit_status=EX_RECORDS if has_differences(match.facts) else EX_OK,
        report=name,
        sha256=sha256,
        results=str(results),
        page=str(page),
    )


def _read(name: str, content: bytes) -> ReportText:
    """Raises UsageError."""
    try:
        return read_report_bytes(content)
    except NotAReport as error:
        raise UsageError(
            problem=f"{name}: not a report of payments ({error})",
            remedy="use the file as the vendor wrote it",
        ) from None


def _content(path: Path, name: str) -> bytes:
    """Raises UsageError, SourceError."""
    content = bytearray()
    for block in read_named(path):
        content += block
        if len(content) > MAX_REPORT_BYTES:
            raise UsageError(
                problem=f"{name}: larger than {MAX_REPORT_BYTES} bytes", remedy="ask the vendor for its days"
            )
    return bytes(content)


@contextmanager
def _opened(
    config: Config, ui: Ui, options: Options, command: str, *, needs_key: bool = True
) -> Iterator[OpenRun]:
    if config.settings.payments is None:
        raise UsageError(problem="payments are not configured", remedy="add payments: to the config")
    with open_run(config, ui, options, command, needs_key=needs_key) as opened:
        yield opened
