"""A Billing API that answers creates as billing-api.md says and keeps nothing: so fast that it is not measured.

`python -m benchmarks.stub_api [--tls FOLDER]` prints its address and serves until it is ended. Ids are made from
references, so that one and the same reference always has the same id; an account's id names its customer. It reads
just enough of HTTP/1.1 for well-behaved clients on keep-alive connections. Everything is created, nothing is found.
With `--stray` it answers a share of requests 429 at random, with `--limit` those beyond so many a second, of which it
saves up `--saved`; without `Retry-After`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.simulated_api import Bucket, Stray, Takes

Json = dict[str, Any]
_HEADERS = "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: "
_CREATED = _HEADERS.format("201 Created", "application/json").encode()
_OK = _HEADERS.format("200 OK", "application/json").encode()
_PROBLEM = {
    status: _HEADERS.format(f"{status} {title}", "application/problem+json").encode()
    for status, title in {
        400: "Bad Request",
        401: "Unauthorized",
        404: "Not Found",
        429: "Too Many Requests",
    }.items()
}
_CONTENT_LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests may come cut or several at once."""

    def __init__(self, takes: Takes | None = None, answer_s: float = 0.0) -> None:
        self._takes, self._answer_s = takes, answer_s
        self._transport: asyncio.WriteTransport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's transport can write

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        answers = []
        while (end := data.find(b"\r\n\r\n")) >= 0:
            head = data[:end]
            lower = head.lower()
            at = lower.find(_CONTENT_LENGTH)
            length = int(lower[at + len(_CONTENT_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            whole = end + 4 + length
            if len(data) < whole:
                break
            if self._takes is None or self._takes(time.monotonic()):
                answers.append(answer(head, lower, data[end + 4 : whole]))
            else:
                answers.append(_problem(429, "rate_limited", "too many requests"))
            data = data[whole:]
        self._rest = data
        if answers and self._transport is not None:
            if self._answer_s:
                later = asyncio.get_running_loop().call_later
                later(self._answer_s, self._transport.write, b"".join(answers))
            else:
                self._transport.write(b"".join(answers))


def answer(head: bytes, lower: bytes, body: bytes) -> bytes:
    """The bytes that answer one request; `lower` is its head in lower case."""
    method, path = head[: head.index(b"\r\n")].split(b" ", 2)[:2]
    if b"\r\nauthorization: bearer " not in lower:
        return _problem(401, "unauthorized", "no key was given")
    if method == b"POST":
        make = _MAKERS.get(path)
        if make is None:
            return _problem(404, "not_found", "no such resource")
        if b"\r\nidempotency-key: " not in lower:
            return _problem(400, "idempotency_key_missing", "Idempotency-Key is required")
        return _json(_CREATED, make(json.loads(body)))
    return _problem(404, "not_found", "nothing is found here")


def made_customer(sent: Json) -> Json:
    return {"id": f"bcus_{sent['external_reference']}", **sent}


def made_account(sent: Json) -> Json:
    """An account and the customer that it nests or names."""
    customer_id = _customer_id(sent.pop("customer"))
    return {"id": f"bacc_{sent['external_reference']}.{customer_id}", "customer_id": customer_id, **sent}


def made_bill(sent: Json) -> Json:
    """A bill with the parents that it nests or names."""
    account, amount = sent.pop("account", None), sent["amount_due"]
    owner: Json
    if account is None:
        owner = {"customer_id": _customer_id(sent.pop("customer"))}
    else:
        account_id = account if isinstance(account, str) else made_account(account)["id"]
        owner = {"customer_id": account_id.partition(".")[2], "account_id": account_id}
    return {
        "id": f"bill_{sent['external_reference']}",
        **owner,
        "status": "unpaid",
        "amount_paid": 0,
        "amount_remaining": amount,
        "payment_rules": {
            "min_amount": 1,
            "max_amount": amount,
            "underpayment_allowed": True,
            "overpayment_allowed": False,
        },
        **sent,
    }


def _customer_id(named: str | Json) -> str:
    return named if isinstance(named, str) else f"bcus_{named['external_reference']}"


_MAKERS: dict[bytes, Callable[[Json], Json]] = {
    b"/billing/customers": made_customer,
    b"/billing/accounts": made_account,
    b"/billing/bills": made_bill,
}


def _problem(status: int, kind: str, detail: str) -> bytes:
    problem = {
        "type": f"https://stub.invalid/problems#{kind}",
        "title": kind,
        "status": status,
        "detail": detail,
    }
    return _json(_PROBLEM[status], problem)


def _json(head: bytes, value: Json) -> bytes:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def throw_away_ca(folder: Path) -> None:
    """Make `ca.pem`, and `server.pem` with its key, signed by it for 127.0.0.1; good for one day."""

    def openssl(*words: str | Path) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "1", "-subj", "/CN=throw-away"
    )
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "1")
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.crt")
    (folder / "server.pem").write_bytes(
        (folder / "server.crt").read_bytes() + (folder / "server.key").read_bytes()
    )


async def serve(tls: Path | None, takes: Takes | None = None, answer_s: float = 0.0) -> None:
    context = None
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls / "server.pem")
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(takes, answer_s), "127.0.0.1", 0, ssl=context
    )
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"{'http' if tls is None else 'https'}://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


def refusals(stray: float, limit: float | None, saved: float | None) -> Takes | None:
    """What decides on each request, or None."""
    takes: Takes | None = None
    if limit:
        takes = Bucket(limit, saved or limit)
        takes.at = time.monotonic()
    if stray:
        by_chance = Stray(stray, random.Random(1))  # noqa: S311 (refusals)
        takes = by_chance if takes is None else Stray(stray, by_chance.chance, takes)
    return takes


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--tls", type=Path, help="folder made by throw_away_ca")
    words.add_argument(
        "--stray", type=float, default=0.0, help="share of requests that is answered 429 at random"
    )
    words.add_argument("--limit", type=float, help="requests per second")
    words.add_argument("--saved", type=float, help="requests that are saved up; without it a second's worth")
    words.add_argument("--answer-ms", type=float, default=0.0, help="how long each answer takes")
    given = words.parse_args()
    takes = refusals(given.stray, given.limit, given.saved)
    uvloop.run(serve(given.tls, takes, given.answer_ms / 1000))


if __name__ == "__main__":
    main()
