"""Nobody who looks on: what would be said is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Silence:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[int], None]]:
        self.lines.append(f"{title}: {total}")
        yield lambda _: None
