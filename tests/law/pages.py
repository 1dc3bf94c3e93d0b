"""Checkers of Markdown pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def broken_links(pages: list[Path]) -> list[str]:
    """Relative links of Markdown pages whose file or heading is not there."""
    problems = []
    for page in pages:
        for target in _targets(page):
            name, _, anchor = target.partition("#")
            path = (page.parent / name) if name else page
            if not path.exists():
                problems.append(f"{page.name}: {target}: no such file")
            elif anchor and anchor not in anchors(path):
                problems.append(f"{page.name}: {target}: no such heading")
    return problems


def linked(page: Path) -> set[Path]:
    """The files that a page links to."""
    return {(page.parent / target.partition("#")[0]).resolve() for target in _targets(page)}


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Git hosts make them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        words = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")
        anchor, copies = words, 0
        while anchor in found:
            copies += 1
            anchor = f"{words}-{copies}"
        found.add(anchor)
    return found


def _targets(page: Path) -> Iterator[str]:
    text = _CODE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
    yield from (target for target in _LINK.findall(text) if not re.match(r"[a-z]+:", target))
