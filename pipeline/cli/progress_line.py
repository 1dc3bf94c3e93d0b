"""The line that shows how far a stage of work is: what it says at each width, and how often it is drawn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.text import Text

from pipeline.cli.text_layout import LEAST_NAME, cut_middle
from pipeline.run.ui import Progress, Unit

DRAWN_EVERY_S = 0.1
"""Progress may be reported for each record; people see ten pictures a second at most."""
BAR = 20
ROOM_FOR_KEYS = 3
"""Free at the end of the line: the terminal writes `^C` there, and must not begin a line of its own for it."""


@contextmanager
def drawn_progress(
    console: Console, width: Callable[[], int], *, verb: str, name: str, total: int, unit: Unit
) -> Iterator[Progress]:
    """Draw the line until the stage ends, then take it away.

    Args:
        width: of the terminal, as it is now: a window may be made smaller meanwhile.

    Yields:
        To be told how far the work is, from any thread, as often as it likes.
    """
    began = time.monotonic()
    latest: tuple[int, Callable[[], str] | None] = (0, None)

    def advance(done: int, note: Callable[[], str] | None = None, /) -> None:
        nonlocal latest
        latest = (done, note)

    def drawn() -> Text:
        done, note = latest
        line = progress_line(
            width(),
            verb=verb,
            name=name,
            done=done,
            total=total,
            unit=unit,
            elapsed_s=time.monotonic() - began,
            note=note() if note else "",
        )
        return Text(line, no_wrap=True, overflow="crop")

    # Drawn by a thread of its own, from what was reported last: reporting costs the work next to nothing.
    with Live(
        get_renderable=drawn, console=console, transient=True, refresh_per_second=1 / DRAWN_EVERY_S,
        redirect_stdout=False, redirect_stderr=False,
    ):  # fmt: skip
        yield advance


def progress_line(
    width: int, *, verb: str, name: str, done: int, total: int, unit: str, elapsed_s: float, note: str
) -> str:
    """One line that never wraps: wrapped, it could not be drawn over.

    First the bar gives way, then the name, then how much is done, then the note.

    Args:
        width: cells of the terminal; some at its end stay free for the keys that a terminal writes out.
        done, total: in `unit`, `bytes` or `records`. `total` 0 counts as done; `done` may exceed it.
        elapsed_s: since the stage began. For the first half second no speed is shown: it would be chance.
        note: a word on what the work waits for; may be empty.
    """
    share = min(done / total, 1.0) if total else 1.0
    per_s = done / elapsed_s if elapsed_s >= 0.5 else 0.0
    amount, facts = _amount(done, total, unit), [f"{share:.0%}"]
    if per_s:
        facts.append(f"{_size(per_s, unit)}/s")
        if 0 < done < total:
            facts.append(f"{_time((total - done) / per_s)} left")
    summary, notes = ", ".join(facts), [note] if note else []
    everything = ", ".join([amount, summary, *notes])
    bar = "━" * round(BAR * share) + "─" * (BAR - round(BAR * share))
    # From the most to the least that can be said; the first that leaves room for enough of the name is taken.
    tails = (
        f"{bar} {everything}",
        everything,
        ", ".join([summary, *notes]),
        f"{amount}, {summary}",
        summary,
        facts[0],
    )
    for tail, least in zip(tails, (2 * LEAST_NAME, *[LEAST_NAME] * 5), strict=True):
        room = width - ROOM_FOR_KEYS - cell_len(f"{verb}  {tail}")
        if room >= min(cell_len(name), least):
            return f"{verb} {cut_middle(name, room)} {tail}"
    return cut_middle(f"{verb} {name} {facts[0]}", width - ROOM_FOR_KEYS)


def _amount(done: int, total: int, unit: str) -> str:
    if unit == "bytes":
        return f"{_size(done, unit)} of {_size(total, unit)}"
    return f"{done:,} of {total:,}".replace(",", " ")


def _size(number: float, unit: str) -> str:
    """Records as they are, bytes in decimal units (1 kB = 1000 B, as disks and networks count them)."""
    if unit == "records":
        return f"{number:,.{0 if number >= 10 else 1}f}".replace(",", " ")
    for name, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.1f} {name}"
    return f"{number:.0f} B"


def _time(seconds: float) -> str:
    """`5 s`, `3 min 05 s`, `2 h 07 min`."""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes:02} min" if hours else f"{minutes} min {left:02} s" if minutes else f"{left} s"
    )
