"""`billferry validate` beside others that check the same records, each as a process of its own, in turn."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import yaml

from benchmarks.bills import BAD, COLUMNS, write_bills
from benchmarks.merchant import ROOT
from benchmarks.peers_of_check import SHORT_SLICE_RECORDS, SLICE_RECORDS
from benchmarks.process import Finished, run
from benchmarks.surroundings import surroundings
from pipeline.core.values.amount_text import grouped

SIZES = (2_000_000, 5_000_000)
TURNS = 3
PACKAGES = ("polars", "duckdb", "dataframely", "pandera", "pydantic", "frictionless")
FEW, MANY = 1_000_000, 10_000_000
"""Records between which the time per record is compared."""
GROWTH_TURNS = 2
TIMEOUT_S = 900.0
MAX_ANONYMOUS_BYTES = 1 << 30
SOUND = ("dataframely", "pandera", "polars_pydantic", "pydantic", "polars")
"""They stop at damaged structure, and read the same records without it."""
SLICES = {
    "polars_pydantic": SLICE_RECORDS,
    "pydantic": SLICE_RECORDS,
    "frictionless": SHORT_SLICE_RECORDS,
}
"""So many of the records are measured; more would only take longer, as each takes its time."""
SAID = {
    "billferry": "`billferry validate --rejects`",
    "duckdb": "DuckDB: the field rules, a distinct count, a sum",
    "duckdb_whole_job": "DuckDB, the whole job: also Parquet, contradictions, duplicates, damaged lines, rejects",
    "dataframely": "dataframely: the field rules, a primary key, a sum",
    "pandera": "pandera on polars: the field rules, a unique reference, a sum",
    "polars_pydantic": f"polars reads, pydantic checks batches, of {grouped(SLICE_RECORDS)} records",
    "pydantic": f"csv.DictReader and pydantic per row, of {grouped(SLICE_RECORDS)} records",
    "frictionless": f"Frictionless: a table schema, of {grouped(SHORT_SLICE_RECORDS)} records",
    "polars": "polars: every column read as text, empty ones counted",
}
_NO_LINES = "line numbers, values kept, rejects, contradictions"
LEFT_OUT = {
    "billferry": "none of these: structure, all rules, across records, totals, values kept, rejects with lines",
    "duckdb": f"{_NO_LINES}; lines that it cannot read",
    "duckdb_whole_job": "line numbers of records that it can read, how values are sent, messages, totals by currency",
    "dataframely": f"{_NO_LINES}; damaged structure",
    "pandera": f"{_NO_LINES}; damaged structure, notations of amounts. It keeps each broken value in memory",
    "polars_pydantic": f"{_NO_LINES}; damaged structure, notations of amounts, why a row is bad",
    "pydantic": f"{_NO_LINES}; damaged structure, notations of amounts, why a row is bad",
    "frictionless": "values kept, rejects, contradictions, notations of amounts, decimals by currency, a sum",
    "polars": "every rule",
}
ASKED = {"duckdb": 0.8, "duckdb_whole_job": 1.5, "pydantic": 8.0, "polars": 1 / 3}
"""Our records a second, at least so many times theirs."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder with a config."""

    folder: Path

    def ours(self, file: Path, records: int) -> Finished:
        """One `billferry validate`, which must account for every record."""
        command = [
            *(sys.executable, "-m", "pipeline", "validate", str(file), "--config", "config.yaml"),
            *("--rejects", "rejects", "--json"),
        ]
        done = run(command, folder=self.folder, statuses=(1,), timeout_s=TIMEOUT_S)
        files = json.loads(done.output)["files"]
        counted = files[0]["records"]["total"] if files else 0
        if counted != records:
            raise SystemExit(f"billferry counted {counted} records")
        return done

    def peer(self, name: str, file: Path) -> tuple[Finished, int]:
        """One run of a peer, and how many records it read."""
        command = [sys.executable, "-m", "benchmarks.peers_of_check", name, str(file)]
        done = run(command, folder=ROOT, timeout_s=TIMEOUT_S)
        return done, int(json.loads(done.output)["records"])


@contextmanager
def bench() -> Iterator[Bench]:
    """A temporary folder with a feed for `bills.write_bills`."""
    with tempfile.TemporaryDirectory() as folder:
        feed = {
            "name": "bills",
            "match": "*.csv",
            "model": "bill",
            "amount": {"unit": "major"},
            "phone_region": "ZA",
        }
        config = {
            "merchant": "benchmark",
            "environment": "test",
            "api": {"base_url": "http://127.0.0.1:8400"},
            "drop": {"folder": "drop"},
            "limits": {"max_file_bytes": 1 << 32},
            "feeds": [feed],
        }
        (Path(folder) / "drop").mkdir()
        (Path(folder) / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        yield Bench(Path(folder))


def measure(sizes: Sequence[int] = SIZES) -> str:
    """A table for each size."""
    lines = [
        "## Checking a file",
        "",
        f"Bills of {len(COLUMNS)} columns, one in a hundred bad, in {BAD} ways; whole processes, start and imports",
        f"included, {TURNS} times in turn after one that does not count. Who stops at damaged structure had the same",
        "records without it. Of slices, records/s are those of the slice.",
        f"{surroundings()}; {', '.join(f'{name} {version(name)}' for name in PACKAGES)}.",
    ]
    for records in sizes:
        lines += _measured(records)
    return "\n".join(lines)


def _measured(records: int) -> list[str]:
    """In turn, so that whatever else the machine does hits all alike. The first turn warms up and does not count."""
    rates: dict[str, list[float]] = {name: [] for name in SAID}
    read: dict[str, int] = {}
    with bench() as at:
        file, sound = at.folder / "bills.csv", at.folder / "sound.csv"
        write_bills(file, records)
        write_bills(sound, records, damaged=False)
        for _ in range(1 + TURNS):
            rates["billferry"].append(records / at.ours(file, records).took_s)
            for name in list(SAID)[1:]:
                done, read[name] = at.peer(name, sound if name in SOUND else file)
                rates[name].append(min(records, SLICES.get(name, records)) / done.took_s)
        size_bytes = file.stat().st_size
    return _table({name: each[1:] for name, each in rates.items()}, records, read["duckdb"], size_bytes)


def measure_growth() -> str:
    """Time for each record and anonymous memory, of few records and of many."""
    files = {FEW: "few.csv", MANY: "many.csv"}
    runs: dict[int, list[Finished]] = {FEW: [], MANY: []}
    with bench() as at:
        for records, name in files.items():
            write_bills(at.folder / name, records)
        for _ in range(GROWTH_TURNS):
            for records, name in files.items():
                runs[records].append(at.ours(at.folder / name, records))
    return _growth_section(runs)


def _table(rates: Mapping[str, list[float]], records: int, read_by_duckdb: int, size_bytes: int) -> list[str]:
    ratios = {name: median(rates["billferry"]) / median(each) for name, each in rates.items()}
    return [
        "",
        f"### {grouped(records)} records, {size_bytes >> 20} MiB",
        "",
        "| what | records/s (median) | records/s (each turn) | Billferry is | leaves out |",
        "| --- | --- | --- | --- | --- |",
        *(_row(name, rates[name], ratios[name]) for name in SAID),
        "",
        *(_verdict(name, ratios[name]) for name in ASKED),
        "",
        f"DuckDB's first query read {grouped(read_by_duckdb)} of the {grouped(records)} records (`ignore_errors`, not"
        " strict), and says nothing of the others.",
    ]


def _row(name: str, rates: list[float], ratio: float) -> str:
    each = ", ".join(grouped(round(rate)) for rate in rates)
    return f"| {SAID[name]} | {grouped(round(median(rates)))} | {each} | {ratio:.2f} × | {LEFT_OUT[name]} |"


def _verdict(name: str, ratio: float) -> str:
    title = "the plain read by polars" if name == "polars" else SAID[name].partition(":")[0]
    asked = ASKED[name]
    reached = "reached" if ratio >= asked else "**not reached**"
    return f"- against {title}: {ratio:.2f} × its records/s, at least {asked:.2f} is asked for: {reached}."


def _growth_section(runs: Mapping[int, list[Finished]]) -> str:
    per_record = {records: [1e6 * each.took_s / records for each in done] for records, done in runs.items()}
    growth = median(per_record[MANY]) / median(per_record[FEW])
    peak = max(each.peak_anonymous_bytes for each in runs[MANY])
    lines = [
        "## Checking large files",
        "",
        f"`billferry validate` of {grouped(FEW)} and of {grouped(MANY)} such records, {GROWTH_TURNS} times in turn.",
        f"{surroundings()}; polars {version('polars')}.",
        "",
        "| records | seconds | µs for each record | anonymous memory at most |",
        "| --- | --- | --- | --- |",
    ]
    for records, done in runs.items():
        seconds = ", ".join(f"{each.took_s:.1f}" for each in done)
        each_us = ", ".join(f"{us:.2f}" for us in per_record[records])
        memory = ", ".join(f"{each.peak_anonymous_bytes >> 20} MiB" for each in done)
        lines.append(f"| {grouped(records)} | {seconds} | {each_us} | {memory} |")
    lines += [
        "",
        f"- time for each record grows {growth:.2f} ×, at most 1.2 is asked for:"
        f" {'reached' if growth <= 1.2 else '**not reached**'}.",
        f"- at most {peak >> 20} MiB of anonymous memory, 1024 are allowed:"
        f" {'reached' if peak <= MAX_ANONYMOUS_BYTES else '**not reached**'}.",
    ]
    return "\n".join(lines)
