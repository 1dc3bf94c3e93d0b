"""A store in a folder that all hosts have. Objects are written beside, synced, and renamed without overwriting."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.edge.disk import (
    new_file,
    private_folder,
    remove,
    remove_tree,
    rename_exclusively,
    scratch_folder,
    sync_folder,
    writing,
)
from pipeline.errors import DiskFull, StoreError

BLOCK_BYTES = 1 << 20
_STAGED = ".writing"
"""Folder for what is not whole yet."""
LEFT_AFTER_S = 86_400
"""What is in that folder for so long, a killed put has left."""


@dataclass(frozen=True, slots=True)
class FolderStore:
    """The objects of one merchant and environment. Raises StoreError where the folder cannot be read or written."""

    named: Path
    """As in the config; it is never made here, for a share that is not mounted must not be taken for an empty one."""
    merchant: str
    environment: str

    def __str__(self) -> str:
        return str(self.named)

    @property
    def _objects(self) -> Path:
        return self.named / self.merchant / self.environment

    def put(self, sha256: str, content: BinaryIO) -> bool:
        """Put an object there, durably; False where there is one of that name, which nobody has compared."""
        with self._reached():
            if (self._objects / sha256).exists():
                return False
            private_folder(self._objects.parent)
            private_folder(self._objects)
            private_folder(self._objects / _STAGED)
            self._sweep()
            with scratch_folder("put-", self._objects / _STAGED) as staged:
                with new_file(staged / sha256) as file:
                    shutil.copyfileobj(content, file, BLOCK_BYTES)
                is_new = rename_exclusively(staged / sha256, self._objects / sha256)
            sync_folder(self._objects)
            return is_new

    def blocks(self, sha256: str, size_bytes: int) -> Iterator[bytes]:  # noqa: ARG002
        """What is in an object; nothing where there is none. `size_bytes`: as it was put."""
        with self._reached():
            if not (self._objects / sha256).exists():
                return
            with (self._objects / sha256).open("rb") as file:
                while block := file.read(BLOCK_BYTES):
                    yield block

    def remove(self, sha256: str, size_bytes: int) -> None:  # noqa: ARG002
        """Remove an object, which need not be there."""
        with self._reached():
            remove(self._objects / sha256)

    def look(self) -> str:
        """What `doctor` says of it. Nothing is written."""
        with self._reached():
            place = next(each for each in (self._objects, self.named) if each.is_dir() or each == self.named)
            if not os.access(place, os.R_OK | os.W_OK | os.X_OK):
                raise StoreError(where=self, problem=f"no right to read and write {place}")
            return f"{self} can be read and written"

    def _sweep(self) -> None:
        for left in (self._objects / _STAGED).iterdir():
            with suppress(FileNotFoundError):  # another host has just put it
                if time.time() - left.stat().st_mtime > LEFT_AFTER_S:
                    remove_tree(left)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            with writing(self.named):
                self.named.stat()
                yield
        except DiskFull as error:
            raise StoreError(where=self, problem=error.facts["problem"]) from error
