"""`python -m benchmarks [NAME…]`: measure all comparisons, or those named, and write their sections of RESULTS.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks import fetch, load, planning, requests, resume, startup, validate

COMPARISONS = {
    "fetch": fetch.measure,
    "validate": validate.measure,
    "growth": validate.measure_growth,
    "load": load.measure,
    "resume": resume.measure,
    "planning": planning.measure,
    "startup": startup.measure,
    "requests": requests.measure,
}
RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = "# Benchmarks\n\nWritten by `make bench`. Each section says what was compared, when and where.\n"


def main(wanted: list[str]) -> None:
    for name in wanted or COMPARISONS:
        write_section(name, COMPARISONS[name]())


def write_section(name: str, text: str) -> None:
    """Replace one section and leave the others."""
    results = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else HEAD
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    others = re.sub(f"\n*{start}.*?{end}\n", "\n", results, flags=re.DOTALL).rstrip("\n")
    RESULTS.write_text(f"{others}\n\n{start}\n\n{text.strip()}\n\n{end}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
