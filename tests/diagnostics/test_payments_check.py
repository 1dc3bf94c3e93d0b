"""doctor where payments are received: one line for each thing that would keep `serve` from working."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import pipeline.diagnostics.doctor
import pipeline.diagnostics.payments_check
from pipeline.cli import run_command
from pipeline.edge.clock import utc_now
from pipeline.edge.ledger.inbox.deliveries import WebhookDelivery, store_deliveries
from pipeline.edge.ledger.inbox.schema import inbox_path, open_inbox
from pipeline.sandbox.serve import SandboxApi
from tests.diagnostics.test_doctor import config
from tests.payments.merchant import BOUND

CHECKS = ("payments.clock", "payments.listen", "payments.secret_files", "payments.serve", "payments.inbox")


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A config that receives payments."""
    with SandboxApi() as api:
        path = Path(config(tmp_path, api.url))
        secret = tmp_path / "webhook.secret"
        secret.write_text("the signing secret\n")
        secret.chmod(0o600)
        receiving(path, "")
        yield path


def receiving(path: Path, more: str, listen: str = "127.0.0.1:8420") -> None:
    before = path.read_text().split("payments:")[0]
    path.write_text(f"{before}payments: {{listen: '{listen}', secret_files: [webhook.secret]{more}}}\n")


def said(path: Path, capsys: pytest.CaptureFixture[str], status: int) -> dict[str, str]:
    """Check → its line, of payments alone."""
    assert run_command(["doctor", "--config", str(path)]) == status
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[1].rstrip(":"): line for line in lines if line.split()[1].startswith("payments.")}


def test_a_receiver_that_can_work_is_ok_line_by_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(path, capsys, 0)
    assert tuple(lines) == CHECKS
    assert all(line.startswith("ok ") for line in lines.values())


def test_an_address_that_is_none_is_a_finding(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receiving(path, "", listen="localhost:8420")
    lines = said(path, capsys, 2)
    assert [check for check, line in lines.items() if line.startswith("PROBLEM")] == ["payments.listen"]
    assert "write ADDRESS:PORT" in lines["payments.listen"]


def test_a_secret_that_others_can_read_stops_every_command(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / "webhook.secret").chmod(0o644)
    assert run_command(["doctor", "--config", str(path)]) == 2
    assert "payments.secret_files.0" in capsys.readouterr().err


def test_a_receiver_that_others_reach_is_a_warning(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    receiving(path, "", listen="0.0.0.0:8420")
    assert said(path, capsys, 0)["payments.listen"].startswith("warning ")


def test_a_clock_out_of_tolerance_is_told_apart_from_one_that_dates_wrongly(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.diagnostics.doctor, "_clock_off_s", lambda _: 90.0)
    assert said(path, capsys, 0)["payments.clock"].startswith("ok ")
    receiving(path, ", tolerance_s: 60")
    assert "every delivery is refused" in said(path, capsys, 2)["payments.clock"]


def test_what_serve_needs_is_looked_for(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.diagnostics.payments_check, "SERVED_BY", ("uvicorn", "starlette_of_nobody"))
    assert 'needs starlette_of_nobody; install "billferry[serve]"' in said(path, capsys, 2)["payments.serve"]


def test_the_inbox_is_looked_into(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    work_dir = path.parent / "var"
    work_dir.mkdir(mode=0o700)
    with closing(open_inbox(inbox_path(work_dir), **BOUND)) as inbox:  # type: ignore[arg-type]
        bodies = (WebhookDelivery(f"msg_{n}", 1, "webhook", b"x" * 2**20) for n in range(2))
        store_deliveries(inbox, list(bodies), utc_now())
    assert "ok, 2 of at most 8192 MiB" in said(path, capsys, 0)["payments.inbox"]
    receiving(path, ", max_inbox_bytes: 1048576")
    assert "max_inbox_bytes" in said(path, capsys, 3)["payments.inbox"]
    inbox_path(work_dir).write_bytes(b"not a database" * 1000)
    assert said(path, capsys, 70)["payments.inbox"].startswith("PROBLEM")
