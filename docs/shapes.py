"""The shapes of bill files that can be read: each with its smallest example, as docs/formats.md shows them.

One folder below docs/formats/ is one shape: `shape.yaml` says what it is, the file beside it is the example. All of
them go through one dry run, so the page shows what a run makes of them.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from docs.tables import table
from pipeline import load_config, run_pass
from pipeline.core.names import label_of_path
from pipeline.core.values.amount_text import format_amount
from pipeline.errors import EX_OK

FORMATS = Path(__file__).parent / "formats"
GROUPS = (
    "Headers and footers",
    "Rows",
    "Columns",
    "Records left out",
    "Lines of one bill",
    "Amounts",
    "Dates",
    "Encodings",
    "Other formats",
    "Compressed files",
)
"""The headings of the catalogue, in their order."""
MAX_SHOWN_BYTES = 1500
_CONTROL = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
"""Control characters → their pictures in Unicode."""


@dataclass(frozen=True, slots=True)
class FormatShape:
    """One shape, as its `shape.yaml` says."""

    slug: str
    group: str
    """The heading that it stands under."""
    title: str
    text: str
    feed: str
    """YAML of one feed, as it would be written below `feeds:`."""
    expect: tuple[str, ...]
    """What a run makes of each record: `B1 ZAR 10.00`, or `B2 rejected amount_due.format`."""
    example: Path
    shown: str | None
    """What to show of an example that is not text."""


@cache
def format_shapes() -> tuple[FormatShape, ...]:
    """All of them, by heading and then by the names of their folders."""
    found = [_shape(folder) for folder in FORMATS.iterdir() if (folder / "shape.yaml").exists()]
    return tuple(sorted(found, key=lambda shape: (GROUPS.index(shape.group), shape.slug)))


def _shape(folder: Path) -> FormatShape:
    facts = yaml.safe_load((folder / "shape.yaml").read_text(encoding="utf-8"))
    (example,) = (path for path in folder.iterdir() if path.name != "shape.yaml")
    shown = facts.pop("shown", None)
    return FormatShape(
        folder.name, **facts | {"expect": tuple(facts["expect"])}, example=example, shown=shown
    )


@cache
def readings() -> dict[str, tuple[str, ...]]:
    """Shape → what one dry run over all examples makes of each record, as `expect` says it.

    Raises:
        ValueError: the run found anything but rejects to complain of.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drop = folder / "drop"
        drop.mkdir()
        feeds = []
        for shape in format_shapes():
            (drop / shape.example.name).write_bytes(shape.example.read_bytes())
            feeds += yaml.safe_load(shape.feed)
        config = {
            "merchant": "citypower",
            "environment": "test",
            "work_dir": "var",
            "api": {"base_url": "http://127.0.0.1:9"},  # a dry run asks nobody
            "drop": {"folder": "drop", "archive": "archive", "quarantine": "quarantine", "settle_s": 0},
            "limits": {"max_reject_ratio": 1.0},
            "feeds": feeds,
        }
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        result = run_pass(load_config(folder / "config.yaml"), dry_run=True)
        if result.exit_status not in {EX_OK, 1}:
            raise ValueError(f"the dry run of the shapes ended with {result.exit_status}")
        found: dict[str, list[str]] = {shape.slug: [] for shape in format_shapes()}
        slugs = {label_of_path(shape.example.name): shape.slug for shape in format_shapes()}
        for report in sorted((folder / "var" / "reports" / "dry-run").glob("*/results.csv")):
            called = report.parent.name.rpartition(".")[0]
            slug = next(slug for label, slug in slugs.items() if called.startswith(label))
            with report.open(encoding="utf-8-sig", newline="") as rows:
                found[slug] += [_reading(row) for row in csv.DictReader(rows)]
        return {slug: tuple(each) for slug, each in found.items()}


def _reading(row: dict[str, str]) -> str:
    """`B1 ZAR 10.00` for a record that would be sent, else the outcome and its codes."""
    reference = row["bill_reference"] or row["account_reference"] or row["customer_reference"]
    if row["outcome"] != "not_attempted":
        return " ".join(filter(None, (reference, row["outcome"], row["codes"])))
    return f"{reference} {format_amount(row['currency'], int(row['amount_minor']))}"


def formats() -> str:
    """The catalogue: a table of all shapes, then each with its example, its feed and what is read."""
    parts, group = [_contents()], ""
    for shape in format_shapes():
        if shape.group != group:
            group = shape.group
            parts.append(f"## {group}")
        example = _fenced(shape.shown or _as_text(shape), "text")
        parts += [
            f"### {shape.title}",
            shape.text.strip(),
            f"[`{shape.example.name}`](formats/{shape.slug}/{shape.example.name})",
            example,
            _fenced(shape.feed.strip(), "yaml"),
            f"Read as: {_told(readings()[shape.slug])}.",
        ]
    return "\n\n".join(parts)


def _contents() -> str:
    counts = Counter(shape.group for shape in format_shapes())
    rows = [
        (group, ", ".join(_link(shape) for shape in format_shapes() if shape.group == group))
        for group in counts
    ]
    return table(("about", "shapes"), rows)


def _link(shape: FormatShape) -> str:
    anchor = "".join(char for char in shape.title.lower().replace(" ", "-") if char.isalnum() or char in "-_")
    return f"[{shape.title}](#{anchor})"


def _as_text(shape: FormatShape) -> str:
    """The example as people see it: in its encoding, control characters as pictures."""
    (feed,) = yaml.safe_load(shape.feed)
    text = shape.example.read_bytes()[:MAX_SHOWN_BYTES].decode(feed.get("encoding", "utf-8-sig"))
    return text.replace("\r\n", "\n").translate(_CONTROL).rstrip("\n")


def _fenced(text: str, language: str) -> str:
    return f"```{language}\n{text}\n```"


def _told(read: Sequence[str]) -> str:
    return "; ".join(f"`{each}`" for each in read) if read else "nothing"
