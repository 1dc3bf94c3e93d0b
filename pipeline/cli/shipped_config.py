"""Files that ship with the program: in a wheel inside the package, in a checkout at its root."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """The path of `config.yaml` or `sample_files`, whichever `name` is: in the installed package, else in the
    checkout."""
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def write_config(path: Path) -> None:
    """Write the commented config.yaml.

    Raises:
        UsageError: `path` exists, for a config is never overwritten, or cannot be written.
    """
    write_new(path, shipped("config.yaml").read_text(encoding="utf-8"))


def write_new(path: Path, text: str) -> None:
    """Write a file that must not exist yet, in UTF-8.

    Raises:
        UsageError: it exists or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(
            problem=f"{path} already exists", remedy="name another file, or move it away"
        ) from None
    except OSError as error:
        raise UsageError(
            problem=f"{path} cannot be written ({error.strerror})", remedy="name another file"
        ) from None
