"""The landing folder: our verified copies of bill files, named by their SHA-256, readable by nobody else.

`<landing>/<sha256>/content`, and `control` beside it where a control file came along. A copy is written beside, synced
and renamed, so that what is there is whole. Names from outside are never part of a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.edge.disk import (
    new_file,
    private_folder,
    put_in_place,
    remove,
    remove_tree,
    replaced_file,
    scratch_folder,
    sync_folder,
)

_STAGED = "fetch-"
"""Beginning of the names of folders for files that are not whole yet."""
_CONTROL = "control"
_OPENED = "opened"
"""Beside the landed copy of an encrypted file: the folder of what is read of it, while it is worked on."""
_CLOSED = "closed"
"""What that is called while it is removed."""


@dataclass(frozen=True, slots=True)
class LandedCopy:
    """A whole file on our disk."""

    sha256: str
    """Of its bytes, hexadecimal, small letters."""
    path: Path
    size_bytes: int


def land_blocks(
    blocks: Iterable[bytes],
    landing: Path,
    *,
    durable: bool = True,
    progress: Callable[[int], None] | None = None,
) -> LandedCopy:
    """Write the blocks to the folder of their SHA-256.

    Nothing stays when `blocks` raises. The same bytes landed before are replaced by themselves, which heals a damaged
    copy.

    Args:
        durable: on the disk before this returns; a dry run needs that not.
        progress: called with the bytes landed so far, and with 0 before the first block is asked for.

    Raises:
        DiskFull: no room, or no right to write.
    """
    with staging(landing) as staged:
        part = staged / "content.part"
        sha256, size_bytes = _write(blocks, part, progress, durable=durable)
        folder = landing / sha256
        private_folder(folder)
        put_in_place(part, folder / "content")
        if durable:
            sync_folder(folder)
            sync_folder(landing)
    return LandedCopy(sha256, folder / "content", size_bytes)


@contextmanager
def staging(landing: Path) -> Iterator[Path]:
    """A folder for what is not whole yet; gone when the block ends, or swept by a later run. Raises DiskFull."""
    private_folder(landing)
    with scratch_folder(_STAGED, landing) as staged:
        yield staged


@contextmanager
def opened_folder(content: Path) -> Iterator[Path]:
    """A private folder beside a landed file for what is read of it; gone when the block ends, or swept by a later run.

    It is renamed before it is removed: a thread that nobody waits for any more cannot put a file into it meanwhile.

    Args:
        content: path of the landed file.

    Raises:
        DiskFull: it cannot be made.
    """
    folder, closed = content.with_name(_OPENED), content.with_name(_CLOSED)
    remove_tree(folder)
    private_folder(folder)
    try:
        yield folder
    finally:
        remove_tree(closed)
        put_in_place(folder, closed)
        remove_tree(closed)


def land_control(content: Path, control: bytes | None) -> None:
    """Keep the control file of a landed file beside it; an earlier one is replaced, or removed when there is none.

    Args:
        content: path of the landed file.

    Raises:
        DiskFull: no room.
    """
    kept = content.parent / _CONTROL
    if control is None:
        remove(kept)
        return
    with replaced_file(kept) as file:
        file.write(control)


def landed_control(content: Path) -> bytes | None:
    """The control file that came with a landed file; None when none did."""
    kept = content.parent / _CONTROL
    return kept.read_bytes() if kept.exists() else None


def remove_half_landed(landing: Path) -> None:
    """Remove what a killed run left half written, or decrypted. Only while the run's lock is held."""
    for left in (*landing.glob(f"{_STAGED}*"), *landing.glob(f"*/{_OPENED}"), *landing.glob(f"*/{_CLOSED}")):
        remove_tree(left)


def _write(
    blocks: Iterable[bytes], part: Path, progress: Callable[[int], None] | None, *, durable: bool
) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    if progress is not None:
        progress(0)
    with new_file(part, durable=durable) as file:
        for block in blocks:
            digest.update(block)
            file.write(block)
            size_bytes += len(block)
            if progress is not None:
                progress(size_bytes)
    return digest.hexdigest(), size_bytes
