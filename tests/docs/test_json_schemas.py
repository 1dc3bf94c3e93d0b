"""What programs read is as the JSON Schemas say, and these are strict enough to notice when it is not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from docs.json_schemas import FOLDER, SHAPES
from tests.cli.desk import MIXED_BILLS, Desk

Json = dict[str, Any]


def validator(name: str) -> Any:
    return jsonschema_rs.validator_for(
        json.loads((FOLDER / f"{name}.schema.json").read_text()), validate_formats=True
    )


@pytest.fixture
def written(desk: Desk) -> tuple[Json, Json]:
    """What `--json` printed of a run with rejects, and a summary.json."""
    desk.put("drop/may_bills.csv", MIXED_BILLS)
    said = desk.command("run", "--json")
    (path,) = (desk.folder / "var" / "reports").glob("may*/summary.json")
    return said.document, json.loads(path.read_text())


def test_a_result_and_a_summary_are_as_their_schemas_say(written: tuple[Json, Json]) -> None:
    result, summary = written
    validator("result").validate(result)
    validator("summary").validate(summary)


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
    assert not validator("result").is_valid(spoilt)


def test_schemas_are_installed_with_the_package() -> None:
    import schemas

    assert Path(schemas.__file__).parent / "json" == FOLDER
    assert sorted(path.name for path in FOLDER.iterdir()) == [
        f"{name}.schema.json" for name in sorted(SHAPES)
    ]
