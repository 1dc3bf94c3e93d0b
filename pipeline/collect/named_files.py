"""Files that somebody hands us: named on the command line, or dropped on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.collect.collect import MAX_WORKBOOK_BYTES, SAVE_AS_CSV, Progress
from pipeline.collect.feed_of_file import Matching, match_file
from pipeline.collect.model import Matched
from pipeline.core.csv_structure import PACKED, with_short_lines
from pipeline.core.file_stages import LandedFile, SourceName
from pipeline.core.names import SIDECAR_ENDING, label_of_path, shown_name
from pipeline.core.rules.control_totals import MAX_SIDECAR_BYTES
from pipeline.edge.local import read_beside_named, read_named
from pipeline.edge.local.landing import LandedCopy, land_blocks
from pipeline.errors import FileRefused, FileTooLarge
from schemas.feed import Feed


def land_named(
    path: Path,
    matching: Matching,
    landing: Path,
    *,
    max_file_bytes: int,
    max_record_bytes: int,
    feed: Feed | None = None,
    durable: bool = True,
    progress: Progress | None = None,
) -> LandedFile:
    """Copy a file named on the command line into the landing folder and tell its feed; it is left where it is.

    `feed` overrules what the name says. A copy that need not be `durable` is one that nobody looks for after a crash.

    Raises:
        FileRefused: it fits no feed, or two, or has an endless line. FileTooLarge, SourceFileUnsettled, SourceError,
            DiskFull: as `land`.
    """
    name = label_of_path(path.name)
    blocks = within_limits(
        read_named(path),
        name,
        "named file",
        max_file_bytes=max_file_bytes,
        max_record_bytes=max_record_bytes,
        feeds=[feed] if feed else matching.feeds,
    )
    landed = land_blocks(blocks, landing, durable=durable, progress=progress)
    control = read_beside_named(path, SIDECAR_ENDING, MAX_SIDECAR_BYTES + 1)
    return of_its_feed(landed, name, "named", matching, feed=feed, control=control)


def of_its_feed(
    copy: LandedCopy,
    name: str,
    origin: SourceName,
    matching: Matching,
    *,
    feed: Feed | None,
    control: bytes | None,
) -> LandedFile:
    """A copy that somebody handed us as the bill file that it is; `feed` overrules what its name (a label) says.

    Raises FileRefused: it fits no feed (`file.unmatched`), or two, or is a rejects file of no file that is known here.
    """
    with copy.path.open("rb") as content:
        head = content.read(MAX_WORKBOOK_BYTES)
    if feed is not None:
        matching = replace(matching, feeds=(feed,))
    matched = match_file(name, head, matching)
    if matched is None and feed is not None:
        matched = Matched(feed, {})
    if matched is None:
        raise FileRefused(
            name=shown_name(name),
            rule="file.unmatched",
            problem="file name matches no feed",
            remedy="choose its feed (--feed NAME), or have a feed added for such files"
            + (f"; {SAVE_AS_CSV}" if head.startswith(PACKED) else ""),
        )
    return LandedFile(
        sha256=copy.sha256,
        path=copy.path,
        name=name,
        name_parts=dict(matched.name_parts),
        size_bytes=copy.size_bytes,
        origin=origin,
        feed=matched.feed,
        rejects_of=matched.rejects_of,
        control=control,
    )


def within_limits(
    blocks: Iterator[bytes],
    name: str,
    source: str,
    *,
    max_file_bytes: int,
    max_record_bytes: int,
    feeds: Sequence[Feed],
) -> Iterator[bytes]:
    """The blocks as they come, as long as they are within the limits; `name` (a label) and `source` for messages.

    Raises FileTooLarge as soon as they are more than the limit; FileRefused: a line without end, in the encodings of
    `feeds`.
    """
    bounded = _bounded(blocks, name, source, max_file_bytes)
    encodings = [each.encoding for each in feeds]
    return with_short_lines(bounded, max_record_bytes, name=shown_name(name), encodings=encodings)


def _bounded(blocks: Iterator[bytes], name: str, source: str, max_file_bytes: int) -> Iterator[bytes]:
    got_bytes = 0
    for block in blocks:
        got_bytes += len(block)
        if got_bytes > max_file_bytes:
            raise FileTooLarge(source=source, name=shown_name(name), limit_bytes=max_file_bytes)
        yield block
