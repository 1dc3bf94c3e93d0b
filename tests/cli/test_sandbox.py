"""`billferry sandbox` in one terminal, `billferry run` in another, with the config as it is shipped."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from pipeline.cli import run_command
from pipeline.sandbox.webhooks import RetrySchedule, Webhook
from tests.cli.desk import Desk
from tests.sandbox.caller import Caller
from tests.sandbox.receiver import Receiver, receiving
from tests.warm import Process
from tests.world import ROOT


@pytest.fixture
def shipped(desk: Desk) -> Desk:
    """The shipped config on free ports."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three:
        for each in (one, two, three):
            each.bind(("127.0.0.1", 0))
        api, sftp, hook = (each.getsockname()[1] for each in (one, two, three))
    text = (ROOT / "config.yaml").read_text()
    text = (
        text.replace("8400", str(api))
        .replace("2400", str(sftp))
        .replace("8420", str(hook))
        .replace("settle_s: 5", "settle_s: 0")
    )
    (desk.folder / "config.yaml").write_text(text)
    return desk


@contextmanager
def serving(desk: Desk) -> Iterator[Process]:
    with desk.start("sandbox") as sandbox:
        try:
            assert sandbox.stderr is not None
            for line in sandbox.stderr:
                if line.startswith("Ready."):
                    break
            yield sandbox
        finally:
            sandbox.kill()


def test_a_run_against_the_sandbox_loads_what_lies_there(shipped: Desk) -> None:
    sample = "za_citypower_bills_2026-11-20.csv"
    with serving(shipped) as sandbox:
        files = shipped.folder / "var" / "sandbox" / "sftp"
        shutil.copy(ROOT / "sample_files" / sample, files / "incoming")
        said = shipped.spawn("run", "--json")
        assert said.exit_status == 0, said.stderr
        assert [file["state"] for file in json.loads(said.stdout)["files"]] == ["loaded"]
        address = next(
            line.split("base_url: ")[1].split()[0]
            for line in (shipped.folder / "config.yaml").read_text().splitlines()
            if "base_url: http" in line
        )
        with urllib.request.urlopen(f"{address}/sandbox/state") as answer:  # noqa: S310
            assert json.load(answer)["bills"]
        assert not any((files / "incoming").iterdir())
        assert len(list((files / "archive").iterdir())) == 1
        assert {path.name for path in (files / "reports").glob("*/*")} == {"summary.json", "results.csv"}
        secret = shipped.folder / "var" / "sandbox" / "webhook.secret"
        assert (secret.stat().st_mode & 0o777, secret.read_text()[:6]) == (0o600, "whsec_")
        assert (files / "payments").is_dir()
        said = shipped.spawn("sandbox", "pay", "INV-900001", "0.75")
        assert said.exit_status == 3
        assert "ZAR 0.75 paid on bill INV-900001 (pay_" in said.stdout
        assert "/webhooks/moment: the delivery was not taken (Connect call failed" in said.stderr
        assert said.stderr.count("\n") == 1
        said = shipped.spawn("sandbox", "report")
        (report,) = (files / "incoming").iterdir()
        assert said.stdout == f"{report}: 1 transaction\n"
        sandbox.send_signal(signal.SIGTERM)
        assert sandbox.wait(10) == 0


def test_the_sandbox_serves_the_test_environment_on_this_machine_only(desk: Desk) -> None:
    desk.configure(environment="live")
    said = desk.spawn("sandbox")
    assert (said.exit_status, said.stderr.count("\n")) == (2, 1)
    assert "the sandbox has no environment: live; set environment: test" in said.stderr
    desk.configure(environment="test", api={"base_url": "https://api.example.net", "key_file": "api.key"})
    said = desk.spawn("sandbox")
    assert (said.exit_status, said.stderr.count("\n")) == (2, 1)
    assert "the sandbox serves this machine only; set api.base_url" in said.stderr


def test_a_damaged_secret_is_one_line(shipped: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    secret = shipped.folder / "var" / "sandbox" / "webhook.secret"
    secret.parent.mkdir(parents=True)
    secret.touch(mode=0o600)
    secret.write_text("whsec_??")
    assert run_command(["sandbox", "--config", str(shipped.folder / "config.yaml")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[1].endswith(
        "webhook.secret: what follows whsec_ is not base64; write the secret as it was given,"
        " or remove the file for a new one"
    )


def test_a_port_that_is_taken_is_one_line(shipped: Desk) -> None:
    with serving(shipped):
        said = shipped.spawn("sandbox")
    assert said.exit_status == 2
    assert said.stderr.count("\n") == 1


def paid(
    desk: Desk, capsys: pytest.CaptureFixture[str], *words: str, answers: Iterable[int | None] = (200,)
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of `sandbox pay B-1 …`, beside a receiver that answers so."""
    bill = {"external_reference": "B-1", "currency": "ZAR", "amount_due": 10_000}
    calling = Caller(desk.api)
    calling.post("/billing/bills", {**bill, "customer": {"external_reference": "C-1"}})
    calling.close()
    given = iter(answers)
    with receiving(lambda _: next(given)) as receiver:
        schedule = RetrySchedule(first_s=0.01, factor=1e9)
        desk.api.send_webhooks(Webhook(receiver.url, ("secret",), schedule=schedule))
        status = run_command(["sandbox", "pay", *words, "--config", str(desk.folder / "config.yaml")])
    said = capsys.readouterr()
    return status, re.sub(r"\b(pay|msg)_\w+", r"\1_…", said.out), said.err.replace(receiver.url, "URL")


@pytest.mark.parametrize(
    ("words", "answers", "shown"),
    [
        ((), [200], ["attempt 1: 200 ok"]),
        (("--late",), [401, 200], ["attempt 1: 401 ok", "attempt 2: 200 ok"]),
        (("--duplicate",), [200, 200, 204], ["attempt 1: 200 ok", "attempt 2: 200 ok", "attempt 1: 204"]),
        (("--no-bill-id",), [200], ["attempt 1: 200 ok"]),
        ((), [503], ["attempt 1: 503 ok"]),
    ],
)
def test_it_is_shown_what_was_paid_and_what_the_receiver_answered(
    words: tuple[str, ...],
    answers: list[int],
    shown: list[str],
    desk: Desk,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended, out, err = paid(desk, capsys, "B-1", "12.50", *words, answers=[*answers, 500, 500])
    assert ended == (3 if answers == [503] else 0)
    assert out.splitlines() == [
        "ZAR 12.50 paid on bill B-1 (pay_…)",
        "ZAR 87.50 of it remains open",
        *(f"delivered as msg_…, {each}" for each in shown),
    ]
    again = "billferry: URL: the delivery was not taken (503); start billferry serve: it is delivered again\n"
    assert err == (again if ended else "")
    assert desk.api.payments[0].amount_minor == 1250


def test_two_parts_and_a_forged_delivery_are_shown_as_such(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, out, _ = paid(desk, capsys, "B-1", "0.03", "--out-of-order", answers=[200, 200])
    assert (ended, out.splitlines()[:2]) == (
        0,
        ["ZAR 0.01 paid on bill B-1 (pay_…)", "ZAR 0.02 paid on bill B-1 (pay_…)"],
    )
    forged = "nothing was paid on bill B-1; a delivery of ZAR 1.00 was forged"
    ended, out, err = paid(desk, capsys, "B-1", "1", "--bad-signature", answers=[401])
    assert (ended, err) == (0, "")
    assert out.splitlines() == [forged, "delivered as msg_…, attempt 1: 401 ok"]
    ended, out, err = paid(desk, capsys, "B-1", "1", "--bad-signature", answers=[200])
    assert (ended, out.splitlines()[0]) == (1, forged)
    assert err == "the receiver took what was forged: it verifies no signatures\n"
    assert sum(payment.amount_minor for payment in desk.api.payments) == 3


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["B-2", "1"], "B-2: nothing here has this id or reference; nothing was done"),
        (["B-1", "100.01"], "B-1: ZAR 100.01 cannot be paid on this bill: 100.00 is open; nothing was done"),
        (["B-1", "1.005"], "B-1: an amount in ZAR has at most 2 decimals; nothing was done"),
        (
            ["B-1", "1", "--late", "--duplicate"],
            "a payment is told in one way at a time; choose one of these options",
        ),
    ],
)
def test_what_cannot_be_paid_is_one_line(
    words: list[str], line: str, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    assert paid(desk, capsys, *words) == (2, "", f"billferry: {line}\n")
    assert desk.api.payments == []


def test_nothing_is_paid_where_no_sandbox_can_be(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(desk.folder / "config.yaml")
    assert run_command(["sandbox", "--config", path, "pay", "B-1", "1"]) == 2
    assert capsys.readouterr().err == "billferry: --config stands before pay; write it at the end\n"
    desk.configure(api={"base_url": "https://api.example.net", "key_file": "api.key"})
    assert run_command(["sandbox", "pay", "B-1", "1", "--config", path]) == 2
    assert "the sandbox serves this machine only" in capsys.readouterr().err
    gone = Receiver()
    gone.stop()
    desk.configure(api={"base_url": f"http://127.0.0.1:{gone.port}", "key_file": "api.key"})
    assert run_command(["sandbox", "report", "--config", path]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"billferry: no sandbox runs at http://127.0.0.1:{gone.port}; start billferry sandbox in another terminal\n"
    )


BILLS = "customer_reference,account_reference,bill_reference,amount_due\n"


def test_a_sandbox_that_was_started_anew_is_not_taken_for_the_one_before(shipped: Desk) -> None:
    """It forgets, and the ledger does not: an id that comes again would mean somebody else."""
    with serving(shipped):
        shipped.put("one_bills_2026-12-01.csv", f"{BILLS}C1,A1,B1,1.00\nC2,A2,B2,1.00\n")
        assert shipped.spawn("load", "one_bills_2026-12-01.csv").exit_status == 0
    with serving(shipped):
        shipped.put("two_bills_2026-12-02.csv", f"{BILLS}C3,A3,B3,1.00\nC1,A1,B4,1.00\n")
        said = shipped.spawn("load", "two_bills_2026-12-02.csv")
    assert said.exit_status == 0, said.stderr
    assert "2 = 2 created" in said.stderr
