"""axe-core in a page that is open: what is against the rules of WCAG 2.2 AA, as far as it can tell."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import files

from tests.pages.browser import Opened

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@cache
def _script() -> str:
    """From the wheel that carries it."""
    (path,) = (each for each in files("axe-playwright-python") or () if each.name == "axe.min.js")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/*! axe v4.1")
    return text


def violations(page: Opened) -> list[str]:
    """What is against the rules: rule, and the first elements."""
    if not page.value("'axe' in window"):
        page.value(f"{_script()}; 1")
    found = page.value(
        f"axe.run(document, {{runOnly: {json.dumps(TAGS)}, resultTypes: ['violations']}})"
        ".then(said => said.violations.map(each =>"
        " each.id + ': ' + each.nodes.slice(0, 3).map(node => node.html).join(' | ')))"
    )
    return list(found)
