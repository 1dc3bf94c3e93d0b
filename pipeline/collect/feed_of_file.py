"""Which feed a file is of: by its name, or, for a corrected rejects file, that of the file it came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pipeline.collect.model import Matched
from pipeline.core.csv_structure import WORKBOOKS
from pipeline.core.mapping.file_names import is_ignored, match_name, peek_rejects
from pipeline.core.names import shown_name
from pipeline.edge.reader.zip_archives import names_at_start
from pipeline.errors import FileRefused
from schemas.feed import Feed

HEAD_BYTES = 65_536
"""Of a file, to tell what it is."""

FeedOfRejects = Callable[[str], tuple[Feed, dict[str, str]] | None]
"""`reject_source` → feed and name parts of the file it came from; None when the ledger does not know it."""


@dataclass(frozen=True, slots=True)
class Matching:
    """How files are recognised: the feeds, what is none of ours, where rejects files came from, and how the sheet of a
    workbook begins as text (None: it is no whole workbook)."""

    feeds: Sequence[Feed]
    ignore: Sequence[str] = ()
    feed_of_rejects: FeedOfRejects = field(default=lambda _: None)
    sheet_as_text: Callable[[bytes], bytes | None] = field(default=lambda _: None)


def match_file(name: str, head: bytes, matching: Matching) -> Matched | None:
    """The feed of a file by its name, or, for a corrected rejects file, that of the file it came from; of an archive
    whose name fits none, that of the first file in it.

    `head`: its first bytes, `HEAD_BYTES` of them are enough; of a workbook all, or it is known by its name alone.

    Raises:
        FileRefused: two feeds fit, or a rejects file does not say where it came from.
    """
    sheet = matching.sheet_as_text(head) if head.startswith(WORKBOOKS) else None
    head = sheet or head[:HEAD_BYTES]
    rejects_of = peek_rejects(head)
    if rejects_of is None:
        fit = match_name(name, matching.feeds)
        return Matched(fit.feed, fit.name_parts) if fit else _match_inside(head, matching)
    origin = matching.feed_of_rejects(rejects_of) if rejects_of else None
    if origin is None:
        raise FileRefused(
            name=shown_name(name),
            rule="file.rejects_unknown",
            problem="it is a rejects file, but its reject_source does not name a file that is known here",
            remedy="keep that column as it was written, and drop it where the original was loaded",
        )
    feed, name_parts = origin
    return Matched(feed, name_parts, peek_rejects(head, feed.encoding) or rejects_of)


def _match_inside(head: bytes, matching: Matching) -> Matched | None:
    """The feed of the first bill file in a zip archive; its directory, which counts, is read once it has landed."""
    first = next((name for name in names_at_start(head) if not is_ignored(name, matching.ignore)), None)
    fit = match_name(first, matching.feeds) if first else None
    return Matched(fit.feed, {}) if fit else None
