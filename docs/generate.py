"""Writes the generated parts of the documentation and the JSON Schemas: `python -m docs.generate`, or `make docs`.

A generated part stands between `<!-- generated: name -->` and `<!-- end -->`; the rest of a page is written by hand.
`--check` changes nothing and exits 1 when a part is not what the code says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from docs.commands import commands
from docs.events import log_events
from docs.json_schemas import json_schemas
from docs.keys import feed_keys, settings_keys
from docs.shapes import formats
from docs.tables import table
from pipeline import errors
from pipeline.core.mapping.layout import CANONICAL, METADATA, REQUIRED
from pipeline.core.rules.catalogue import RULES
from pipeline.core.rules.examples import EXAMPLES
from pipeline.core.rules.stories import Story
from pipeline.monitoring.metrics import MEANINGS

ROOT = Path(__file__).resolve().parent.parent
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

_FAMILIES = {
    "file": "Files: nothing of such a file is sent",
    "record": "Structure of a record",
    "api": "Answers of the API",
}
_OTHER = "Fields of a record"


def rule_codes() -> str:
    """The catalogue of rules, by what they are about."""
    groups: dict[str, list[tuple[str, ...]]] = {title: [] for title in [*_FAMILIES.values(), _OTHER]}
    for rule in RULES.values():
        title = _FAMILIES.get(rule.code.partition(".")[0], _OTHER)
        groups[title].append((f"`{rule.code}`", rule.meaning, rule.remedy, _example(rule.code)))
    head = ("code", "meaning", "what to do", "example")
    parts = [f"### {title}\n\n{table(head, rows)}" for title, rows in groups.items() if rows]
    return "\n\n".join(parts)


def _example(code: str) -> str:
    example = EXAMPLES[code]
    if isinstance(example, Story):
        return f"{example.shows}: [test](../{example.test})"
    shown = f"``{example.shows}``" if "`" in example.shows else f"`{example.shows}`"
    return f"{shown} under `{example.settings}`" if example.settings else shown


def exit_statuses() -> str:
    """Every exit status, worst first."""
    names = {errors.SIGNAL_BASE: "128 + n"}
    rows = [(f"**{names.get(status, status)}**", text) for status, text in errors.EXIT_STATUSES.items()]
    return table(("exit status", "meaning"), rows)


def error_codes() -> str:
    """The tree of errors: code, exit status, and the template of the message."""
    rows = []
    for kind in error_tree(errors.BillferryError):
        status = "128 + n" if kind is errors.Stopped else str(kind.exit_status)
        rows.append((f"`{kind.code}`", status, "yes" if kind.retryable else "", f"`{template(kind)}`"))
    return table(("code", "exit status", "passes by itself", "message"), rows)


def error_tree(kind: type[errors.BillferryError]) -> Iterable[type[errors.BillferryError]]:
    """All classes below one of the tree, parents before children."""
    for child in kind.__subclasses__():
        yield child
        yield from error_tree(child)


def template(kind: type[errors.BillferryError]) -> str:
    """The message of an error, with its facts in braces."""
    return (kind.__doc__ or "").strip()


def canonical_columns() -> str:
    """Our own column names by billing model; required ones are marked."""
    rows = []
    for model, columns in CANONICAL.items():
        own = [f"`{column}`" + ("\\*" if column in REQUIRED[model] else "") for column in columns]
        rows.append((f"`{model}`", " ".join([*own, *(f"`{family}.<key>`" for family in METADATA[model])])))
    return table(("model", "columns"), rows)


def metrics() -> str:
    """Every metric."""
    return table(("metric", "meaning"), [(f"`{name}`", meaning) for name, meaning in MEANINGS.items()])


PARTS: dict[str, Callable[[], str]] = {
    "rule-codes": rule_codes,
    "exit-statuses": exit_statuses,
    "error-codes": error_codes,
    "settings-keys": settings_keys,
    "feed-keys": feed_keys,
    "commands": commands,
    "canonical-columns": canonical_columns,
    "metrics": metrics,
    "log-events": log_events,
    "formats": formats,
}


def pages() -> list[Path]:
    """Every page that may hold generated parts."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def current(page: str) -> str:
    """A page's text with its generated parts as the code says now. Raises KeyError for an unknown part."""
    return _PART.sub(lambda part: f"{part[1]}{PARTS[part['name']]()}\n{part[3]}", page)


def stale() -> dict[Path, str]:
    """Pages with generated parts, and JSON Schemas, that are not what the code says; with the text they should have."""
    written = {page: current(page.read_text(encoding="utf-8")) for page in pages()} | json_schemas()
    return {
        path: text
        for path, text in written.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }


def main(words: list[str]) -> int:
    """Write the pages, or with `--check` tell which are out of date."""
    outdated = stale()
    for path, text in outdated.items():
        if "--check" not in words:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        sys.stderr.write(f"{path.relative_to(ROOT)}\n")
    return 1 if outdated and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
