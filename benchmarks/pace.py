"""What the pace makes of 429s, beside other ways to answer them, on a simulated clock; and Billferry's on the wire."""

from __future__ import annotations

import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import rival_paces
from benchmarks.load_inputs import write_bills
from benchmarks.merchant import Merchant, stub_api
from benchmarks.simulated_api import (
    Bucket,
    Controller,
    FixedWindow,
    Shared,
    SlidingWindow,
    Stray,
    Takes,
    simulate,
)
from benchmarks.surroundings import surroundings
from pipeline.core.api.rate_limiter import Pace

WORKERS = 64
SECONDS = 60.0
CHANCE_SECONDS = 20.0
SEEDS = (1, 2, 3)
LATENCIES_S = (0.01, 0.2)
WIRE_BILLS = 20_000
WIRE_TURNS = 3

RIVALS: dict[str, Callable[[], Controller]] = {
    "Billferry": Pace,
    "before": rival_paces.EachRefusalIsALimit,
    "AWS adaptive": rival_paces.AwsAdaptive,
    "AIMD": rival_paces.Aimd,
    "below proven": rival_paces.BelowProven,
    "Gradient2": rival_paces.Gradient2,
    "Vegas": rival_paces.Vegas,
}


@dataclass(frozen=True, slots=True)
class Case:
    """An API, and how many requests it takes in `seconds`."""

    name: str
    latency_s: float
    api: Callable[[random.Random], Takes]
    allowed: float
    seconds: float = SECONDS


Limited = Callable[[float, random.Random], Takes]
LIMITS: dict[str, tuple[Limited, float]] = {
    "a second saved": (lambda n, _: Bucket(n, n), 1.0),
    "shared by half": (lambda n, chance: Shared(Bucket(n, n), n / 2, chance), 1.0),
    "halved": (lambda n, _: Bucket(n, n, ((SECONDS / 2, n / 2),)), 0.75),
    "doubled": (lambda n, _: Bucket(n, n, ((SECONDS / 2, n * 2),)), 1.5),
    "a tenth saved": (lambda n, _: Bucket(n, 1 + n / 10), 1.0),
    "fixed window": (lambda n, _: FixedWindow(n), 1.0),
    "sliding window": (lambda n, _: SlidingWindow(n), 1.0),
    "strict distance": (lambda n, _: Bucket(n, 1), 1.0),
}
"""API by its limit, and the average limit in parts of it."""


def cases(latency_s: float) -> list[Case]:
    """Without a limit too close to what 64 workers can ask for at that latency."""
    most = WORKERS / latency_s
    found = [
        Case(
            f"{share:.1%} at random",
            latency_s,
            partial(Stray, share),
            most * CHANCE_SECONDS,
            CHANCE_SECONDS,
        )
        for share in (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1)
    ]
    for limit in (5, 50, 500):
        if limit * 1.5 > most:
            continue
        for name, (api, of_it) in LIMITS.items():
            if name == "strict distance" and limit * latency_s > 1:
                continue  # requests overtake one another by more than the distance asked for
            found.append(Case(f"{limit}/s, {name}", latency_s, partial(api, limit), of_it * limit * SECONDS))
    return found


def measure() -> str:
    parts = [
        "## Answering 429s",
        "",
        f"Share of what is allowed that was used (without a limit: of what {WORKERS} workers can ask for), and",
        f"share of answers that were 429, over {SECONDS:.0f} simulated seconds ({CHANCE_SECONDS:.0f} without a limit)",
        f"with the start; the worst of {len(SEEDS)} seeds. Shared: of what the other, who does not slow down, left.",
    ]
    for latency_s in LATENCIES_S:
        parts += ["", *_table(latency_s)]
    return "\n".join([*parts, "", *_on_the_wire()])


def worst(pace: Callable[[], Controller], case: Case) -> tuple[float, float]:
    """The least share used and the largest of 429s."""
    used, limited = [], []
    for seed in SEEDS:
        api = case.api(random.Random(seed))  # noqa: S311 (refusals)
        run = simulate(
            pace(), api, workers=WORKERS, seconds=case.seconds, latency_s=case.latency_s, seed=seed
        )
        allowed = case.allowed - (api.taken_by_others if isinstance(api, Shared) else 0)
        used.append(len(run.useful) / allowed)
        limited.append(run.limited_share)
    return min(used), max(limited)


def _table(latency_s: float) -> list[str]:
    lines = [
        f"| {latency_s * 1000:.0f} ms | {' | '.join(RIVALS)} |",
        "| --- |" + " --- |" * len(RIVALS),
    ]
    for case in cases(latency_s):
        cells = [
            f"{used:.2f}, {limited:.1%}" for used, limited in (worst(each, case) for each in RIVALS.values())
        ]
        lines.append(f"| {case.name} | {' | '.join(cells)} |")
    return lines


def _on_the_wire() -> list[str]:
    """Whole runs of `billferry load` against the stub; those without a limit in turn."""
    without: dict[str, tuple[str, ...]] = {
        "no 429": (),
        "2 % at random": ("--stray", "0.02"),
        "5 % at random": ("--stray", "0.05"),
    }
    rates: dict[str, list[float]] = {name: [] for name in without}
    for _ in range(WIRE_TURNS):
        for name, words in without.items():
            rates[name].append(_load(WIRE_BILLS, words)[0])
    lines = [
        f"On the wire: {WIRE_BILLS} bills, whole commands in turn, {WIRE_TURNS} times; then a minute at a limit.",
        f"{surroundings()}.",
        "",
        "| stub of the API | bills/s (best) | share |",
        "| --- | --- | --- |",
    ]
    free = max(rates["no 429"])
    lines += [f"| {name} | {max(each):.0f} | {max(each) / free:.2f} |" for name, each in rates.items()]
    for limit, bills in ((50, 3_000), (500, 30_000)):
        for saved in (limit, 1 + limit // 10):
            rate, limited = _load(bills, ("--limit", str(limit), "--saved", str(saved)))
            lines.append(
                f"| {limit}/s, {saved} saved | {rate:.0f} | {rate / limit:.2f} used, {limited:.1%} answered 429 |"
            )
    return lines


def _load(bills: int, words: tuple[str, ...]) -> tuple[float, float]:
    """Bills per second from start to end of the process, and the share of 429s."""
    with tempfile.TemporaryDirectory() as place, stub_api(None, *words) as url:
        folder = Path(place)
        write_bills(folder / "x_bills.csv", bills)
        merchant = Merchant(folder, url)
        merchant.write_config()
        ran = merchant.run("load", folder / "x_bills.csv", "--json")
        requests = json.loads(ran.output)["files"][0]["requests"]
        return bills / ran.took_s, requests["rate_limited"] / requests["sent"]
