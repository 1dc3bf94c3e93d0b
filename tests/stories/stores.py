"""A store of either kind, as somebody sees it who looks into it from outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from tests.servers.s3 import S3Server

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
        self.server, self._folder = server, folder

    def settings(self) -> dict[str, Any]:
        return self.server.settings(self._folder)

    def objects(self) -> dict[str, bytes]:
        return self.server.objects("documents")

    def put(self, name: str, content: bytes | None) -> None:
        self.server.put("documents", name, content)


@contextmanager
def store_of(kind: Kind, folder: Path) -> Iterator[Looked]:
    """An empty store."""
    if kind == "folder":
        yield LookedFolder(folder)
        return
    with S3Server() as server:
        yield LookedBucket(server, folder)
