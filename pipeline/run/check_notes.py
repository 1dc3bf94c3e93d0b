"""How far a run's check of a file is, for those who watch the page: a note below work_dir, renewed now and then."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pipeline.core.values.timestamps import rfc3339
from pipeline.edge.disk import private_folder, replaced_file
from schemas.settings import Settings

EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class CheckUnderWay:
    """The newest note; the run that wrote it may have ended since."""

    sha256: str
    done_bytes: int
    total_bytes: int
    at: str
    """RFC 3339."""


class CheckNotes:
    """Writes the notes of one run."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        """`clock`: in UTC."""
        self._path = _path(settings)
        self._clock = clock
        self._noted_at = float("-inf")

    def note(self, sha256: str, total_bytes: int, done_bytes: int) -> None:
        """The check of a file is so far; from any thread. Raises DiskFull."""
        now = time.monotonic()
        if now - self._noted_at < EVERY_S:
            return
        self._noted_at = now
        private_folder(self._path.parent)
        told = CheckUnderWay(sha256, done_bytes, total_bytes, rfc3339(self._clock()))
        with replaced_file(self._path, durable=False) as file:
            file.write(json.dumps(asdict(told)).encode())


def check_under_way(settings: Settings) -> CheckUnderWay | None:
    """What a run noted last; None: none has checked anything since there is a page."""
    try:
        return CheckUnderWay(**json.loads(_path(settings).read_bytes()))
    except FileNotFoundError:
        return None


def _path(settings: Settings) -> Path:
    return settings.work_dir / "uploads" / "checking.json"
