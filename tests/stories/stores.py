"""A store of either kind, as somebody sees it who looks into it from outside."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import uuid4

from tests.servers.s3 import S3Server, shared_s3

Kind = Literal["folder", "s3"]
KINDS: tuple[Kind, ...] = ("folder", "s3")
"""The first of a list of cases is tried by `make test`, all by `make soak`."""


class Looked(Protocol):
    """What is in a store, below its prefix."""

    def settings(self) -> dict[str, Any]:
        """Keys of the config that name it."""

    def objects(self) -> Mapping[str, bytes]:
        """Name → content."""

    def put(self, name: str, content: bytes | None) -> None:
        """Change an object; None: remove it."""


class LookedFolder:
    """A folder that hosts share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shared"
        self.folder.mkdir()

    def settings(self) -> dict[str, Any]:
        return {"store": str(self.folder)}

    def objects(self) -> dict[str, bytes]:
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def put(self, name: str, content: bytes | None) -> None:
        if content is None:
            (self.folder / name).unlink()
        else:
            (self.folder / name).write_bytes(content)


class LookedBucket:
    """A bucket of a real S3 server."""

    def __init__(self, server: S3Server, folder: Path) -> None:
        self.server, self._folder, self._prefix = server, folder, f"documents/{uuid4().hex}"

    def settings(self) -> dict[str, Any]:
        return self.server.settings(self._folder, self._prefix)

    def objects(self) -> dict[str, bytes]:
        return self.server.objects(self._prefix)

    def put(self, name: str, content: bytes | None) -> None:
        self.server.put(self._prefix, name, content)


def store_of(kind: Kind, folder: Path) -> Looked:
    """An empty store."""
    return LookedFolder(folder) if kind == "folder" else LookedBucket(shared_s3(), folder)
