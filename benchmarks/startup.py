"""How long the command takes when there is nothing to do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from benchmarks.merchant import Merchant
from benchmarks.surroundings import surroundings

TURNS = 11
ASKED_S = {"--help": 0.35, "run": 1.0}


def measure() -> str:
    with tempfile.TemporaryDirectory() as place:
        merchant = Merchant(Path(place), "https://api.invalid")
        merchant.write_config()
        took: dict[str, list[float]] = {word: [] for word in ASKED_S}
        for _ in range(1 + TURNS):  # the first turn warms up and does not count
            for word, walls in took.items():
                walls.append(merchant.run(word).took_s)
    return "\n".join(
        [
            "## Starting up",
            "",
            f"Whole processes, {TURNS} times in turn; `run` finds an empty drop folder. {surroundings()}.",
            "",
            "| command | median | fastest to slowest | at most |",
            "| --- | --- | --- | --- |",
            *[_row(word, walls[1:], ASKED_S[word]) for word, walls in took.items()],
        ]
    )


def _row(word: str, walls: list[float], at_most_s: float) -> str:
    reached = "" if median(walls) <= at_most_s else ": not reached"
    return (
        f"| `billferry {word}` | {median(walls):.2f} s | {min(walls):.2f} to {max(walls):.2f} s"
        f" | {at_most_s:.2f} s{reached} |"
    )
