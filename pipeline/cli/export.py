"""`export`: every loaded bill and balance of some days in one file, and a sentence on what is not in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Verbose, config_at, start
from pipeline.cli.printing import say
from pipeline.cli.totals import CountedBy, DateKind, Feeds, FromDay, ToDay, selection
from pipeline.errors import UsageError

if TYPE_CHECKING:  # `--help` needs none of them
    from schemas.settings import Settings
    from schemas.totals import ExportResult

SHOWN_FILES = 5
_WHY = {
    "retention": "retention.outcomes_days has passed",
    "earlier_version": "an earlier version loaded it; billferry report adds them while the landed copy is there",
    "reload": "it is being loaded again; export again after the next run",
}


def export(
    config: ConfigPath = DEFAULT_CONFIG,
    accepted: Annotated[
        bool, typer.Option("--accepted", help="Every bill and balance that was loaded.")
    ] = False,
    first: FromDay = None,
    last: ToDay = None,
    feed: Feeds = None,
    counted: DateKind = CountedBy.LANDED,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write, .csv or .parquet; it must not exist. Without it: CSV on stdout.",
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Write every loaded bill and balance, one a row, as CSV or Parquet. Tells what the ledger no longer keeps."""
    start(verbose=verbose)
    if not accepted:
        raise UsageError(problem="nothing to export is named", remedy="add --accepted")
    if as_json and output is None:
        raise UsageError(problem="--json prints its document on stdout", remedy="name the file with --output")
    from pipeline.edge.clock import utc_now
    from pipeline.report.accepted_file import format_of
    from pipeline.run.export import export_accepted

    settings, now = config_at(config).settings, utc_now()
    file_format = format_of(output) if output else "csv"
    if file_format is None:
        raise UsageError(
            problem=f"{output} is neither .csv nor .parquet", remedy="end its name with the format to write"
        )
    _require_free(output, settings)
    today = now.astimezone(settings.zone).date()
    result = export_accepted(
        settings,
        selection(None, first, last, feed, counted, today=today),
        file_format,
        lambda: _opened(output),
        path=output,
        as_of=now,
    )
    if as_json:
        sys.stdout.write(result.model_dump_json(indent=2) + "\n")
    else:
        for line in export_in_words(result):
            say(line, err=True)
    raise typer.Exit(result.exit_status)


def _require_free(path: Path | None, settings: Settings) -> None:
    """Raises UsageError: the file is there, or would be in a folder of the program's own."""
    from pipeline.edge.config import is_within, own_place

    if path is None:
        return
    owner = own_place(path, settings.work_dir)
    if owner is None and settings.drop is not None and is_within(path, settings.drop.folder):
        owner = "the folder where files are dropped"
    if owner is not None:
        raise UsageError(problem=f"{path} belongs to {owner}", remedy="name another file")
    if path.exists():
        raise UsageError(problem=f"{path} already exists", remedy="name another file, or move it away")
    if not path.parent.is_dir():
        raise UsageError(problem=f"there is no folder {path.parent}", remedy="make it, or name another file")


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[bytes]]:
    """The file, which has its name once it is whole; stdout without one."""
    from pipeline.edge.disk import replaced_file

    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    else:
        with replaced_file(path) as file:
            yield file


def export_in_words(result: ExportResult) -> Iterator[str]:
    """What is in the file, then what is not: per file, why, and how much."""
    from pipeline.core.values.amount_text import format_amount, grouped

    sums = [format_amount(each.currency, each.amount_minor) for each in result.currencies]
    where = result.path or "stdout"
    files = f"{grouped(result.files)} {'file' if result.files == 1 else 'files'}"
    yield ", ".join([f"{where}: {grouped(result.records)} records of {files}", *sums])
    for each in result.not_kept[:SHOWN_FILES]:
        money = [format_amount(currency, amount) for currency, amount in each.amounts_minor.items()]
        what = ", ".join([f"{grouped(each.records)} loaded records", *money])
        yield f"NOT IN IT: {each.file} ({each.sha256[:8]}): {what}; {_WHY[each.reason]}"
    if (more := len(result.not_kept) - SHOWN_FILES) > 0:
        records = sum(each.records for each in result.not_kept[SHOWN_FILES:])
        yield f"NOT IN IT: {grouped(more)} more files with {grouped(records)} loaded records; --json lists them"
