"""What a command loads: exactly what it uses. Every heavy package costs each command that loads it up to 0.2 s."""

from __future__ import annotations

import json

import pytest

from tests.cli.desk import Desk, desk

__all__ = ["desk"]

HEAVY = {
    "aiohttp", "asyncio", "asyncssh", "httptools", "iso4217", "jinja2", "obstore", "paramiko", "phonenumbers", "polars",
    "prometheus_client", "pydantic", "pydantic_settings", "rich", "sqlite3", "tenacity", "uvloop", "watchfiles",
    "xlsxwriter", "yaml",
}  # fmt: skip
SELDOM = {
    "backports.zstd", "pipeline.edge.pgp.decrypt", "pipeline.edge.reader.fixed_width",
    "pipeline.edge.reader.json_lines", "pipeline.edge.reader.ods.package",
    "pipeline.edge.reader.xls.sheet", "pipeline.edge.reader.xlsx.workbook", "pipeline.report.rejects_json_lines",
}  # fmt: skip
"""What a plain CSV needs nothing of; together some 0.04 s."""
READS = {"phonenumbers", "pydantic", "yaml"}
"""The config; its feed names a region of phone numbers. typer itself loads pydantic."""
LOOKS = READS | {"iso4217", "rich", "sqlite3"}
CHECKS = READS | {"iso4217", "polars"}
LOADS = CHECKS | {"asyncio", "httptools", "jinja2", "sqlite3", "uvloop"}


@pytest.mark.parametrize(
    ("words", "loaded"),
    [
        (("load", "--help"), {"pydantic"}),
        (("status",), LOOKS),
        (("totals",), LOOKS),
        (("validate", "may_bills.csv"), CHECKS),
        (("load", "may_bills.csv"), LOADS),
        (("run",), (LOADS | {"tenacity"}) - {"httptools", "jinja2", "uvloop"}),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_a_command_loads_what_it_uses_and_nothing_else(
    words: tuple[str, ...], loaded: set[str], desk: Desk
) -> None:
    desk.put("may_bills.csv")
    if words[0] in {"status", "totals"}:
        assert desk.command("load", desk.folder / "may_bills.csv").exit_status == 0
    tell = (
        "import atexit, json, sys\n"
        f"heavy = {HEAVY | SELDOM}\n"
        "atexit.register(lambda: print('LOADED', json.dumps(sorted(heavy & sys.modules.keys())), file=sys.stderr))"
    )
    said = desk.spawn(*words, code=tell)
    assert said.exit_status == 0, said.stderr
    (line,) = [line for line in said.stderr.splitlines() if line.startswith("LOADED")]
    assert set(json.loads(line.removeprefix("LOADED"))) == loaded
