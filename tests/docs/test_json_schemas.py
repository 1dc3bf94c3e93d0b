"""What programs read is as the JSON Schemas say, and these are strict enough to notice when it is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docs.commands import all_commands
from docs.json_schemas import SHAPES
from pipeline.core.payments.vendor_report import REQUIRED
from tests.cli.desk import MIXED_BILLS, Desk
from tests.world import SCHEMAS, schema_named

Json = dict[str, Any]


@pytest.fixture
def written(desk: Desk) -> tuple[Json, Json]:
    """What `--json` printed of a run with rejects, and a summary.json."""
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    said = desk.command("run", "--json")
    (path,) = (desk.folder / "var" / "reports").glob("may*/summary.json")
    return said.document, json.loads(path.read_text())


def test_a_result_and_a_summary_are_as_their_schemas_say(written: tuple[Json, Json]) -> None:
    result, summary = written
    schema_named("result").validate(result)
    schema_named("summary").validate(summary)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: result["files"][0]["records"].pop("in_doubt"),
        lambda result: result["files"][0].update(state="done"),
        lambda result: result["files"][0]["run"].update(started_at="yesterday"),
        lambda result: result.update(exit_status="1"),
        lambda result: result["errors"].append({"code": "source", "exit_status": 3, "message": "?"}),
        lambda result: result.update(extra=1),
    ],
)
def test_a_key_that_is_missing_new_or_of_another_kind_is_noticed(
    written: tuple[Json, Json], spoil: Callable[[Json], object]
) -> None:
    spoilt = copy.deepcopy(written[0])
    spoil(spoilt)
    assert not schema_named("result").is_valid(spoilt)


COMMANDS = {
    "run": "result",
    "load FILE": "result",
    "validate FILE": "result",
    "retry all": "result",
    "report FILE": "result",
    "write-off FILE --records all --why none": "result",
    "release FILE": "result",
    "refuse FILE --why none": "result",
    "status": "status",
    "totals": "totals",
    "export --accepted --output OUT": "export",
    "audit": "audit",
    "audit --verify": "audit_check",
    "doctor": "doctor",
    "payments export": "result",
    "payments status": "payments_status",
    "payments list": "payments_list",
    "payments sweep --older-than 0s": "payments_sweep",
    "payments replay FILE --trusted": "payments_replay",
    "payments match REPORT": "payments_match",
    "forget C2 --dry-run": "forget",
    "forget C2": "forget",
}
"""How each command is given that has `--json` → the schema of what it prints."""


def test_every_command_with_json_has_a_schema() -> None:
    with_json = {
        name
        for name, command in all_commands().items()
        if any("--json" in each.opts for each in command.params)
    }
    assert with_json == {
        next(name for name in (" ".join(words.split()[:2]), words.split()[0]) if name in with_json)
        for words in COMMANDS
    }


def test_what_each_command_prints_is_as_its_schema_says(desk: Desk) -> None:
    desk.configure(payments={"export": "each_run"})
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    desk.command("run")
    places = {"FILE": str(desk.put("may_bills.csv", MIXED_BILLS)), "OUT": str(desk.folder / "accepted.csv")}
    places["REPORT"] = str(desk.put("recon.csv", f"{','.join((*REQUIRED, 'amount'))}\n"))
    for words, name in COMMANDS.items():
        given = [places.get(word, word) for word in words.split()]
        said = desk.command(*given, "--json")
        schema_named(name).validate(json.loads(said.stdout))


def test_schemas_are_installed_with_the_package() -> None:
    import schemas

    assert Path(schemas.__file__).parent / "json" == SCHEMAS
    assert sorted(path.name for path in SCHEMAS.iterdir()) == [
        f"{name}.schema.json" for name in sorted(SHAPES)
    ]
