"""What a run would say of a file that came by the page, before one has checked it: a dry run in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.edge.config import Config, same_feed
from pipeline.edge.disk import private_folder, remove_tree, replaced_file
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files
from pipeline.errors import UsageError
from pipeline.report.folders import folder_name
from pipeline.run.work_dir import existing_ledger
from schemas.settings import Settings

AT_ONCE = 2
"""Children of one server: a preview uses a core, and the memory that a check does."""
MOST_S = 900.0
"""A child that is not done by then is ended."""
BROKEN_OFF = "the preview was cut off: it took too long, or this machine has too little memory; try again"
KEPT_S = 86_400.0
"""A preview that nobody asked for again is removed after so long, when another one begins."""

PreviewState = Literal["queued", "running", "ready", "checked", "failed"]
"""Others are being made; it is being made; it is there; a run has checked the file, and that report counts; or it
cannot be made, see `problem`."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How far the preview of a file is, and what it says once it is `ready` or `checked`."""

    state: PreviewState
    stage: str | None = None
    """`decrypt`, `check` or, without any count, `report`, while it runs."""
    done: int = 0
    total: int = 0
    unit: str = "bytes"
    folder: Path | None = None
    """The report: summary.json, report.html, results.csv and, where there are any, rejects.csv. None also where nothing
    of the file could be read; then the summary says why."""
    summary: dict[str, Any] | None = None
    """As in summary.json; `holds` is what the gate would say."""
    requests: Sequence[dict[str, Any]] = ()
    """The first ones as they would be sent, as `validate --show` has them; empty where a run has checked the file."""
    problem: str | None = None


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    began_at: float


@dataclass(slots=True)
class Previews:
    """The previews of one server. Its children end with it, also when it is killed. For several threads."""

    config: Config
    at_once: int = AT_ONCE
    _children: dict[str, _Child] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def preview_upload(self, sha256: str) -> Preview:
        """How far the preview of a file is; begins with it where there is none, and a child is free.

        Ask again until it is not `queued` or `running` any more.

        Raises:
            UsageError: the ledger does not know the file. LedgerDamaged, LedgerOfAnother, LedgerOutdated: as
                `existing_ledger`; DiskFull: no room.
        """
        settings = self.config.settings
        with existing_ledger(settings) as ledger:
            row = Files(ledger).by_sha256(sha256) if ledger is not None else None
        if row is None:
            raise UsageError(problem="the ledger knows no such file", remedy="see billferry status")
        if row.summary is not None and row.state != "landed":
            return _checked(settings, row)
        with self._lock:
            self._reap()
            folder = _folder(settings) / sha256
            if (result := _read(folder / "result.json")) is not None and _is_of_today(settings, row, result):
                return _ready(folder, result)
            if sha256 not in self._children:
                if len(self._children) >= self.at_once:
                    return Preview("queued")
                self._children[sha256] = self._begin(sha256, folder)
            return Preview("running", **(_read(folder / "progress.json") or {}))

    def again(self, sha256: str) -> None:
        """Forget a preview, so that the next one who asks gets a new one."""
        with self._lock:
            if sha256 not in self._children:
                with existing_ledger(self.config.settings) as ledger:
                    if ledger is not None and Files(ledger).by_sha256(sha256) is not None:
                        remove_tree(_folder(self.config.settings) / sha256)

    def close(self) -> None:
        """End the children."""
        with self._lock:
            for child in self._children.values():
                _end(child.process)
            self._children.clear()

    def _begin(self, sha256: str, folder: Path) -> _Child:
        _remove_old(folder.parent)
        remove_tree(folder)
        private_folder(folder)
        words = [sys.executable, "-m", "pipeline.run.preview_child", str(self.config.path.absolute())]
        process = subprocess.Popen(  # noqa: S603 (our own)
            [*words, sha256, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return _Child(process, time.monotonic())

    def _reap(self) -> None:
        """Children that have ended make room; of one that broke off, say so."""
        for sha256, child in list(self._children.items()):
            if child.process.poll() is None and time.monotonic() - child.began_at < MOST_S:
                continue
            _end(child.process)
            del self._children[sha256]
            folder = _folder(self.config.settings) / sha256
            if not (folder / "result.json").exists() and folder.is_dir():
                with replaced_file(folder / "result.json", durable=False) as file:
                    file.write(json.dumps({"problem": BROKEN_OFF}).encode())


def sweep_previews(settings: Settings) -> None:
    """Remove all previews: a server begins with none."""
    remove_tree(settings.work_dir / "uploads" / "previews")


def _folder(settings: Settings) -> Path:
    uploads = settings.work_dir / "uploads"
    private_folder(uploads)
    private_folder(uploads / "previews")
    return uploads / "previews"


def _remove_old(previews: Path) -> None:
    for folder in previews.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > KEPT_S:
                remove_tree(folder)


def _is_of_today(settings: Settings, row: FileRow, result: dict[str, Any]) -> bool:
    """Whether the file would still be read as it was for the preview."""
    feed = next((each for each in settings.feeds if each.name == row.feed), None)
    return "feed_print" not in result or (feed is not None and same_feed(result["feed_print"], feed))


def _ready(folder: Path, result: dict[str, Any]) -> Preview:
    summary, problem = result.get("summary"), result.get("problem")
    if summary is None or (problem and not result.get("report") and not summary.get("refusal")):
        return Preview("failed", problem=problem)
    report = folder / result["report"] if result.get("report") else None
    return Preview("ready", folder=report, summary=summary, requests=result.get("requests", ()))


def _checked(settings: Settings, row: FileRow) -> Preview:
    folder = settings.work_dir / "reports" / folder_name(row.name, row.sha256, row.digits)
    return Preview("checked", folder=folder if folder.is_dir() else None, summary=row.summary)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # one that has ended already is none
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _read(path: Path) -> dict[str, Any] | None:
    """A document that the child has written; None: not yet."""
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return found
