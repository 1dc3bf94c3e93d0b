"""Files that ship with the program: in a wheel inside the package, in a checkout at its root."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.core.mapping.file_names import is_ignored
from pipeline.errors import UsageError

STARTER_FEED = """\
  # (*) Bills in the canonical columns of docs/files.md. For files with columns of their own, let billferry propose a
  # feed, and move it here: billferry init --from FILE proposed.yaml
  - name: bills
    match: "*_bills_{date:%Y-%m-%d}.csv"
    model: bill
    amount: {unit: major, decimal: "."}
    currency: ZAR                             # of records that do not state one
    phone_region: ZA                          # of phone numbers without a country code
"""
"""The one feed of a new config. The feeds of the sample files allow mistakes that a merchant's files must not have."""
_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """The path of `config.yaml` or `sample_files`, whichever `name` is: in the installed package, else in the
    checkout."""
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.exists() else _PACKAGE.parent / name


def config_with(feeds: str, *, not_ignored: str = "") -> str:
    """The shipped config.yaml with other feeds, as commented YAML.

    `not_ignored`: a file name that no `ignore` pattern may hide, since a feed is to read it.
    """
    before, _, _ = shipped("config.yaml").read_text(encoding="utf-8").partition("\nfeeds:\n")
    (line,) = re.findall(r"(?m)^ignore: .*$", before)
    patterns = re.findall('"([^"]*)"', line)
    kept = [each for each in patterns if not is_ignored(not_ignored, [each])]
    if kept != patterns:
        listed = ", ".join(f'"{each}"' for each in kept)
        before = before.replace(line, f"ignore: [{listed}]".ljust(37) + "# files to ignore")
    return f"{before}\nfeeds:\n{feeds}"


def write_config(path: Path) -> None:
    """Write a commented config.yaml with one feed to start from.

    Raises:
        UsageError: `path` exists, for a config is never overwritten, or cannot be written.
    """
    write_new(path, config_with(STARTER_FEED))


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
