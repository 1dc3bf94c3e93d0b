"""Check files without network, ledger or API key: what a run would say of them, and what it would send."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args
from uuid import uuid4
from zoneinfo import ZoneInfo

import polars as pl

from pipeline.collect.archives import bill_files_of
from pipeline.collect.feed_of_file import Matching
from pipeline.collect.named_files import land_named
from pipeline.core.api.requests import PATH_OF, BillRequest, create_body, request_from_row
from pipeline.core.api.watermarks import dated_ahead
from pipeline.core.error_document import error_document
from pipeline.core.file_stages import CheckedFile, LandedFile
from pipeline.core.names import label_of_path
from pipeline.core.rules import catalogue
from pipeline.core.rules.line_items import summed
from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config
from pipeline.edge.local.lock import held_scratch_folder, remove_abandoned
from pipeline.edge.reader.checked_parts import findings_of, parts_of, sendable
from pipeline.edge.reader.corrected_rejects import sheet_as_text
from pipeline.errors import (
    ENDS_THE_RUN,
    BillferryError,
    FileRefused,
    FileTooLarge,
    UsageError,
)
from pipeline.report.comparison import report_of_reading
from pipeline.report.exit_status import run_result
from pipeline.report.summary import FileReport, refused_unread
from pipeline.report.write import report_of_check
from pipeline.run.check_stage import check_interruptibly
from pipeline.run.encrypted_files import OpenedFile, opened
from pipeline.run.read_report import read_landed
from pipeline.run.record_view import side_by_side
from pipeline.run.ui import Ui
from pipeline.signals import stoppable
from schemas.feed import AmountFormat, Feed, Model
from schemas.results import ErrorFacts, RunFacts, RunResult
from schemas.settings import Environment, Limits

SCRATCH = "billferry-check-"
"""How folders of copies begin, where the system keeps such."""
SHOWN_LINES = 5
"""Of each rule that is broken."""


def canonical_feed(model: Model) -> Feed:
    """The feed of files in the canonical columns: major units, `.`, ISO dates."""
    return Feed(name="canonical", match="*", model=model, amount=AmountFormat(unit="major"))


def check_files(
    paths: Sequence[Path],
    ui: Ui,
    *,
    feeds: Sequence[Feed],
    feed: Feed | None,
    limits: Limits,
    merchant: str = "none",
    environment: Environment = "test",
    timezone: str = "UTC",
    rejects_below: Path | None = None,
    show: int = 0,
    on_request: Callable[[dict[str, Any]], None] = lambda _: None,
    head: int = 0,
    on_line: Callable[[str], None] = lambda _: None,
) -> RunResult:
    """Check each file; `feed` overrules the names.

    Args:
        rejects_below: rejected records are written below it, in a folder for each file; None: nowhere.
        show: how many requests of each file are built.
        on_request: is given those requests, each with method, path and body.
        head, on_line: so many records of each file are shown before and after mapping, line by line.

    Returns:
        One summary for each file that could be read. What went wrong with others is told to `ui`, and is in the status.
    """
    now = utc_now()
    run = _run_facts(now, merchant, environment)
    remove_abandoned(SCRATCH)
    today = now.astimezone(ZoneInfo(timezone)).date().isoformat()
    reports, errors = list[FileReport](), list[ErrorFacts]()
    for path in paths:
        try:
            with stoppable(), held_scratch_folder(SCRATCH) as folder:
                matching = _matching(feeds, feed, folder)
                for landed in _landed(path, folder, matching, limits, feed):
                    with opened(landed, limits, ui, matching) as file:
                        if landed.feed.is_of_reports:
                            reports.append(report_of_reading(read_landed(landed, file), run=run))
                            ui.file(reports[-1])
                            continue
                        checked = _checked(file, ui, today)
                        reports.append(report_of_check(checked, run=run, rejects_below=rejects_below))
                        ui.file(reports[-1], shown_rejects=0)
                        _tell(checked, ui, limits, head, on_line)
                        for request in first_requests(checked, show):
                            on_request(request)
        except (FileRefused, FileTooLarge) as refused:
            reports.append(refused_unread(label_of_path(path.name), refused, run=run))
            ui.file(reports[-1], shown_rejects=0)
        except BillferryError as error:
            ui.warn(str(error))
            errors.append(ErrorFacts.model_validate(error_document(error)))
            if isinstance(error, ENDS_THE_RUN):
                break
    return run_result(run.id, reports, errors)


def _run_facts(now: datetime, merchant: str, environment: Environment) -> RunFacts:
    """Of a check, which is no run."""
    return RunFacts(
        id=str(uuid4()),
        started_at=now,
        finished_at=now,
        merchant=merchant,
        environment=environment,
        dry_run=True,
    )


def _tell(checked: CheckedFile, ui: Ui, limits: Limits, head: int, on_line: Callable[[str], None]) -> None:
    """Which rules are broken, and the first records."""
    for text in explain(checked):
        ui.line(text)
    for text in side_by_side(checked, limits, head):
        on_line(text)


def _landed(
    path: Path, folder: Path, matching: Matching, limits: Limits, feed: Feed | None
) -> list[LandedFile]:
    """A copy of the file in the scratch folder, which nobody looks for after a crash, or of the bill files in it.

    Raises as `land_named`.
    """
    landed = land_named(
        path,
        matching,
        folder,
        max_file_bytes=limits.max_file_bytes,
        max_record_bytes=limits.max_record_bytes,
        feed=feed,
        durable=False,
    )
    return bill_files_of(landed, matching, limits, feed=feed, durable=False)


def check_as_configured(
    paths: Sequence[Path],
    ui: Ui,
    config: Config,
    *,
    feed: str | None = None,
    rejects_below: Path | None = None,
    show: int = 0,
    on_request: Callable[[dict[str, Any]], None] = lambda _: None,
    head: int = 0,
    on_line: Callable[[str], None] = lambda _: None,
) -> RunResult:
    """Check files under the feeds and limits of a config; see `check_files`. Raises ConfigError: no such feed."""
    settings = config.settings
    return check_files(
        paths,
        ui,
        feeds=settings.feeds,
        feed=config.feed(feed) if feed else None,
        limits=settings.limits,
        merchant=settings.merchant,
        environment=settings.environment,
        timezone=settings.timezone,
        rejects_below=rejects_below,
        show=show,
        on_request=on_request,
        head=head,
        on_line=on_line,
    )


def check_canonical(
    paths: Sequence[Path],
    ui: Ui,
    model: str,
    *,
    feed: str | None = None,
    rejects_below: Path | None = None,
    show: int = 0,
    on_request: Callable[[dict[str, Any]], None] = lambda _: None,
    head: int = 0,
    on_line: Callable[[str], None] = lambda _: None,
) -> RunResult:
    """Check files in the canonical columns, without a config; see `check_files`.

    Raises UsageError: no such model, or a feed is named, which only a config has.
    """
    if model not in get_args(Model):
        raise UsageError(problem=f"unknown model {model}", remedy=f"use one of {', '.join(get_args(Model))}")
    if feed is not None:
        raise UsageError(problem="--feed and --model exclude each other", remedy="use one of them")
    canonical = canonical_feed(cast(Model, model))
    return check_files(
        paths,
        ui,
        feeds=[canonical],
        feed=canonical,
        limits=Limits(),
        rejects_below=rejects_below,
        show=show,
        on_request=on_request,
        head=head,
        on_line=on_line,
    )


def _matching(feeds: Sequence[Feed], feed: Feed | None, folder: Path) -> Matching:
    """Without a ledger, only `feed` tells where a rejects file came from. `folder` is for scratch files."""
    origin = (feed, dict[str, str]()) if feed else None
    return Matching(
        feeds, feed_of_rejects=lambda _: origin, sheet_as_text=partial(sheet_as_text, folder=folder)
    )


def _noted(checked: CheckedFile) -> CheckedFile:
    """With what a run does to each file of its feed; what it does to the first one, only the ledger tells."""
    if checked.refusal is not None or checked.landed.feed.release != "always":
        return checked
    note = "feed.release is always: a run holds this file until it is released"
    return replace(checked, notes=(*checked.notes, note))


def _checked(file: OpenedFile, ui: Ui, today: str) -> CheckedFile:
    """The file after the check, refused where its balances are dated ahead of `today` (YYYY-MM-DD)."""
    checked = check_interruptibly(file.landed, file, ui)
    return _noted(replace(checked, refusal=checked.refusal or dated_ahead(file.landed, today)))


def explain(checked: CheckedFile) -> Iterator[str]:
    """Each rule that records break: how many do, on which lines the first of them start, and what to do."""
    if not checked.code_counts:
        return
    first = _first_broken(checked)
    for code, count in checked.code_counts.items():
        shown = ", ".join(str(line) for line, _ in first[code])
        more = f" and {count - SHOWN_LINES} more" if count > SHOWN_LINES else ""
        where = f"line {shown}" if count == 1 else f"lines {shown}{more}"
        said = catalogue.rule_message(code, checked.own_names)
        yield f"  {code}: {count} record{'s' if count > 1 else ''}, {where}"
        yield f"    {said}; {catalogue.RULES[code].remedy}"
        yield from (f"    {each}" for each in _seen(said, [message for _, message in first[code]]))


def _seen(said: str, messages: Iterable[str]) -> Iterable[str]:
    """What messages tell of their records beyond what the rule says, each once: what is expected, and what was seen."""
    pattern = re.compile(rf"{re.escape(said)}(?: \(expected: ([^()]+)\))?(?:: ([^;]+))?")
    found = [each for message in messages if (each := pattern.search(message))]
    return dict.fromkeys(
        [
            *(f"expected: {each[1]}" for each in found if each[1]),
            *(f"seen: {each[2]}" for each in found if each[2]),
        ]
    )


def _first_broken(checked: CheckedFile) -> dict[str, list[tuple[int, str]]]:
    """Of each rule the first lines that break it, with their messages. Part by part: all together may be much."""
    found: dict[str, list[tuple[int, str]]] = {code: [] for code in checked.code_counts}
    for part in parts_of(checked.records):
        broken = findings_of(part).select("line", "codes", "message").explode("codes").drop_nulls("codes")
        by_code = broken.group_by("codes").agg(pl.col("line", "message").head(SHOWN_LINES))
        for code, lines, messages in by_code.collect().iter_rows():
            found[code] += list(zip(lines, messages, strict=True))[: SHOWN_LINES - len(found[code])]
        if all(len(found[code]) == min(count, SHOWN_LINES) for code, count in checked.code_counts.items()):
            break
    return found


def first_requests(checked: CheckedFile, show: int) -> Iterator[dict[str, Any]]:
    """The first requests a load of a new merchant would send; ids that the API would give are named in brackets."""
    if not show or checked.refusal is not None or not parts_of(checked.records):
        return
    lines = sendable(*parts_of(checked.records))
    records = summed(lines) if checked.landed.feed.line_items is not None else lines
    rows = records.sort("record").head(show).collect()
    customers: set[str] = set()
    accounts: set[str] = set()
    for row in rows.iter_rows(named=True):
        wanted = request_from_row(row, checked.landed.feed.model)
        yield {"method": "POST", "path": PATH_OF[wanted.kind], "body": _body(wanted, customers, accounts)}
        customers.add(wanted.customer.reference)
        if wanted.account is not None:
            accounts.add(wanted.account.reference)


def _body(wanted: BillRequest, customers: set[str], accounts: set[str]) -> dict[str, Any]:
    """What would be sent for a record after those before it: who was created already is named by an id."""
    customer, account = wanted.customer.reference, wanted.account.reference if wanted.account else None
    return create_body(
        wanted,
        customer_id=f"<id of customer {customer}>" if customer in customers else None,
        account_id=f"<id of account {account}>" if account in accounts else None,
    )
