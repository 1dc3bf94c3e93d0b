"""What people see on stderr: progress, colours and tables on a terminal; plain lines when it is none.

Whether it is one is asked of stderr itself, so that no setting of the environment puts codes into a log file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.cli.printing import USUAL_WIDTH, log_lines, printable_lines, width_of
from pipeline.report.summary import FileReport
from pipeline.report.summary_text import SHOWN_REJECTS, describe, outcome_table
from pipeline.run.ui import Progress, Unit

if TYPE_CHECKING:  # no circle: rich is slow to import, and only a terminal needs it
    from rich.console import Console

COLOURS = {
    "loaded": "green",
    "validated": "green",
    "compared": "green",
    "compared_with_differences": "yellow",
    "loaded_with_rejects": "yellow",
    "validated_with_rejects": "yellow",
    "unfinished": "yellow",
    "refused": "red",
    "unmatched": "red",
}


class TerminalUi:
    """What people see of a run (`run.ui.Ui`), on stderr; stdout stays free for `--json`.

    Nothing read from outside is taken as rich's markup: `[red]` in a file name is shown as it is.
    """

    def __init__(self) -> None:
        self._console: Console | None = None
        if sys.stderr.isatty():
            from rich.console import Console

            self._console = Console(stderr=True, highlight=False)

    def line(self, text: str) -> None:
        """A sentence of the run, without prefix."""
        self._print(text)

    def log_line(self, text: str) -> None:
        """A sentence that a log needs and somebody who sits there does not."""
        if self._console is None:
            self._print(text)

    def warn(self, text: str) -> None:
        """A sentence that somebody should read, although the run goes on. It names the program, as logs are often
        mixed."""
        self._print(f"billferry: {text}", "yellow")

    def file(self, report: FileReport, *, shown_rejects: int = SHOWN_REJECTS) -> None:
        """What became of a file: a table on a terminal, else the same in lines.

        Args:
            shown_rejects: how many rejected rows to show; all of them are in the report.
        """
        if self._console is None:
            self._print("\n".join(describe(report, shown_rejects=shown_rejects)))
            return
        from pipeline.cli.text_layout import aligned, headed, wrapped

        width = self._width
        lines, rows = outcome_table(report, shown_rejects=shown_rejects)
        self._out(headed(lines[0], width), COLOURS.get(report.summary.state, ""))
        for text in aligned(rows, width) if rows else ():
            self._out(text)
        for text in lines[1:]:
            self._out(wrapped(text, width))

    @contextmanager
    def stage(self, verb: str, name: str, total: int, unit: Unit) -> Iterator[Progress]:
        """A line that disappears when the stage ends; nothing where it would only fill a log.

        Args:
            verb: what is done: `check`, `load`, …
            total: in `unit`; 0 shows nothing.

        Yields:
            To be called with how much is done so far, as often as one likes, from any thread; and with a function for
            a note, which is called only when the line is drawn.
        """
        console = self._console
        if console is None or not total:
            yield _unseen
            return
        from pipeline.cli.progress_line import drawn_progress

        with drawn_progress(
            console, lambda: self._width, verb=verb, name=name, total=total, unit=unit
        ) as progress:
            yield progress

    @property
    def _width(self) -> int:
        """As it is now: a window may be made smaller while a file loads."""
        return width_of(sys.stderr) or USUAL_WIDTH

    def _print(self, text: str, style: str = "") -> None:
        """Plain lines are flushed one by one: whoever follows a log sees them at once, and a killed run loses none."""
        if self._console is None:
            sys.stderr.write(f"{log_lines(text)}\n")
            sys.stderr.flush()
            return
        text = printable_lines(text)
        from pipeline.cli.text_layout import wrapped

        self._out(wrapped(text, self._width), style)

    def _out(self, text: str, style: str = "") -> None:
        """`soft_wrap`, because lines were wrapped already: rich would break long words, and a path could not be
        copied."""
        from rich.text import Text

        if self._console is not None:
            self._console.print(Text(text, style=style), soft_wrap=True)


def _unseen(_done: int, _note: Callable[[], str] | None = None, /) -> None:
    """Progress that nobody watches."""
