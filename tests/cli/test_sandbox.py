"""`billferry sandbox` in one terminal, `billferry run` in another, with the config as it is shipped."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cli.desk import Desk
from tests.world import ROOT


@pytest.fixture
def shipped(desk: Desk) -> Desk:
    """The shipped config on free ports."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        api, sftp = one.getsockname()[1], two.getsockname()[1]
    text = (ROOT / "config.yaml").read_text()
    text = text.replace("8400", str(api)).replace("2400", str(sftp)).replace("settle_s: 5", "settle_s: 0")
    (desk.folder / "config.yaml").write_text(text)
    return desk


@contextmanager
def serving(desk: Desk) -> Iterator[subprocess.Popen[str]]:
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


def test_a_port_that_is_taken_is_one_line(shipped: Desk) -> None:
    with serving(shipped):
        said = shipped.spawn("sandbox")
    assert said.exit_status == 2
    assert said.stderr.count("\n") == 1


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
