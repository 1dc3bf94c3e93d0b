"""The landing folder: our verified copies of bill files, named by their SHA-256, readable by nobody else.

`<landing>/<sha256>/content`, and `control` beside it where a control file came along. A copy is written beside, synced
and renamed, so that what stands there is whole. Names from outside are never part of a path.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import room_at

_STAGED = "fetch-"
_CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Landed:
    """A whole file on our disk."""

    sha256: str
    path: Path
    size_bytes: int


def land_blocks(
    blocks: Iterable[bytes],
    landing: Path,
    *,
    durable: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Landed:
    """Write the blocks to the folder of their SHA-256; `durable`: on the disk before this returns.

    `progress` hears the bytes landed so far.

    Nothing stays when `blocks` raises. The same bytes landed before are replaced by themselves, which heals a
    damaged copy.

    Raises:
        DiskFull: no room.
    """
    with room_at(landing):
        _make_private(landing)
    with room_at(landing), tempfile.TemporaryDirectory(prefix=_STAGED, dir=landing) as staged:
        Path(staged).chmod(0o700)
        part = Path(staged) / "content.part"
        sha256, size_bytes = _write(blocks, part, progress, durable=durable)
        folder = landing / sha256
        _make_private(folder)
        part.replace(folder / "content")
        if durable:
            _sync(folder)
            _sync(landing)
    return Landed(sha256, folder / "content", size_bytes)


def land_beside(content: Path, control: bytes | None) -> None:
    """Keep the control file of a landed file beside it; an earlier one is replaced, or removed when there is none.

    Raises:
        DiskFull: no room.
    """
    kept = content.parent / _CONTROL
    if control is None:
        kept.unlink(missing_ok=True)
        return
    with room_at(content.parent):
        part = kept.with_suffix(".part")
        part.unlink(missing_ok=True)
        _write([control], part, None, durable=True)
        part.replace(kept)
        _sync(content.parent)


def landed_beside(content: Path) -> bytes | None:
    """The control file of a landed file, if there is one."""
    kept = content.parent / _CONTROL
    return kept.read_bytes() if kept.exists() else None


def sweep(landing: Path) -> None:
    """Remove what a killed run left half written. Only while the run's lock is held."""
    for left in landing.glob(f"{_STAGED}*"):
        shutil.rmtree(left, ignore_errors=True)


def _write(
    blocks: Iterable[bytes], part: Path, progress: Callable[[int], None] | None, *, durable: bool
) -> tuple[str, int]:
    digest, size_bytes = hashlib.sha256(), 0
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        for block in blocks:
            digest.update(block)
            file.write(block)
            size_bytes += len(block)
            if progress is not None:
                progress(size_bytes)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    return digest.hexdigest(), size_bytes


def _make_private(folder: Path) -> None:
    if not folder.is_dir():
        if not folder.parent.is_dir():
            _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)  # a strict umask may have taken our own bits


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
