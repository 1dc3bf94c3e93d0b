"""JSON Schema (draft 2020-12) of what programs read: `summary.json`, and what `--json` prints.

They are in `schemas/json/`, which is installed with the package, and say what is written, not all that a reader would
accept: every key is there, whatever its value, except those that a shape names in `LEFT_OUT`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from docs.keys import attribute_docstrings
from schemas.other_documents import AuditCheckResult, AuditResult, DoctorResult, ForgetReport
from schemas.payments import PaymentsList, PaymentsMatch, PaymentsReplay, PaymentsStatus, PaymentsSweep
from schemas.results import RunResult, Summary
from schemas.status import StatusResult
from schemas.totals import ExportResult, TotalsResult

FOLDER = Path(__file__).resolve().parent.parent / "schemas" / "json"
SHAPES: dict[str, type[BaseModel]] = {
    "result": RunResult,
    "summary": Summary,
    "totals": TotalsResult,
    "export": ExportResult,
    "status": StatusResult,
    "audit": AuditResult,
    "audit_check": AuditCheckResult,
    "doctor": DoctorResult,
    "forget": ForgetReport,
    "payments_status": PaymentsStatus,
    "payments_list": PaymentsList,
    "payments_sweep": PaymentsSweep,
    "payments_replay": PaymentsReplay,
    "payments_match": PaymentsMatch,
}
"""File name before `.schema.json` → what it describes."""


def json_schemas() -> dict[Path, str]:
    """Path → text of each schema."""
    return {FOLDER / f"{name}.schema.json": _text(name, shape) for name, shape in SHAPES.items()}


class _AsWritten(GenerateJsonSchema):
    """What is written has every key; defaults are for those who make one."""

    def field_is_required(self, *_: Any, **__: Any) -> bool:
        """Always."""
        return True

    def default_schema(self, schema: Any) -> JsonSchemaValue:
        """The schema of the value alone."""
        return self.generate_inner(schema["schema"])


def _text(name: str, shape: type[BaseModel]) -> str:
    schema = shape.model_json_schema(mode="serialization", schema_generator=_AsWritten)
    for of_shape in {shape, *_shapes_in(shape)}:
        _describe(schema if of_shape is shape else schema["$defs"][of_shape.__name__], of_shape)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:billferry:schema:{name}",
    }
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def _describe(schema: dict[str, Any], shape: type[BaseModel]) -> None:
    """Give each property the sentence that stands below it in the code."""
    said = attribute_docstrings(shape)
    left_out: frozenset[str] = getattr(shape, "LEFT_OUT", frozenset())
    schema["required"] = [key for key in schema["required"] if key not in left_out]
    properties = schema["properties"]
    for key, described in properties.items():
        described.pop("title", None)
        if key in said:
            described["description"] = " ".join(said[key].split())


def _shapes_in(shape: type[BaseModel]) -> set[type[BaseModel]]:
    """The shapes that a shape is made of, however deep."""
    found: set[type[BaseModel]] = set()
    todo = [shape]
    while todo:
        for field in todo.pop().model_fields.values():
            for kind in _kinds_of(field.annotation):
                if kind not in found:
                    found.add(kind)
                    todo.append(kind)
    return found


def _kinds_of(annotation: object) -> set[type[BaseModel]]:
    """The shapes named in a type, such as `dict[str, Breakdown] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    inner = getattr(annotation, "__args__", ())
    return set().union(*map(_kinds_of, inner)) if inner else set()
