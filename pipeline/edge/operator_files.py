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
"""64 KiB; a private key has a few."""
MAX_KEYS_BYTES = 1_048_576
"""1 MiB; an OpenPGP key with many signatures has some 100 KiB."""
MAX_SHOWN_CHARACTERS = 500
"""Of a path in a message."""
OWNERS_BESIDE_US = frozenset({0})
"""root reads everything anyway, and often writes the keys of services."""


class NotASmallFile(OSError):
    """Something else than a file, or a larger one than anybody meant; `strerror` says which."""


def read_small(path: Path, max_bytes: int) -> tuple[bytes, os.stat_result]:
    """The content of a file, and its status. Never waits.

    Raises:
        NotASmallFile: it is no regular file, larger than `max_bytes`, or no path at all.
        OSError: it is missing or not readable.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO waits for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except ValueError:  # NUL, or a character that no file name can have
        raise NotASmallFile(errno.EINVAL, "not a path") from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        os.close(descriptor)
        raise NotASmallFile(errno.EINVAL, "not a file")
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise NotASmallFile(errno.EFBIG, f"larger than {max_bytes} bytes")
    return content, found


def read_secret(path: Path, where: str) -> str:
    """A secret from a file that only its owner can read, without the line end behind it.

    Args:
        where: the config key that names the file, for messages.

    Raises:
        ConfigError: it is missing, readable by others, somebody else's, empty, binary or too large. Its content is in
            no message.
    """
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
        raise ConfigError(
            where=where, problem=f"{path} is not text", remedy="put nothing but the secret into it"
        )
    if not text.strip():
        raise ConfigError(where=where, problem=f"{path} is empty", remedy="put the secret into it")
    return text


def read_keys(path: Path, where: str, *, secret: bool) -> bytes:
    """A file of keys: a `secret` one nobody else may read, any other nobody else may change.

    Raises:
        ConfigError: it is missing, open to others, somebody else's, empty or too large.
    """
    try:
        content, found = read_small(path, MAX_KEYS_BYTES)
    except OSError as error:
        raise unreadable(path, where, error) from error
    if secret:
        require_private(path, found, where)
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem, remedy = f"{path} can be changed by others", f"run chmod go-w {path}"
        raise ConfigError(where=where, problem=problem, remedy=remedy)
    if not content.strip():
        raise ConfigError(where=where, problem=f"{path} is empty", remedy="export the keys into it")
    return content


def check_secret(path: Path, where: str) -> None:
    """Check what a secret's file is, without opening it. A missing one is no mistake: it may come yet.

    Raises:
        ConfigError: it cannot hold a secret.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise unreadable(path, where, error) from error
    require_private(path, found, where)


def require_private(path: Path, found: os.stat_result, where: str) -> None:
    """Raise ConfigError unless this is a regular file of ours, or of root, that nobody else can read.

    Args:
        found: status of the file that was opened, so that nothing can be put in its place between check and use.
    """
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
    """The error for a file that is there and cannot be read, with the system's reason."""
    reason = (error.strerror or "unknown error").lower()
    return ConfigError(
        where=where,
        problem=f"{shortened(path)} cannot be read ({reason})",
        remedy="correct the path or its rights",
    )


def shortened(path: Path) -> str:
    """A path as messages name it: nobody reads thousands of letters."""
    text = str(path)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…"


def _our_name() -> str:
    """The user of this process, as `chown` takes it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
