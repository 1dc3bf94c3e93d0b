"""Which files of a folder belong together: a bill file, its control sidecar, its done marker.

`done_marker` names the marker of `{name}`, or, without that placeholder, one marker for the whole folder.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.core.file_stages import RemoteFile
from pipeline.core.names import SIDECAR_ENDING


class Companions:
    """The files of one listing, by what they are to each other."""

    def __init__(self, seen: Mapping[str, RemoteFile], done_marker: str | None) -> None:
        self._seen = seen
        self._done_marker = done_marker
        before, placeholder, after = (done_marker or "").partition("{name}")
        self._marks_one = bool(placeholder) and bool(before or after)
        self._before, self._after = before, after

    def of(self, name: str) -> tuple[RemoteFile, ...]:
        """Sidecar and marker of a bill file, which move along with it."""
        names = [name + SIDECAR_ENDING, *([self._marker(name)] if self._marks_one else [])]
        return tuple(self._seen[each] for each in names if each in self._seen)

    def is_one(self, name: str) -> bool:
        """Whether it belongs to a file that is there, or marks the whole folder."""
        return self._owner(name) in self._seen or name == self._done_marker

    def missing(self, name: str) -> str | None:
        """What a file still waits for: its bill file when it is a companion itself, its done marker otherwise."""
        if self._owner(name):
            return "the bill file it belongs to is missing"
        if self._done_marker is None or self._marker(name) in self._seen:
            return None
        return "its done marker is missing"

    def _marker(self, name: str) -> str:
        return (self._done_marker or "").replace("{name}", name)

    def _owner(self, name: str) -> str:
        """The bill file that a sidecar or marker of this name would belong to; empty for bill files."""
        if name.endswith(SIDECAR_ENDING):
            return name.removesuffix(SIDECAR_ENDING)
        if self._marks_one and name.startswith(self._before) and name.endswith(self._after):
            return name[len(self._before) : len(name) - len(self._after)]
        return ""
