"""`billferry load` beside loaders that only send: a bare aiohttp loop, an httpx loop, and wrk as the ceiling."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.load_inputs import write_bills, write_bodies
from benchmarks.merchant import IN_FLIGHT, KEY, ROOT, Merchant, stub_api
from benchmarks.process import run
from benchmarks.surroundings import surroundings

BILLS = 200_000
HTTPX_BILLS = 10_000
TURNS = 3
WRK_S = 5
OF_BARE, OF_HTTPX = 0.6, 10.0
"""What is asked for. Less is written down all the same."""
WRK = """
local n = 0
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line; if #bodies == 2000 then break end end
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer %s"
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  wrk.headers["Idempotency-Key"] = string.format("%%08d-0000-4000-8000-000000000000", n)
  return wrk.format(nil, "/billing/bills", nil, bodies[n %% #bodies + 1])
end
"""

Rates = dict[str, list[float]]
"""Who → bills per second, one figure a turn."""


def measure() -> str:
    """Peers take turns, so that whatever else the machine does hits all alike."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_bills(folder / "x_bills.csv", BILLS)
        write_bodies(folder / "bodies", BILLS)
        write_bodies(folder / "few", HTTPX_BILLS)
        with stub_api() as url:
            plain = _rates(Merchant(folder, url))
        (folder / "tls").mkdir()
        with stub_api(folder / "tls") as url:
            tls = _rates(Merchant(folder, url, folder / "tls" / "ca.pem"))
    return _section(plain, tls)


def _rates(merchant: Merchant) -> Rates:
    merchant.write_config()
    peers: dict[str, Callable[[Merchant], float]] = {
        "wrk (C; bodies repeat)": _wrk,
        "bare aiohttp + uvloop loop": lambda one: _loop(one, "aiohttp", "bodies", BILLS),
        "Billferry": _ours,
        f"httpx.AsyncClient loop ({HTTPX_BILLS} bills)": lambda one: _loop(one, "httpx", "few", HTTPX_BILLS),
    }
    rates: Rates = {name: [] for name in peers}
    for _ in range(TURNS):
        for name, rate in peers.items():
            rates[name].append(rate(merchant))
    return rates


def _ours(merchant: Merchant) -> float:
    """From the start of the process to its end: check, ledger and reports included."""
    shutil.rmtree(merchant.folder / "var", ignore_errors=True)
    return BILLS / merchant.run("load", merchant.folder / "x_bills.csv").took_s


def _loop(merchant: Merchant, client: str, bodies: str, count: int) -> float:
    words = [sys.executable, "-m", "benchmarks.bare_loaders", client, merchant.url]
    words += [str(merchant.folder / bodies), "--in-flight", str(IN_FLIGHT)]
    return count / run(words, folder=ROOT, environment=merchant.trust).took_s


def _wrk(merchant: Merchant) -> float:
    script = merchant.folder / "wrk.lua"
    script.write_text(WRK % (merchant.folder / "few", KEY))
    words = ["wrk", "-t1", f"-c{IN_FLIGHT}", f"-d{WRK_S}s", "-s", str(script), merchant.url]
    said = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    if found is None or "Non-2xx" in said:
        raise SystemExit(said)
    return float(found[1])


def _section(plain: Rates, tls: Rates) -> str:
    return "\n".join(
        [
            "## Loading bills",
            "",
            f"{BILLS} bills, each with a new account of a new customer in one nested create, into a stub of the API on",
            f"the same machine (`benchmarks/stub_api.py`), {IN_FLIGHT} in flight, {TURNS} times in turn.",
            "Billferry is the whole command: start, check, durable intents and outcomes (synchronous=FULL), reports.",
            "The loops only send: killed, they would not know what was sent.",
            f"{surroundings()}; aiohttp {version('aiohttp')}, uvloop {version('uvloop')}, httpx {version('httpx')}.",
            "",
            *_table("HTTP", plain),
            "",
            *_table("HTTPS", tls),
        ]
    )


def _table(scheme: str, rates: Rates) -> list[str]:
    _, bare, ours, httpx = rates
    rows = [
        f"| {name} | {median(one):.0f} | {min(one):.0f} to {max(one):.0f} | {median(rates[ours]) / median(one):.2f} |"
        for name, one in rates.items()
    ]
    return [
        f"| {scheme} | bills/s (median) | slowest to fastest | Billferry's share |",
        "| --- | --- | --- | --- |",
        *rows,
        "",
        _asked(rates[ours], rates[bare], OF_BARE, "of the bare loop"),
        _asked(rates[ours], rates[httpx], OF_HTTPX, "times httpx"),
    ]


def _asked(ours: list[float], theirs: list[float], at_least: float, of: str) -> str:
    ratio = median(ours) / median(theirs)
    return f"**{ratio:.2f}** {of} (at least {at_least} is asked for{'' if ratio >= at_least else ': not reached'})."
