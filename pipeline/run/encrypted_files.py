"""Bill files as they are opened for work: an encrypted one is decrypted into a private folder, which does not stay.

The landed copy stays encrypted, and its SHA-256 is the file's. What was decrypted is removed as soon as the file is
checked; checked values stay until its report is in place. Whoever needs the original text again decrypts again. What a
killed run leaves is swept by the next one (`landing.remove_half_landed`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pipeline.collect.collect import MAX_WORKBOOK_BYTES
from pipeline.collect.feed_of_file import Matching, match_file
from pipeline.core.file_stages import CheckedFile, LandedFile, Refusal
from pipeline.core.openpgp import begins_encrypted
from pipeline.edge.disk import remove
from pipeline.edge.local.landing import opened_folder
from pipeline.edge.reader.compressed import UnpackBudget, plain_copy
from pipeline.edge.reader.open_records import open_records
from pipeline.errors import FileRefused
from pipeline.run.ui import Ui
from schemas.pgp import Pgp
from schemas.settings import Limits

_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A landed file and what can be read of it, for as long as it is worked on."""

    landed: LandedFile
    """With `rejects_of` from what is inside."""
    workspace: Path
    """Where its check writes."""
    limits: Limits
    decrypted: Path | None = None
    """What is inside; None where the landed file itself is read."""
    refusal: Refusal | None = None
    """Why nothing inside may be read."""
    notes: tuple[str, ...] = ()

    def readable(self, landed: LandedFile) -> LandedFile:
        """The same file, with the path of what can be read."""
        return replace(landed, path=self.decrypted) if self.decrypted else landed

    def sealed(self, checked: CheckedFile) -> CheckedFile:
        """A file that has been checked, without what was decrypted; whoever needs its text has it decrypted again."""
        pgp = self.landed.feed.pgp
        if self.decrypted is None or pgp is None:
            return checked
        _remove(checked)
        return replace(
            checked,
            landed=replace(checked.landed, path=self.landed.path),
            notes=(*self.notes, *checked.notes),
            readable_again=partial(_readable_again, self, pgp, checked),
        )


@contextmanager
def opened(
    landed: LandedFile, limits: Limits, ui: Ui, matching: Matching | None = None
) -> Iterator[OpenedFile]:
    """A landed file, open for work; of one whose feed has `pgp`, nothing that was read is left when the block ends.

    Args:
        matching: to tell an encrypted file that corrects rejects; None: it is known to be none.

    Raises:
        ConfigError: gpg, the key or its passphrase cannot be used.
        DiskFull: no room for what is inside.
    """
    pgp = landed.feed.pgp
    if pgp is None:
        yield OpenedFile(landed, landed.path.parent, limits)
        return
    with opened_folder(landed.path) as workspace:
        if _is_plain_correction(landed):
            yield OpenedFile(landed, workspace, limits)
        else:
            with ui.stage("decrypt", landed.name, landed.size_bytes, "bytes"):
                file = _opened(landed, pgp, limits, workspace, matching)
            yield file


def _is_plain_correction(landed: LandedFile) -> bool:
    """Whether it is a corrected rejects file in plain text that somebody has put here, on this machine.

    rejects.csv stays here, and so may what is made of it. From a server, where others can write and read, it must be
    encrypted like any other file.
    """
    if landed.rejects_of is None or landed.origin == "sftp":
        return False
    with landed.path.open("rb") as file:
        return not begins_encrypted(file.read(_HEAD_BYTES))


def _opened(
    landed: LandedFile, pgp: Pgp, limits: Limits, workspace: Path, matching: Matching | None
) -> OpenedFile:
    """Decrypted, unless it is refused."""
    decrypted = workspace / "content"
    try:
        notes = _decrypt(landed, pgp, decrypted, limits)
        known = _recognised(landed, decrypted, matching) if matching else landed
    except FileRefused as refused:
        return OpenedFile(landed, workspace, limits, refusal=Refusal(refused.rule, refused.reason))
    return OpenedFile(known, workspace, limits, decrypted, notes=notes)


def _decrypt(landed: LandedFile, pgp: Pgp, target: Path, limits: Limits) -> tuple[str, ...]:
    """Write what is inside to `target`; notes on its signature. Nothing is left of it after an error.

    Raises:
        FileRefused: not encrypted to our key, not signed as it must be, changed, or larger than `limits` allow.
        ConfigError: gpg, the key or its passphrase cannot be used.
        DiskFull: no room.
    """
    from pipeline.edge.pgp.decrypt import Decryption  # noqa: PLC0415 (few feeds are encrypted)

    decryption = Decryption(landed.path, landed.name, pgp, where_of(landed.feed.name))
    allowance = UnpackBudget(landed.name, landed.size_bytes, limits)
    with plain_copy(target) as file:
        for block in decryption.blocks(target.parent):
            allowance.spend(len(block))
            file.write(block)
    return decryption.notes


@contextmanager
def _readable_again(file: OpenedFile, pgp: Pgp, checked: CheckedFile) -> Iterator[LandedFile]:
    """What was checked, with our plain copy of it if there was one, until the block ends. Raises as `_decrypt`.

    Args:
        checked: as it was when the text was there.
    """
    try:
        _decrypt(file.landed, pgp, checked.landed.path, file.limits)
        if checked.plain_copy is not None:
            open_records(checked.landed, file.limits, file.workspace)
        yield checked.landed
    finally:
        _remove(checked)


def _remove(checked: CheckedFile) -> None:
    """What was decrypted, and our plain copy of that."""
    for path in (checked.landed.path, checked.plain_copy):
        if path is not None:
            remove(path)


def _recognised(landed: LandedFile, decrypted: Path, matching: Matching) -> LandedFile:
    """With the original that it corrects, where it is a rejects file. Raises FileRefused: of no file of this feed."""
    with decrypted.open("rb") as content:
        head = content.read(MAX_WORKBOOK_BYTES)
    matched = match_file(landed.name, head, replace(matching, feeds=()))
    if matched is None:
        return landed
    if matched.feed.name != landed.feed.name:
        raise FileRefused(
            name=landed.name,
            rule="file.rejects_unknown",
            problem=f"it corrects a file of feed {matched.feed.name}, and its name is of feed {landed.feed.name}",
            remedy="name it like the files of that feed",
        )
    return replace(landed, rejects_of=matched.rejects_of, name_parts=dict(matched.name_parts))


def where_of(feed: str) -> str:
    """The config key of a feed's `pgp`, for messages."""
    return f"feeds.{feed}.pgp"
