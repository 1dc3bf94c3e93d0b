"""Expected results of every sample file: `make golden` writes them again, `test_samples.py` compares.

All samples are loaded by one real `billferry load` with the shipped config.yaml, into a fresh sandbox API. Times and
the run's id become placeholders; an id that the API gave becomes `<bcus of CP-1001>`, the entity it must belong to.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from pipeline.cli import run_command
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from tests.check import opendocuments, workbooks

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_files"
EXPECTED = SAMPLES / "expected"
OFFICES = "za_citypower_offices_2026-11-20.xlsx"
DEPOTS = "za_citypower_depots_2026-11-20.ods"
PAGE = "report.html"
"""For people, who see it in tests/pages; the numbers that it shows are those of summary.json."""
EXIT_STATUS = 1
"""Of the load of all samples: they contain mistakes on purpose."""


def samples() -> list[Path]:
    """The bill files themselves, by name."""
    return sorted(path for path in SAMPLES.iterdir() if path.is_file() and path.suffix != ".ctl")


def offices() -> bytes:
    """The sample workbook: texts, numbers as a spreadsheet keeps them, a date, and what it mangles."""
    head = (
        "customer_reference",
        "customer_name",
        "account_reference",
        "bill_reference",
        "amount_due",
        "due_date",
    )
    due = workbooks.number("46361", workbooks.DATE)
    rows: list[tuple[workbooks.Cell, ...]] = [
        ("CX-01", "Lerato Molefe", "AX-01", "INV-X01", workbooks.number("240.00999999999999"), due),
        ("CX-02", "Johan Smit", "AX-02", "INV-X02", 1200, due),
        ("CX-03", "Long number", "AX-03", workbooks.number("4.4711020260001002E+18"), 100, due),
        ("CX-04", "Sum of thirds", "AX-04", "INV-X04", workbooks.number("33.333333333333336"), due),
        (None,) * 6,
        ("CX-05", "Good", "AX-05", "INV-X05", workbooks.text("55.50"), None),
    ]
    sheets = {
        "Notes": workbooks.sheet(workbooks.row("Not read")),
        "Bills": workbooks.sheet(workbooks.row(*head), *(workbooks.row(*each) for each in rows)),
    }
    return workbooks.workbook(sheets)


def depots() -> bytes:
    """The sample of LibreOffice: numbers as they are kept, and one that is a sum of thirds."""
    rows = (
        ("customer_reference", "customer_name", "balance"),
        ("CD-01", "Depot North", opendocuments.number("1540.5", "currency")),
        ("CD-02", "Depot Harbour", opendocuments.number("-20")),
        ("CD-03", "Sum of thirds", opendocuments.number("33.333333333333336")),
        ("CD-04", "Depot West", opendocuments.text("310.00")),
    )
    return opendocuments.opendocument(
        opendocuments.sheet(*(opendocuments.row(*each) for each in rows), name="Balances")
    )


def load_all(work: Path) -> dict[str, dict[str, bytes]]:
    """Sample → report file → its content with placeholders. `work` is an empty folder."""
    config = work / "config.yaml"
    with SandboxApi() as api:
        config.write_text(yaml.safe_dump(_config(api.url)), encoding="utf-8")
        words = ["load", *map(str, samples()), "--config", str(config), "--json"]
        with (
            _environment(BILLFERRY_API__KEY=TEST_KEY),
            contextlib.redirect_stdout(io.StringIO()) as said,
            contextlib.redirect_stderr(io.StringIO()),
        ):
            exit_status = run_command(words)
        state = api.snapshot()
    if exit_status != EXIT_STATUS:
        raise RuntimeError(f"the samples loaded with exit status {exit_status}, not {EXIT_STATUS}")
    names = _entities(state)
    return {
        summary["file"]["name"]: _reports(work / "var" / "reports", summary, names)
        for summary in json.loads(said.getvalue())["files"]
    }


def expected(sample: str) -> dict[str, bytes]:
    """What stands beside the samples: report file → content."""
    return {path.name: path.read_bytes() for path in sorted((EXPECTED / sample).iterdir())}


def _config(api_url: str) -> dict[str, Any]:
    """The shipped config, pointed at a sandbox of our own and at no source."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    del shipped["sftp"], shipped["drop"], shipped["api"]["key_file"]
    shipped["api"]["base_url"] = api_url
    return dict(shipped)


def _entities(state: dict[str, Any]) -> dict[str, str]:
    return {
        entity["id"]: f"<{entity['id'].partition('_')[0]} of {entity['external_reference']}>"
        for kind in ("customers", "accounts", "bills")
        for entity in state[kind]
    }


def _reports(folder: Path, summary: dict[str, Any], names: dict[str, str]) -> dict[str, bytes]:
    file = summary["file"]
    there = folder / f"{file['name']}.{file['sha256'][:8]}"
    content = {path.name: path.read_bytes() for path in sorted(there.iterdir()) if path.name != PAGE}
    content["summary.json"] = _stable_summary(json.loads(content["summary.json"]))
    results = content["results.csv"].decode()
    for entity_id, name in names.items():
        results = results.replace(entity_id, name)
    return {**content, "results.csv": results.encode()}


def _stable_summary(summary: dict[str, Any]) -> bytes:
    summary["run"] |= {"id": "<run>", "started_at": "<time>", "finished_at": "<time>", "audit_head": "<head>"}
    return (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode()


BUILT = {OFFICES: offices, DEPOTS: depots}
"""Workbooks among the samples → what builds them."""


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def main() -> None:
    """Replace `sample_files/expected` by what the samples give now."""
    for name, made in BUILT.items():
        (SAMPLES / name).write_bytes(made())
    with tempfile.TemporaryDirectory() as work:
        found = load_all(Path(work))
    shutil.rmtree(EXPECTED, ignore_errors=True)
    for sample, reports in found.items():
        (EXPECTED / sample).mkdir(parents=True)
        for name, content in reports.items():
            (EXPECTED / sample / name).write_bytes(content)
    sys.stdout.write(
        f"{len(found)} samples: read `git diff {EXPECTED.relative_to(ROOT)}` before you commit\n"
    )


if __name__ == "__main__":
    main()
