"""Billferry for other programs: what `from pipeline import …` offers, called from any thread.

Nothing is printed and no signal handled: what the command would print goes to the logger `billferry`, and stopping is
the business of the program around. Errors that end a call are the documented ones of `pipeline.errors`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

from pipeline.edge.config import Config, load_config
from pipeline.edge.log import LOGGER
from pipeline.errors import UsageError
from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS, describe
from pipeline.run.context import Options
from pipeline.run.run_pass import run_everything
from pipeline.run.ui import Progress, Unit
from pipeline.run.validate import check_as_configured, check_canonical
from schemas.feed import Model
from schemas.results import RunResult
from schemas.settings import Settings

__all__ = ["Config", "RunResult", "Settings", "load_config", "run_pass", "validate_files"]

logger = logging.getLogger(LOGGER)


class LoggingUi:
    """What users of the command see, as lines of the logger: warnings as such, the rest as information."""

    def line(self, text: str) -> None:
        """A line that needs nobody."""
        logger.info("%s", text)

    log_line = line

    def warn(self, text: str) -> None:
        """A line that somebody should read."""
        logger.warning("%s", text)

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """What became of one file; its summary is in the result, too."""
        for text in describe(report, shown_rejects=shown_rejects):
            logger.info("%s", text)

    @contextmanager
    def stage(self, verb: str, name: str, total: int, unit: Unit) -> Iterator[Progress]:
        """Progress is not logged."""
        logger.debug("%s %s: %d %s", verb, name, total, unit)
        yield _unseen


def _unseen(done: int, note: Callable[[], str] | None = None, /) -> None:
    """Progress that nobody watches."""


def validate_files(
    paths: Sequence[Path | str],
    config: Config | None = None,
    *,
    model: Model | None = None,
    feed: str | None = None,
) -> RunResult:
    """Check bill files: no network, no ledger, no API key, and nothing is written beside scratch files.

    Args:
        paths: bill files; they are left where they are.
        config: as `load_config` gives it; its feeds are matched by file name.
        model: without a config: the files are in the canonical columns, and these are bills or balances.
        feed: a feed of the config by its name, whatever the files are called.

    Returns:
        One summary per file, in order, and the exit status that the command `validate` would have: 0 all accepted,
        1 there are rejects. A file that cannot be read has no summary; the status and the log tell.

    Raises:
        UsageError: neither a config nor a model is given, or both. ConfigError: the config has no such feed.
    """
    files = [Path(path) for path in paths]
    if config is not None and model is not None:
        raise UsageError(problem="config and model exclude each other", remedy="give one of them")
    if config is not None:
        return check_as_configured(files, LoggingUi(), config, feed=feed)
    if model is None:
        models = ", ".join(get_args(Model))
        raise UsageError(problem="neither config nor model is given", remedy=f"give a model: {models}")
    return check_canonical(files, LoggingUi(), model, feed=feed)


def run_pass(config: Config, *, dry_run: bool = False) -> RunResult:
    """One pass, as `billferry run`: unfinished files first, then the SFTP server and the drop folder.

    Args:
        config: as `load_config` gives it. One pass at a time works in its `work_dir`, whoever began the other.
        dry_run: no request, no move, no change of the ledger; other passes may be at work.

    Returns:
        One summary per file and the exit status of the command. An API or a server that cannot be reached, or a full
        disk, is no exception once files are worked on: status 3, and the next pass goes on.

    Raises:
        AnotherRun: another pass is at work in that `work_dir`; try again later.
        ConfigError, LedgerOfAnother, LedgerDamaged, DiskFull: nothing was begun.
    """
    return run_everything(config, LoggingUi(), Options(dry_run=dry_run))
