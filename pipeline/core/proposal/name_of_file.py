"""What a feed for a file is called, and which names it fits, by the name of that file."""

from __future__ import annotations

import re

from pipeline.core.values.date_formats import read_date

_DATES_IN_NAMES = ((r"(?<!\d)20\d\d-\d\d-\d\d(?!\d)", "%Y-%m-%d"), (r"(?<!\d)20\d{6}(?!\d)", "%Y%m%d"))
"""Pattern of a date in a file name → its format."""


def name_pattern(name: str) -> tuple[str, bool]:
    """A pattern that fits a file's name and those of other days, and whether a date was found in it."""
    safe = name.replace("{", "*").replace("}", "*")
    for pattern, date_format in _DATES_IN_NAMES:
        for found in re.finditer(pattern, safe, re.ASCII):
            if read_date(found[0], date_format):
                return f"{safe[: found.start()]}{{date:{date_format}}}{safe[found.end() :]}", True
    return safe, False


def feed_name(name: str) -> str:
    """A feed's name made of the file's: small letters and hyphens, at most 63 characters."""
    words = re.findall(r"[a-z]+", name.lower().partition(".")[0], re.ASCII)
    return "-".join(words)[:63].rstrip("-") or "proposed"
