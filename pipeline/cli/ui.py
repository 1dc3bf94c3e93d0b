"""What people see on stderr: progress bars on a terminal, plain lines when it is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text


class TerminalUi:
    """Lines and progress on stderr; stdout stays free for `--json`."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)

    def line(self, text: str) -> None:
        self._console.print(Text(text))

    def warn(self, text: str) -> None:
        self._console.print(Text(f"billferry: {text}", style="yellow" if sys.stderr.isatty() else ""))

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        """A bar that disappears when the stage ends; nothing where it would only fill a log."""
        if not self._console.is_terminal or not total:
            yield lambda _: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task(Text(title).plain.replace("[", r"\["), total=total)
            yield lambda done: progress.update(task, completed=done)
