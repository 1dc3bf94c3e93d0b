"""A feed for a file that nobody has described yet: proposed, looked at, and corrected by a person. Nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.core.mapping.fit_feed import COLUMNS_IGNORED
from pipeline.core.proposal.feed_proposal import Proposal, propose
from pipeline.edge.config import proposed_feed
from pipeline.edge.disk import scratch_folder
from pipeline.edge.reader.sample import FileSample, sample_of
from pipeline.errors import FileRefused, UsageError
from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS, describe
from pipeline.run.ui import Progress, Unit
from pipeline.run.validate import check_files
from schemas.settings import Limits

SHOWN_RECORDS = 5
"""Of a preview."""
MOST_BYTES = 20_000_000
"""Of a file whose preview is made at once: a larger one would be waited for."""


@dataclass(frozen=True, slots=True)
class FeedPreview:
    """What a proposed feed makes of its file."""

    assumed: Sequence[str] = ()
    """What is open, and was assumed, each as `key: value`."""
    unread: Sequence[str] = ()
    """Columns of the file that the feed does not read."""
    lines: Sequence[str] = ()
    """What became of the file, and its first records before and after mapping."""
    problem: str | None = None
    """Why there is nothing to show, as a sentence."""


def propose_for(file: Path, name: str) -> Proposal:
    """Propose a feed for a file by its name (a label) and how it begins.

    Raises:
        UsageError: it cannot be read, or is nothing that a feed could describe. DiskFull: there is no room to unpack
            the beginning of the file.
    """
    seen = _beginning(file, name)
    return propose(
        name, seen.head, whole=seen.whole, workbook=seen.workbook, first_row=seen.first_row, notes=seen.notes
    )


def _beginning(file: Path, name: str) -> FileSample:
    """The first part of a file, unpacked and as text; enough to guess by, however large the file is. Raises
    UsageError."""
    try:
        if file.exists() and not file.is_file():
            raise UsageError(problem=f"{file} is not a file", remedy="name another")
        with scratch_folder("billferry-init-") as folder:
            return sample_of(file, name, Limits(), folder, allow_merged=True)
    except OSError as error:
        raise UsageError(problem=f"{file} cannot be read ({error.strerror})", remedy="name another") from None
    except FileRefused as refused:
        raise UsageError(
            problem=f"{name}: {refused.facts['problem']}", remedy=refused.facts["remedy"]
        ) from None


def preview_of_feed(file: Path, name: str, yaml: str) -> FeedPreview:
    """What a proposed feed, as a person has corrected it, makes of the file.

    Args:
        name: of the file, a label.
        yaml: the feed as it would stand below `feeds:`, from anybody.
    """
    if file.stat().st_size > MOST_BYTES:
        return FeedPreview(problem="the file is too large for a preview here (billferry init --from has one)")
    try:
        found = proposed_feed(yaml)
    except Exception:  # noqa: BLE001 (somebody's text: whatever is wrong with it, it is no feed)
        return FeedPreview(
            problem="that is not a valid feed; ask the people who run Billferry, or compare it with docs/config.md"
        )
    if found is None:
        return FeedPreview(problem="set what is open about the amounts and the encoding first")
    feed, assumed = found
    said = _Said()
    check_files([file], said, feeds=[feed], feed=feed, limits=Limits(), head=SHOWN_RECORDS, on_line=said.line)
    called = f"{file.name}: "  # our copy has a name of its own
    return FeedPreview(
        assumed,
        said.unread,
        [f"{name}: {line.removeprefix(called)}" if line.startswith(called) else line for line in said.lines],
    )


@dataclass(slots=True)
class _Said:
    """A `run.ui.Ui` that keeps what is said."""

    lines: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        """Kept."""
        self.lines.append(text)

    log_line = warn = line

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """Kept as the command would print it; columns that are not read apart from the rest."""
        self.unread += [
            name
            for note in report.summary.notes
            if note.startswith(COLUMNS_IGNORED)
            for name in note.removeprefix(COLUMNS_IGNORED).split(", ")
        ]
        self.lines += describe(report, shown_rejects=shown_rejects)

    @contextmanager
    def stage(self, _verb: str, _name: str, _total: int, _unit: Unit) -> Iterator[Progress]:
        """Nobody watches."""
        yield lambda _done, _note=None, /: None
