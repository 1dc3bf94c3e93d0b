"""A zip archive of several bill files: each is a file of its own, known by its own bytes, as if it had come alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.collect.feed_of_file import Matching
from pipeline.core.file_stages import LandedFile
from pipeline.core.mapping.file_names import is_ignored, match_name
from pipeline.core.names import SIDECAR_ENDING, label_of_path, shown_name
from pipeline.core.rules.control_totals import MAX_SIDECAR_BYTES
from pipeline.edge.local.landing import land_blocks
from pipeline.edge.reader.compressed import UnpackBudget
from pipeline.edge.reader.packing import packing_of
from pipeline.edge.reader.zip_archives import bill_members, member_contents, plain_name, zip_archive
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
        matching: tells each file's feed by its own name; where that fits none, it is the archive's, if its name fits
            one.
        feed: overrules the names.
        durable: whether the copies must outlast a crash.

    Raises:
        FileRefused: two feeds fit the name of a file in it, or none that of a file and that of the archive.
        DiskFull: no room.
    """
    if landed.rejects_of is not None:
        return [landed]
    by_itself = feed is not None or match_name(landed.name, matching.feeds) is not None
    try:
        if packing_of(landed.path, landed.name) != "zip":
            return [landed]
        found = list(_unpacked(landed, limits, matching, at_least=2 if by_itself else 1, durable=durable))
    except FileRefused:
        return [landed]
    if feed is not None:
        matching = replace(matching, feeds=())
    return [_of_feed(each, member, landed, matching, by_itself) for each, member in found] or [landed]


def _unpacked(
    landed: LandedFile, limits: Limits, matching: Matching, *, at_least: int, durable: bool
) -> Iterator[tuple[LandedFile, str]]:
    """Each bill file with its own name, the control file beside it included; none of an archive of fewer."""
    landing = landed.path.parent.parent
    allowance = UnpackBudget(landed.name, landed.size_bytes, limits)
    with zip_archive(landed.path, landed.name) as archive:
        members = bill_members(archive)
        if len(members) < at_least:
            return
        names = {member.filename for member in members}
        controls: dict[str, bytes] = {}
        landed_members: list[tuple[LandedFile, str]] = []
        for member, blocks in member_contents(archive, members, allowance):
            owner = member.filename.removesuffix(SIDECAR_ENDING)
            if owner != member.filename and owner in names:
                controls[owner] = next(blocks, b"")[: MAX_SIDECAR_BYTES + 1]
                continue
            if is_ignored(plain_name(member.filename), matching.ignore):
                continue
            copy = land_blocks(blocks, landing, durable=durable)
            shown = f"{landed.name}{MEMBER_MARK}{label_of_path(member.filename)}"
            file = LandedFile(copy.sha256, copy.path, shown, {}, copy.size_bytes, landed.origin, landed.feed)
            landed_members.append((file, member.filename))
    for file, member_name in landed_members:
        yield replace(file, control=controls.get(member_name)), member_name


def _of_feed(
    file: LandedFile, member: str, archive: LandedFile, matching: Matching, by_itself: bool
) -> LandedFile:
    """The file with its feed and name parts: by its own name, or those of the archive, if it has them `by_itself`."""
    fit = match_name(plain_name(member), matching.feeds)
    if fit is not None:
        return replace(file, feed=fit.feed, name_parts=dict(fit.name_parts))
    if not by_itself:
        raise FileRefused(
            name=shown_name(archive.name),
            rule="file.unmatched",
            problem=f"neither its name nor that of {shown_name(member)} in it matches a feed",
            remedy="name it like the files of a feed, or add a feed",
        )
    return replace(file, name_parts=dict(archive.name_parts))
