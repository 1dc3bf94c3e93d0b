"""A zip archive of several bill files: each is a file of its own, known by its own bytes, as if it had come alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath

from pipeline.collect.feed_of_file import Matching
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import is_ignored, match_name
from pipeline.core.names import SIDECAR_ENDING, label_of_path
from pipeline.core.rules.control_totals import MAX_SIDECAR_BYTES
from pipeline.edge.local.landing import land_blocks
from pipeline.edge.reader.compressed import UnpackBudget
from pipeline.edge.reader.packing import packing_of
from pipeline.edge.reader.zip_archives import bill_members, member_contents, zip_archive
from pipeline.errors import FileRefused
from schemas.feed import Feed
from schemas.settings import Limits

MEMBER_MARK = "!"
"""Between the name of an archive and that of a file in it."""


def bill_files_of(
    landed: LandedFile, matching: Matching, limits: Limits, *, feed: Feed | None = None, durable: bool = True
) -> list[LandedFile]:
    """The bill files inside a landed archive, landed beside it; the file itself where it is no archive of several.

    An archive that cannot be read for certain is returned as it is too: the check refuses it, and says why.

    Args:
        matching: tells each file's feed by its own name; where that fits none, it is the archive's.
        feed: overrules the names.
        durable: whether the copies must outlast a crash.

    Raises:
        FileRefused: two feeds fit the name of a file in it.
        DiskFull: no room.
    """
    if landed.rejects_of is not None:
        return [landed]
    try:
        if packing_of(landed.path, landed.name) != "zip":
            return [landed]
        found = list(_unpacked(landed, limits, matching, durable=durable))
    except FileRefused:
        return [landed]
    return [_of_feed(each, member, landed, matching, feed) for each, member in found] or [landed]


def _unpacked(
    landed: LandedFile, limits: Limits, matching: Matching, *, durable: bool
) -> Iterator[tuple[LandedFile, str]]:
    """Each bill file with its own name, the control file beside it included; none of an archive of one."""
    landing = landed.path.parent.parent
    allowance = UnpackBudget(landed.name, landed.size_bytes, limits)
    with zip_archive(landed.path, landed.name) as archive:
        members = bill_members(archive)
        if len(members) < 2:
            return
        names = {member.filename for member in members}
        controls: dict[str, bytes] = {}
        landed_members: list[tuple[LandedFile, str]] = []
        for member, blocks in member_contents(archive, members, allowance):
            name = PurePosixPath(member.filename.replace("\\", "/")).name
            owner = member.filename.removesuffix(SIDECAR_ENDING)
            if owner != member.filename and owner in names:
                controls[owner] = next(blocks, b"")[: MAX_SIDECAR_BYTES + 1]
                continue
            if is_ignored(name, matching.ignore):
                continue
            copy = land_blocks(blocks, landing, durable=durable)
            shown = f"{landed.name}{MEMBER_MARK}{label_of_path(member.filename)}"
            file = LandedFile(copy.sha256, copy.path, shown, {}, copy.size_bytes, landed.origin, landed.feed)
            landed_members.append((file, member.filename))
    for file, member_name in landed_members:
        yield replace(file, control=controls.get(member_name)), member_name


def _of_feed(
    file: LandedFile, member: str, archive: LandedFile, matching: Matching, feed: Feed | None
) -> LandedFile:
    """The file with its feed and name parts: by its own name, or those of the archive."""
    fit = match_name(PurePosixPath(member.replace("\\", "/")).name, matching.feeds) if feed is None else None
    if fit is None:
        return replace(file, feed=feed or archive.feed, name_parts=dict(archive.name_parts))
    return replace(file, feed=fit.feed, name_parts=dict(fit.name_parts))
