"""Small files that an operator names: the config, keys, pinned host keys.

A path may lead to anything, so none is read before it is known to be a file: a FIFO would be waited for, a device never
ends, and what is large is not what was meant.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
from pathlib import Path

from pipeline.errors import ConfigError

MAX_SECRET_BYTES = 65_536
MAX_SHOWN_CHARACTERS = 500
OWNERS_BESIDE_US = frozenset({0})
"""root reads everything anyway, and often writes the keys of services."""


class NotSmall(OSError):
    """Something else than a file, or a larger one than anybody meant; `strerror` says which."""


def read_small(path: Path, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """The content of a file, and what it is. Raises OSError, NotSmall among them; never waits."""
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError:  # NUL, or a character that no file name can have
        raise NotSmall(errno.EINVAL, "not a path") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise NotSmall(errno.EINVAL, "not a file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise NotSmall(errno.EFBIG, f"larger than {max_bytes} bytes")
    return content, found


def read_secret(path: Path, where: str) -> str:
    """A secret from a file that only its owner can read, without the line end behind it. Raises ConfigError."""
    try:
        content, found = read_small(path, MAX_SECRET_BYTES)
    except FileNotFoundError as error:
        raise ConfigError(
            where=where, problem=f"{path} cannot be read", remedy="create it or correct the path"
        ) from error
    except OSError as error:
        check_secret(path, where)
        raise unreadable(path, where, error) from error
    require_private(path, found, where)
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        text = "\0"  # binary, like one with NUL
    if "\0" in text:
        raise ConfigError(where=where, problem=f"{path} is not text", remedy="put the secret alone into it")
    if not text.strip():
        raise ConfigError(where=where, problem=f"{path} is empty", remedy="put the secret into it")
    return text


def check_secret(path: Path, where: str) -> None:
    """Raises ConfigError when a file that exists cannot hold a secret; it is not opened. A missing one may come yet."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise unreadable(path, where, error) from error
    require_private(path, found, where)


def require_private(path: Path, found: os.stat_result, where: str) -> None:
    """Raises ConfigError unless this is a file of ours, or of root, that nobody else can read."""
    if not stat.S_ISREG(found.st_mode):
        raise ConfigError(
            where=where, problem=f"{path} is not a file", remedy="name the file that holds the secret"
        )
    if found.st_uid != os.geteuid() and found.st_uid not in OWNERS_BESIDE_US:
        raise ConfigError(
            where=where,
            problem=f"{path} belongs to another user ({found.st_uid}), who can change it",
            remedy=f"run chown {_our_name()} {path}",
        )
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(
            where=where, problem=f"{path} can be read by others", remedy=f"run chmod 600 {path}"
        )


def unreadable(path: Path, where: str, error: OSError) -> ConfigError:
    """What to say of a file that is there and cannot be read."""
    said = (error.strerror or "unknown error").lower()
    return ConfigError(
        where=where,
        problem=f"{shortened(path)} cannot be read ({said})",
        remedy="correct the path or its rights",
    )


def shortened(path: Path) -> str:
    """A path as messages name it: nobody reads thousands of letters."""
    text = str(path)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"


def _our_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
