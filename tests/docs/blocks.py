"""The command blocks of Markdown pages, and the output that they show.

```sh is run. A ```text block belongs to the ```sh block before it and shows what that prints; `…` stands for what is
different each time: within a line for any text, alone for any lines. What cannot be run says why:
`<!-- not run: … -->` on the line above the fence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

_FENCE = re.compile(
    r"^(?:<!-- not run: (?P<why>.+?) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """One block of commands. `line` is where it begins on its page."""

    page: str
    line: int
    commands: str
    shown: str | None = None
    not_run: str | None = None


def fences(text: str) -> Iterator[tuple[str, str, int, str | None]]:
    """Each fenced block: its language, text, first line, and why it is not run."""
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start("text")) + 1
        yield found["kind"], found["text"], line, found["why"]


def blocks(page: Path) -> list[Block]:
    """The command blocks of a page in their order."""
    result: list[Block] = []
    for kind, text, line, why in fences(page.read_text(encoding="utf-8")):
        if kind == "sh":
            result.append(Block(page.name, line, text, not_run=why))
        elif kind == "text":
            assert result, f"{page.name}:{line}: output of no command"
            assert result[-1].shown is None, f"{page.name}:{line}: a second output of one block"
            result[-1] = replace(result[-1], shown=text)
    return result


def fits(shown: str, said: str) -> bool:
    """Whether what was said is what the page shows."""
    parts = []
    for line in shown.strip("\n").splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(re.escape(line.rstrip()).replace("…", ".*?") + r" *\n")
    return re.fullmatch("".join(parts), said.strip("\n") + "\n") is not None
