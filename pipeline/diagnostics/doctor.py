"""doctor: is everything in place for a run? Looks only; each finding is one line: ok, or what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.core.api.responses import Answer, Failure, unanswered
from pipeline.core.clock_trust import http_date
from pipeline.diagnostics.page_check import is_page_exposed, page_checks
from pipeline.diagnostics.payments_check import deliveries_in_time, is_exposed, payments_checks
from pipeline.diagnostics.store_check import store_checks
from pipeline.edge.clock import utc_now
from pipeline.edge.config import Config, api_key, folder_mistake, ping_url
from pipeline.edge.ledger.decisions import Decisions
from pipeline.edge.ledger.lineage import Lineage
from pipeline.edge.ledger.place import ledger_place
from pipeline.errors import (
    EX_OK,
    ApiUnauthorised,
    ApiUnavailable,
    BillferryError,
    ConfigError,
    DiskFull,
    severity,
)
from pipeline.run.balance_files import LEDGER_MAY_BE_BEHIND, undated
from pipeline.run.clock_check import Timekeeper, ask_for_nothing
from pipeline.run.work_dir import existing_ledger
from schemas.pgp import Pgp
from schemas.settings import Settings, Sftp

ROOM_BYTES = 256 * 2**20
"""With less room than this a run of ordinary files may not end."""
CLOCK_OFF_S = 120
"""A clock that is further off than this makes dates and key lives wrong."""


UNDATED = (
    "file names without a {date} part, so that the order in which files land decides which balance is current:"
    " one that is late or sent twice is taken for the news of its day"
)
EXPOSED = (
    "other machines reach it without encryption; let it listen on 127.0.0.1 or a unix socket, behind a proxy"
    " with TLS"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `exit_status` 0 is ok, else what a run would exit with. A warning is ok, and worth a thought."""

    check: str
    exit_status: int
    text: str
    warning: bool = False

    @property
    def ok(self) -> bool:
        """Whether a run could go on past it."""
        return self.exit_status == EX_OK

    def line(self) -> str:
        """As it is printed: what it is, which check, and what was found or is to be done."""
        word = "PROBLEM" if not self.ok else "warning" if self.warning else "ok"
        return f"{word:<8} {self.check}: {self.text}"


def examine(config: Config) -> Iterator[Finding]:
    """Every check, one after another; none changes anything.

    A check that fails is a finding, so that one run shows all that is wrong. An API or server that does not answer
    costs its time-out.
    """
    settings = config.settings
    yield Finding("config", EX_OK, f"{config.path} is read: {settings.merchant} ({settings.environment})")
    yield _found("work_dir", lambda: _work_dir(settings.work_dir))
    yield _ledger(settings)
    yield _feeds(settings)
    for feed in filter(undated, settings.feeds):
        yield Finding(f"feeds.{feed.name}", EX_OK, UNDATED, warning=True)
    for feed in settings.feeds:
        if feed.pgp is not None:
            yield from _keys(feed.pgp, feed.name)
    yield from _api(settings)
    for check, look in (*store_checks(settings), *payments_checks(settings), *page_checks(settings)):
        yield _found(check, look)
    for key, exposed in (("payments", is_exposed(settings)), ("page", is_page_exposed(settings))):
        if exposed:
            yield Finding(f"{key}.listen", EX_OK, EXPOSED, warning=True)
    if settings.ping is not None:
        yield _found("ping", lambda: _ping(settings))
    if (path := settings.metrics_file) is not None:
        yield _found("metrics_file", partial(_metrics_file, path))
    if settings.sftp is not None:
        yield from _sftp(settings.sftp)
    if settings.drop is not None:
        for key in ("folder", "archive", "quarantine"):
            if (folder := getattr(settings.drop, key)) is not None:
                yield _found(f"drop.{key}", partial(_folder, f"drop.{key}", folder, settings))


def worst(findings: list[Finding]) -> int:
    """The exit status of all findings together, as `doctor` exits with; warnings do not count."""
    return max((finding.exit_status for finding in findings), key=severity, default=EX_OK)


def _found(check: str, look: Callable[[], str]) -> Finding:
    """A check as a finding: what it returns is good news, an expected error is what to do about it."""
    try:
        return Finding(check, EX_OK, look())
    except BillferryError as error:
        return Finding(check, error.exit_status, str(error).removeprefix(f"{check}: "))


def _work_dir(folder: Path) -> str:
    """Private, writable, and with room. Raises ConfigError, DiskFull."""
    for mistake in folder_mistake("work_dir", folder, folder):
        raise mistake
    if not folder.exists():
        return f"{folder} will be created by the first run"
    if folder.stat().st_mode & 0o077:
        return f"{folder} is accessible to other users; the next run restricts it"
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(where="work_dir", problem=f"{folder} cannot be written", remedy="correct its owner")
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < ROOM_BYTES:
        raise DiskFull(where=folder, problem=f"only {free_bytes // 2**20} MiB are free")
    return f"{folder} is private and writable, {free_bytes // 2**20} MiB free"


def _ledger(settings: Settings) -> Finding:
    """Whole, of this merchant, and the one that worked here last."""
    try:
        with existing_ledger(settings) as ledger:
            if ledger is None:
                return Finding("ledger", EX_OK, "not there yet; the first run creates it")
            health = ledger.health()
            whence = Lineage(ledger, settings.work_dir).look()
    except BillferryError as error:
        return Finding("ledger", error.exit_status, str(error))
    told = LEDGER_MAY_BE_BEHIND.get(whence)
    text = f"{ledger_place(settings)}: {health}" + (f"; {told}" if told else "")
    return Finding("ledger", EX_OK, text, warning=health != "ok")


def _feeds(settings: Settings) -> Finding:
    """Names feeds of which nothing would notice that every amount is off by a hundred.

    That is a warning: a run holds or loads their first file as the config says, and nobody may have looked at its unit.
    """
    try:
        with existing_ledger(settings) as ledger:
            loaded = Decisions(ledger).feeds_loaded() if ledger else frozenset[str]()
    except BillferryError:
        loaded = frozenset()  # told by the check of the ledger
    unguarded = [
        feed.name
        for feed in settings.feeds
        if not feed.is_of_reports
        and feed.expect is None
        and feed.control is None
        and (feed.name not in loaded or (settings.environment == "live" and feed.unusual == "load"))
    ]
    if not unguarded:
        return Finding("feeds", EX_OK, "each has expect, control or a file that was loaded before")
    text = (
        "no expect, no control and no comparison with loaded files, so a wrong unit would not be noticed:"
        f" {', '.join(unguarded)};"
        " set expect (billferry init --from FILE proposes it)"
    )
    return Finding("feeds", EX_OK, text, warning=True)


def _keys(pgp: Pgp, feed: str) -> Iterator[Finding]:
    """The keys of the feed of that name, whose files are encrypted."""
    from pipeline.diagnostics.pgp_keys import key_facts, key_warnings, shown_keys  # noqa: PLC0415 (few feeds need gpg)

    check, warnings = f"feeds.{feed}.pgp", list[str]()

    def look() -> str:
        facts = key_facts(pgp, feed)
        warnings.extend(key_warnings(facts))
        return shown_keys(facts)

    yield _found(check, look)
    yield from (Finding(check, EX_OK, text, warning=True) for text in warnings)


def _api(settings: Settings) -> Iterator[Finding]:
    """The key is proved by asking for something that cannot exist: 404 is good.

    Its answer also tells the time, which this machine's clock is compared with; without one the ledger is asked.
    """
    answers: list[Answer] = []

    def key() -> str:
        answer = asyncio.run(ask_for_nothing(settings, api_key(settings), "billferry-doctor"))
        if isinstance(answer, Failure):
            raise unanswered(settings.api.base_url, answer)
        answers.append(answer)
        if answer.status in {401, 403}:
            raise ApiUnauthorised(base_url=settings.api.base_url, status=answer.status)
        if answer.status != 404:
            raise ApiUnavailable(
                base_url=settings.api.base_url, problem=f"it answers {answer.status} where 404 was expected"
            )
        return f"{settings.api.base_url} accepts the key"

    yield _found("api", key)
    if answers and (off_s := _clock_off_s(answers[0])) is not None:
        yield _found("clock", partial(_clock, off_s))
        if (in_time := _deliveries(settings, off_s)) is not None:
            yield in_time
    else:
        yield _found("clock", partial(_clock_by_the_ledger, settings))


def _deliveries(settings: Settings, off_s: float) -> Finding | None:
    """Whether the clock lets deliveries in; None where none are received."""
    found = _found("payments.clock", lambda: deliveries_in_time(settings, off_s) or "")
    return found if found.text else None


def _ping(settings: Settings) -> str:
    """Whether its address can be read. Raises ConfigError.

    Nothing is sent: a ping would tell the monitor that a run went well.
    """
    ping_url(settings)
    return "its address is set; it is not contacted, because a ping would report success"


def _metrics_file(path: Path) -> str:
    """Whether it can be replaced: that needs rights to its folder. Raises DiskFull."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise DiskFull(where=path, problem="no permission to write to its folder")
    return f"{path} can be written"


def _clock(off_s: float) -> str:
    """`off_s`: by how much this machine's clock differs from the API's. Raises ConfigError: by too much."""
    if off_s > CLOCK_OFF_S:
        raise ConfigError(
            where="clock",
            problem=f"this machine's clock is {off_s:.0f} s off the API's",
            remedy="set it by NTP",
        )
    return f"within {off_s:.0f} s of the API's clock"


def _clock_by_the_ledger(settings: Settings) -> str:
    """Where the API tells no time, as a run would look at it. Raises ClockOff, ClockUnconfirmed."""
    with existing_ledger(settings) as ledger:
        if ledger is None:
            return "the API sends no time to compare it with"
        if (trouble := Timekeeper(utc_now, ledger, settings.zone).trouble()) is not None:
            raise trouble
    return "agrees with the last confirmed time"


def _clock_off_s(answer: Answer) -> float | None:
    """In seconds, whichever way; None: the API sent no `Date`."""
    theirs = http_date(answer.headers.get("date"))
    return None if theirs is None else abs((utc_now() - theirs).total_seconds())


def _sftp(settings: Sftp) -> Iterator[Finding]:
    """Log-in first; then each folder, as far as its rights can be seen without using them.

    Without a log-in the folders are not asked for: one finding says what is wrong.
    """
    from pipeline.edge.sftp.source import SftpSource  # noqa: PLC0415 (paramiko takes 0.2 s to import)

    source = SftpSource(settings)

    def log_in() -> str:
        source.connect()
        return f"{source.where} presents the pinned host key; login as {settings.username} succeeded"

    def folder(path: str, *, writes: bool) -> str:
        source.examine(path, writes=writes)
        return f"{path} exists"

    try:
        reached = _found("sftp", log_in)
        yield reached
        for key in ("incoming", "archive", "quarantine", "reports", "payments") if reached.ok else ():
            if (path := getattr(settings, key)) is not None:
                yield _found(f"sftp.{key}", partial(folder, path, writes=key != "incoming"))
    finally:
        source.close()


def _folder(key: str, folder: Path, settings: Settings) -> str:
    """A folder of the drop section: there, or made by a run, and with all rights. `key` names it in the message.

    Raises ConfigError.
    """
    for mistake in folder_mistake(key, folder, settings.work_dir):
        raise mistake
    if not folder.exists():
        return f"{folder} will be created by the first run"
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigError(
            where=key, problem=f"{folder} cannot be read and written", remedy="correct its rights"
        )
    return f"{folder} exists"
