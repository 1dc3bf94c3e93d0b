"""The receiver is killed while events storm in beside loads: none that is acknowledged is lost, none is doubled."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from pipeline.sandbox.storm import Storm
from pipeline.sandbox.webhooks import RetrySchedule, Webhook
from tests.payments.merchant import Merchant
from tests.seeds import cases, drawn
from tests.serve.running import PATH, SECRET, Serving, free_port

BILLS, FILES = cases(120, soak=300), 3
SYNC = ("strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e")
"""Then which sync kills."""


@pytest.mark.timeout(3600)
def test_every_acknowledged_event_is_kept_once_and_told_once(merchant: Merchant) -> None:
    chance = drawn()
    serving = _receiver(merchant)
    merchant.load(_bills("first", BILLS), "first_bills.csv")
    serving.start()
    merchant.api.send_webhooks(
        Webhook(
            f"http://127.0.0.1:{serving.port}{PATH}",
            (SECRET,),
            schedule=RetrySchedule(first_s=0.05, factor=1.2, most_s=0.3),
            timeout_s=5,
        )
    )
    storm = Storm(
        chance.randrange(10**6), payments=cases(300, soak=4000), spread_s=cases(2, soak=60), late=0.02
    )
    paid = storm.rise(merchant.api, list(merchant.held("bills")))
    with _beside(merchant):
        for number in range(cases(3, soak=500)):
            _kill(serving, chance, at_a_sync=number % 2 == 1)
    merchant.api.wait_for_deliveries(timeout_s=cases(120, soak=1200))
    exit_status, said = serving.ended(signal.SIGTERM)
    assert exit_status == 128 + signal.SIGTERM, said
    assert merchant.command("run").exit_status == 0

    acknowledged = {each.webhook_id for each in merchant.api.deliveries if each.status == 200}
    kept = [webhook_id for webhook_id, _, _ in serving.kept()]
    assert len(kept) == len(set(kept))
    assert acknowledged <= set(kept)
    told = merchant.told()
    twice = Counter(row["event_id"] for row in told)
    assert {event for event, count in twice.items() if count > 1} == set()
    assert {(row["payment_id"], row["obligation_id"]) for row in told} == {
        (each.id, each.obligation_id) for each in paid
    }
    sums: dict[str, int] = defaultdict(int)
    for row in told:
        sums[row["bill_reference"]] += int(row["amount_minor"])
    assert sums == {
        reference: bill["amount_paid"]
        for reference, bill in merchant.held("bills").items()
        if bill["amount_paid"]
    }
    (counts,) = merchant.status()["currencies"]
    assert sum(counts["by_outcome"].values()) == counts["received"]
    assert len(merchant.held("bills")) == BILLS * (1 + FILES)


def _receiver(merchant: Merchant) -> Serving:
    port = free_port()
    secret = merchant.folder / "webhook.secret"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    merchant.settings["payments"] |= {
        "listen": f"127.0.0.1:{port}",
        "path": PATH,
        "secret_files": ["webhook.secret"],
    }
    return Serving(merchant.folder, port, merchant.settings)


def _bills(name: str, count: int) -> str:
    lines = [
        f"{name}-C{number % 40},{name}-A{number % 40},{name}-B{number},500.00" for number in range(count)
    ]
    return "\n".join(["customer_reference,account_reference,bill_reference,amount_due", *lines, ""])


def _kill(serving: Serving, chance: random.Random, *, at_a_sync: bool) -> None:
    """Let it receive for a while, and kill it: at a moment of chance, or as it is about to sync."""
    assert serving.process is not None
    if not at_a_sync:
        time.sleep(chance.uniform(0.05, 0.6))
        serving.ended(signal.SIGKILL)
        serving.start()
        return
    serving.ended(signal.SIGKILL)
    count = chance.randint(1, 20)
    serving.under = (*SYNC, f"inject=fsync,fdatasync:signal=KILL:when={count}")
    with suppress(AssertionError):  # killed before it answered
        serving.start()
    with suppress(subprocess.TimeoutExpired):
        serving.process.wait(timeout=3)
    if serving.process.poll() is None:  # nothing more came to be synced
        serving.ended(signal.SIGKILL)
    serving.under = ()
    serving.start()


@contextmanager
def _beside(merchant: Merchant) -> Iterator[None]:
    """Loads, and runs that match and hand over, as long as the block lasts; all files are loaded at its end."""
    ended = threading.Event()
    failures: list[str] = []

    def load() -> None:
        for number in range(FILES):
            path = merchant.folder / f"more{number}_bills.csv"
            path.write_text(_bills(f"more{number}", BILLS))
            said = merchant.spawn("load", path.name, "--wait", "60")
            if said.exit_status:
                failures.append(said.stderr)
        while not ended.is_set():
            said = merchant.spawn("run", "--wait", "60")
            if said.exit_status:
                failures.append(said.stderr)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert failures == [], json.dumps(failures, indent=1)
