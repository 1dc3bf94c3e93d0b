"""What goes back to the client: a reply as plain data, and problems that become one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

Json = dict[str, Any]
"""A JSON object; its values are whatever JSON allows."""

PROBLEM_TYPES = "https://sandbox.invalid/problems"


@dataclass(frozen=True)
class Reply:
    """One HTTP response as plain data, so that it can be stored under an idempotency key and changed by faults.

    `replayed` is for the log; clients see the header `Idempotent-Replayed`.
    """

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    replayed: bool = False
    cut_after_bytes: int | None = None
    """Close the connection after so many bytes of the body, although its whole length was announced."""

    def again(self) -> "Reply":
        """The same reply as it is given to a repeated idempotency key."""
        return replace(self, headers={**self.headers, "Idempotent-Replayed": "true"}, replayed=True)


class Problem(Exception):
    """A refusal, as the API words it (RFC 9457).

    `status` is the HTTP status; `kind` ends the problem's type URI; `detail` names fields and rules, never values,
    because clients write it into logs and reports; `headers` go with the reply.
    """

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {kind}: {detail}")
        self.status = status
        self.kind = kind
        self.detail = detail
        self.headers = headers or {}


def json_reply(status: int, document: Json) -> Reply:
    """A reply with one JSON object as its body."""
    return Reply(status, json.dumps(document).encode())


def problem_reply(problem: Problem, request_number: int) -> Reply:
    """A refusal as `application/problem+json` (RFC 9457); its `instance` has the request's number in the log."""
    document = {
        "type": f"{PROBLEM_TYPES}#{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"/sandbox/requests/{request_number}",
    }
    body = json.dumps(document).encode()
    return Reply(problem.status, body, "application/problem+json", problem.headers)
