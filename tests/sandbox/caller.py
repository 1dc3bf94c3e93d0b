"""A client that knows nothing but HTTP, so that the tests see what is really on the wire."""

import http.client
import itertools
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipeline.sandbox.serve import TEST_KEY, SandboxApi

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Json:
        document: Json = json.loads(self.raw)
        return document

    @property
    def kind(self) -> str:
        """What the problem's type URI ends with."""
        return str(self.json["type"]).rpartition("#")[2]

    @property
    def replayed(self) -> bool:
        return self.headers.get("Idempotent-Replayed") == "true"


class Caller:
    """One keep-alive connection. POSTs get a fresh idempotency key unless one is given; None leaves it out."""

    def __init__(self, api: SandboxApi, bearer: str | None = TEST_KEY, timeout_s: float = 10.0) -> None:
        address = urlsplit(api.url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
        self._bearer = bearer
        self._fresh_keys = itertools.count(1)

    def use_tls(self, api: SandboxApi, context: ssl.SSLContext) -> None:
        self._connection.close()
        self._connection = http.client.HTTPSConnection(api.host, api.port, timeout=10, context=context)

    def close(self) -> None:
        self._connection.close()

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`body` is sent as it is when it is bytes, else as JSON. Raises what the connection raises."""
        sent = {"Authorization": f"Bearer {self._bearer}"} if self._bearer else {}
        if body is not None:
            sent["Content-Type"] = "application/json"
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            self._connection.request(method, path, raw, sent | dict(headers or {}))
            response = self._connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise

    def post(self, path: str, body: object = None, key: str | None = "fresh") -> Answer:
        if key == "fresh":
            key = f"fresh-{id(self)}-{next(self._fresh_keys)}"
        return self.call("POST", path, body, {"Idempotency-Key": key} if key is not None else {})

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def patch(self, path: str, body: object) -> Answer:
        return self.call("PATCH", path, body)

    def made(self, kind: str, body: Json) -> Json:
        """Creates what must be creatable, and returns it as the API shows it."""
        answer = self.post(f"/billing/{kind}", body)
        assert answer.status == 201, answer.raw
        return answer.json


def customer(reference: str = "c-1", **more: object) -> Json:
    return {"external_reference": reference, **more}


def account(reference: str = "a-1", **more: object) -> Json:
    return {"external_reference": reference, "customer": customer(), **more}


def bill(reference: str = "b-1", **more: object) -> Json:
    """A bill on a new account of a new customer, unless an owner is given."""
    owner = {} if more.keys() & {"account", "customer"} else {"account": account()}
    return {"external_reference": reference, "currency": "ZAR", "amount_due": 100, **owner, **more}
