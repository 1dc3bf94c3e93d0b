"""doctor where the page is served: is its address free, its socket's folder there, its secret readable."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.sandbox.serve import SandboxApi
from tests.diagnostics.test_doctor import config
from tests.serve.page.browsing import showing
from tests.serve.running import free_port
from tests.stories.conftest import merchant
from tests.stories.merchant import Merchant

__all__ = ["merchant"]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    with SandboxApi() as api:
        yield Path(config(tmp_path, api.url))


def said(path: Path, capsys: pytest.CaptureFixture[str], **page: object) -> tuple[int, dict[str, str]]:
    """The exit status, and check → its lines, of the page alone."""
    settings = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**settings, "page": page} if page else settings))
    status = run_command(["doctor", "--config", str(path)])
    found: dict[str, str] = {}
    for line in capsys.readouterr().out.splitlines():
        if (check := line.split()[1].rstrip(":")).startswith("page."):
            found[check] = found.get(check, "") + line
    return status, found


def test_a_page_that_can_be_served_is_ok_line_by_line(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    port = free_port()
    status, lines = said(path, capsys, listen=f"127.0.0.1:{port}")
    assert status == 0
    assert (
        lines["page.listen"]
        == f"ok       page.listen: 127.0.0.1:{port} is free; billferry serve listens there"
    )
    assert set(lines) == {"page.listen", "page.serve"}
    assert said(path, capsys, identity="local") == (0, {})


def test_a_page_that_is_served_is_ok(merchant: Merchant, capsys: pytest.CaptureFixture[str]) -> None:
    with showing(merchant):
        _, lines = said(merchant.config, capsys)
    assert lines["page.listen"].startswith("ok ")
    assert lines["page.listen"].endswith("the page is served there")


def test_another_program_at_its_address_is_a_finding(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, lines = said(path, capsys, listen=f"127.0.0.1:{other.getsockname()[1]}")
    assert status == 2
    assert lines["page.listen"].startswith("PROBLEM")
    assert "another program listens on 127.0.0.1:" in lines["page.listen"]
    with SandboxApi() as other_api:
        _, lines = said(path, capsys, listen=other_api.url.removeprefix("http://"))
    assert "another program listens" in lines["page.listen"]


def test_an_address_of_another_machine_and_an_open_one_are_findings(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = path.parent / "page.secret"
    secret.touch(mode=0o600)
    secret.write_text("between proxy and page\n")
    identity = {"header": "X-Remote-User", "secret_file": "page.secret"}
    status, lines = said(path, capsys, listen="192.0.2.1:8430", identity=identity)
    assert status == 2
    assert "192.0.2.1:8430 is not an address of this machine" in lines["page.listen"]
    assert lines["page.identity.secret_file"].startswith("ok ")
    status, lines = said(path, capsys, listen=f"0.0.0.0:{free_port()}", identity=identity)
    assert status == 0
    assert "warning  page.listen: other machines reach it without encryption" in lines["page.listen"]
    secret.chmod(0o640)
    assert said(path, capsys, listen="127.0.0.1:1", identity=identity)[0] == 2
    secret.chmod(0o600)
    secret.write_text("\n")
    status, lines = said(path, capsys, listen="127.0.0.1:1", identity=identity)
    assert lines["page.identity.secret_file"].startswith("PROBLEM  page.identity.secret_file: ")
    assert lines["page.identity.secret_file"].count("page.identity.secret_file") == 1


def test_the_place_of_a_socket_is_looked_at(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = {"header": "X-Remote-User"}

    def listening(at: Path) -> str:
        return said(path, capsys, listen=f"unix:{at}", identity=identity)[1]["page.listen"]

    with tempfile.TemporaryDirectory(dir="/tmp", prefix="page-") as folder:  # a socket's path must be short
        at = Path(folder) / "page.sock"
        assert listening(at).endswith("page.sock is free; billferry serve listens there")
        assert "does not exist" in listening(Path(folder) / "run" / "page.sock")
        assert "longer than the 107 bytes" in listening(Path(folder) / ("l" * 100))
        with closing(socket.socket(socket.AF_UNIX)) as left:
            left.bind(str(at))
        assert "is free" in listening(at), "a killed server left it"
        at.unlink()
        at.write_text("a file of somebody")
        assert "is there, and is not a socket" in listening(at)
        assert at.read_text() == "a file of somebody"
