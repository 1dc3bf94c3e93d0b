"""Reports that something changed in a folder, so that nobody has to look all the time."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

DEBOUNCE_MS = 200
"""Changes within this time are reported as one."""
SIGNAL_LATENCY_S = 0.5
"""So soon a signal is heard at the latest."""
FOLDER_CHECK_MS = 1_000
"""So often it is made sure that the folder is still the one that is watched."""


class FolderWatcher:
    """Wakes its caller when something changes in a folder; a context manager, with a thread for each folder.

    Changes may be reported twice or, on some network drives, never: the caller should look now and then anyway.
    """

    def __init__(self, *folders: Path | None) -> None:
        """Args:
        folders: need not exist yet; None is none. Without any, only time passes.
        """
        self._changed = threading.Event()
        self._where: set[Path] = set()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._listen, args=(folder,), name="changes", daemon=True)
            for folder in folders
            if folder is not None
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(2 * FOLDER_CHECK_MS / 1000)

    def wait(self, most_s: float) -> frozenset[Path]:
        """Wait for a change, `most_s` seconds at most; the folders in which there was one since the last wait."""
        deadline = time.monotonic() + most_s
        # In short waits: Python hears a signal between two steps only, and one that comes just before a wait begins
        # would be heard when that wait is over.
        while not self._changed.wait(max(0.0, min(deadline - time.monotonic(), SIGNAL_LATENCY_S))):
            if time.monotonic() >= deadline:
                return frozenset()
        self._changed.clear()  # first: what changes from here on wakes the next wait
        found = frozenset(self._where.copy())
        self._where -= found
        return found

    def _listen(self, folder: Path) -> None:
        """Watch the folder; again when another one has taken its name, or when it is not there yet."""
        while not self._stopped.is_set():
            with suppress(
                OSError, RuntimeError
            ):  # gone, or the system grants no more watches: then time must do
                self._listen_to(folder, _folder_identity(folder))
            self._stopped.wait(FOLDER_CHECK_MS / 1000)

    def _listen_to(self, folder: Path, identity: tuple[int, int]) -> None:
        from watchfiles import watch  # noqa: PLC0415 (only who watches needs it)

        batches = watch(
            folder,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            stop_event=self._stopped,
            rust_timeout=FOLDER_CHECK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            recursive=False,
            ignore_permission_denied=True,
        )
        for number, changes in enumerate(batches):
            if changes or number == 0:  # at first: something may have come before anybody listened
                self._where.add(folder)
                self._changed.set()
            # A new folder may get the number of the one that was removed.
            if _folder_identity(folder) != identity or any(path == str(folder) for _, path in changes):
                return


def _folder_identity(folder: Path) -> tuple[int, int]:
    """Device and inode, to notice another folder of the same name. Raises OSError."""
    facts = folder.stat()
    return facts.st_dev, facts.st_ino
