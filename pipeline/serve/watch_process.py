"""`serve --with-watch`: the watch that loads files, as a process of its own beside the server.

A page that is asked for never waits for a load, and a load never ends with a page. The two share the ledger alone.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

END_S = 120.0
"""After a stop signal, so long the watch may take: it ends the requests that are under way."""
COMMAND = (sys.executable, "-m", "pipeline", "watch", "--with-parent", "--config")


@asynccontextmanager
async def watch_beside(config: Path, ended: Callable[[int], None]) -> AsyncIterator[None]:
    """While the block lasts, a watch runs; its lines go where ours go. It ends, too, where this process is killed.

    Args:
        config: path of the config file.
        ended: called with its exit status where it ends by itself.
    """
    process = await asyncio.create_subprocess_exec(*COMMAND, str(config), stdin=asyncio.subprocess.PIPE)

    async def until_it_ends() -> None:
        ended(_status(await process.wait()))

    waiting = asyncio.create_task(until_it_ends())
    try:
        yield
    finally:
        waiting.cancel()
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), END_S)
            except TimeoutError:
                process.kill()
                await process.wait()


def _status(returned: int) -> int:
    """As a shell has it: 128 and the signal that killed it."""
    return 128 - returned if returned < 0 else returned
