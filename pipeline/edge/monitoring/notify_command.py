"""The operator's own program that is told what needs a person: a document on its standard input, and little time.

It is given nothing of the environment but what programs need to run: the API key may stand there.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "TMPDIR")


def run_notify_command(command: str, document: bytes, *, folder: Path, timeout_s: float) -> str | None:
    """Run it, in a process group of its own that is ended when its time is over. No shell is involved.

    Args:
        command: program and arguments, split as a shell would; a relative path with a slash starts at `folder`.
        document: for its standard input. Its standard output is thrown away; what it says on stderr goes to ours.

    Returns:
        Why that did not work, in a few words; None where it ended with 0.
    """
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        child = subprocess.Popen(  # noqa: S603 (the operator's own command, from the config)
            shlex.split(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"it cannot be started: {getattr(error, 'strerror', None) or 'not a command'}"
    try:
        child.communicate(document, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return f"it took longer than {timeout_s:g} s and was ended"
    finally:
        with suppress(ProcessLookupError):  # what it has started ends with it, also when a signal ends us
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return None if child.returncode == 0 else f"it ended with {child.returncode}"
