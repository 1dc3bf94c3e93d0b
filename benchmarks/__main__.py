"""`python -m benchmarks [NAME…]`: measure all comparisons, or those named, and write their sections of RESULTS.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks import (
    fetch,
    fetch_ahead,
    load,
    pace,
    page,
    planning,
    receive,
    requests,
    resume,
    scale,
    startup,
    validate,
    workers,
)

COMPARISONS = {
    "fetch": fetch.measure,
    "fetch_ahead": fetch_ahead.measure,
    "validate": validate.measure,
    "growth": validate.measure_growth,
    "load": load.measure,
    "resume": resume.measure,
    "planning": planning.measure,
    "startup": startup.measure,
    "requests": requests.measure,
    "pace": pace.measure,
    "receive": receive.measure,
    "page": page.measure,
    "workers": workers.measure,
    "scale": scale.measure,
}
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = "# Benchmarks\n\nWritten by `make bench`. Each section says what was compared, when and where.\n"


def main(wanted: list[str]) -> None:
    for name in wanted or COMPARISONS:
        write_section(name, COMPARISONS[name]())


def write_section(name: str, text: str) -> None:
    """Replace one section and leave the others; all stand in the order of `COMPARISONS`."""
    results = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    sections = dict(re.findall(r"<!-- (\w+) -->\n\n(.*?)\n\n<!-- end of \1 -->", results, flags=re.DOTALL))
    sections[name] = text.strip()
    parts = [
        f"<!-- {each} -->\n\n{sections[each]}\n\n<!-- end of {each} -->\n"
        for each in COMPARISONS
        if each in sections
    ]
    RESULTS.write_text("\n".join([HEAD, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
