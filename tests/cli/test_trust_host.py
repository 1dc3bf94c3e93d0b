"""trust-host pins what a person has compared, and nothing else; on a real OpenSSH server with three keys."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.desk import Desk
from tests.servers.openssh import OpenSsh, fingerprint, keygen, require_sshd
from tests.world import ROOT, write_config

KINDS = ("ed25519", "ecdsa", "rsa")


def line(server: OpenSsh, key: Path) -> str:
    """The known_hosts line of a key for a server."""
    return f"[{server.host}]:{server.port} {' '.join(key.with_suffix('.pub').read_text().split()[:2])}"


@pytest.fixture(scope="module")
def fingerprints(server: OpenSsh) -> dict[str, str]:
    return {key.name: fingerprint(key) for key in server.host_keys}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    require_sshd()
    folder = tmp_path_factory.mktemp("keys")
    for kind in KINDS:
        keygen(folder / kind, kind)
    with OpenSsh(folder / "sshd", host_keys=tuple(folder / kind for kind in KINDS)) as running:
        yield running


@pytest.fixture
def known_hosts(desk: Desk, server: OpenSsh) -> Path:
    desk.configure(
        sftp={
            "host": server.host,
            "port": server.port,
            "username": server.username,
            "private_key_file": str(server.user_key),
            "known_hosts_file": "pinned/known_hosts",
            "incoming": str(desk.folder / "drop"),
            "archive": str(desk.folder / "archive"),
            "settle_s": 0,
        },
        drop=None,
    )
    return desk.folder / "pinned" / "known_hosts"


def ask(desk: Desk, answer: str) -> tuple[int, str]:
    """`trust-host` on a terminal, answered with a line; its exit status and all it printed."""
    ours, theirs = pty.openpty()
    script = "import sys\nfrom pipeline.cli import main\nmain()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "trust-host"],
        cwd=desk.folder,
        env={"PATH": os.environ["PATH"], "HOME": str(desk.folder), "PYTHONPATH": str(ROOT)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = _until(ours, b"fingerprint of one")
        os.write(ours, answer.encode() + b"\n")
        said += _until(ours, None)
        os.close(ours)
        return process.wait(20), said.decode()


def _until(terminal: int, word: bytes | None) -> bytes:
    said, give_up = b"", time.monotonic() + 20
    while (word is None or word not in said) and time.monotonic() < give_up:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            some = os.read(terminal, 4096)
        except OSError:  # a terminal whose other end is closed
            break
        if not some:
            break
        said += some
    return said


def test_every_key_of_the_server_is_shown_and_a_yes_pins_them_all(
    desk: Desk, server: OpenSsh, known_hosts: Path, fingerprints: dict[str, str]
) -> None:
    assert desk.command("run").exit_status == 5
    status, said = ask(desk, "yes")
    assert status == 0, said
    told = " ".join(said.split())  # its columns may have wrapped
    assert all(f"{each} (not pinned)" in told for each in fingerprints.values())
    assert sorted(known_hosts.read_text().splitlines()) == sorted(line(server, k) for k in server.host_keys)
    assert (known_hosts.stat().st_mode & 0o777, known_hosts.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert desk.command("run").exit_status == 0
    again = desk.command("trust-host")
    assert again.exit_status == 0
    assert "already pinned" in again.stderr


@pytest.mark.parametrize("answer", ["no", "", "y", "SHA256:of-another-key"])
def test_without_a_clear_yes_nothing_is_pinned(desk: Desk, known_hosts: Path, answer: str) -> None:
    status, said = ask(desk, answer)
    assert status == 5
    assert "nothing was pinned" in said
    assert not known_hosts.exists()


@pytest.mark.parametrize("kind", KINDS)
def test_the_fingerprint_of_one_key_pins_that_one_alone(
    desk: Desk, server: OpenSsh, known_hosts: Path, kind: str, fingerprints: dict[str, str]
) -> None:
    key = next(key for key in server.host_keys if key.name == kind)
    said = desk.command("trust-host", "--yes", fingerprints[kind])
    assert said.exit_status == 0, said.stderr
    assert known_hosts.read_text() == line(server, key) + "\n"
    assert desk.command("run").exit_status == 0
    assert desk.command("trust-host", "--yes", fingerprints[kind]).exit_status == 0
    assert known_hosts.read_text() == line(server, key) + "\n"


def test_a_host_can_be_pinned_before_any_folder_is_there(
    desk: Desk, known_hosts: Path, fingerprints: dict[str, str]
) -> None:
    config = yaml.safe_load(desk.config.read_text())
    write_config(desk.folder, config | {"work_dir": "nowhere/var"})
    assert desk.command("run").exit_status == 2
    assert desk.command("trust-host", "--yes", fingerprints["rsa"]).exit_status == 0
    assert known_hosts.exists()


def test_a_script_with_the_wrong_fingerprint_pins_nothing(desk: Desk, known_hosts: Path) -> None:
    said = desk.command("trust-host", "--yes", "SHA256:AAAA")
    assert said.exit_status == 5
    assert "shows no key SHA256:AAAA" in said.stderr
    assert not known_hosts.exists()


def test_a_script_that_confirms_nothing_is_told_how(desk: Desk, known_hosts: Path) -> None:
    said = desk.command("trust-host")
    assert said.exit_status == 2
    assert "--yes" in said.stderr.splitlines()[-1]
    assert not known_hosts.exists()


def test_a_changed_key_takes_the_place_of_the_old_one_and_nothing_else_is_touched(
    desk: Desk, server: OpenSsh, known_hosts: Path, tmp_path: Path, fingerprints: dict[str, str]
) -> None:
    keygen(tmp_path / "old", "ed25519")
    keygen(tmp_path / "gone", "rsa")
    old = line(server, tmp_path / "old")
    others = [
        "# of the merchant\u00a0\u2028",
        f"elsewhere.example {old.split(maxsplit=1)[1]}",
        f"@revoked * {line(server, tmp_path / 'gone').split(maxsplit=1)[1]}",
    ]
    known_hosts.parent.mkdir()
    known_hosts.write_text("\n".join([others[0], old, *others[1:]]))
    known_hosts.chmod(0o640)
    subprocess.run(["ssh-keygen", "-H", "-f", known_hosts], check=True, capture_output=True)
    hashed = known_hosts.read_text().rstrip("\n").split("\n")
    assert desk.command("run").exit_status == 5
    said = desk.command("trust-host", "--yes", fingerprints["ed25519"])
    assert said.exit_status == 0, said.stderr
    assert "pinned, but not presented by the server: ssh-ed25519" in said.stderr
    assert known_hosts.read_text().rstrip("\n").split("\n") == [
        kept for kept in hashed if kept != hashed[1]
    ] + [line(server, server.host_keys[0])]
    assert known_hosts.stat().st_mode & 0o777 == 0o640
    assert desk.command("run").exit_status == 0


def test_a_line_about_more_than_this_server_is_left_and_told(
    desk: Desk, server: OpenSsh, known_hosts: Path, tmp_path: Path, fingerprints: dict[str, str]
) -> None:
    keygen(tmp_path / "old", "ed25519")
    shared = "a.example," + line(server, tmp_path / "old")
    known_hosts.parent.mkdir()
    known_hosts.write_text(shared + "\n")
    said = desk.command("trust-host", "--yes", fingerprints["rsa"])
    assert "line 1 of it still trusts another key" in said.stderr
    assert known_hosts.read_text().splitlines()[0] == shared


def test_a_revoked_key_is_never_pinned(
    desk: Desk, server: OpenSsh, known_hosts: Path, fingerprints: dict[str, str]
) -> None:
    known_hosts.parent.mkdir()
    revoked = f"@revoked {line(server, server.host_keys[0])}\n"
    known_hosts.write_text(revoked)
    said = desk.command("trust-host", "--yes", fingerprints["ed25519"])
    assert said.exit_status == 5
    assert f"{fingerprints['ed25519']}  (revoked)" in said.stderr
    assert known_hosts.read_text() == revoked


def test_nobody_logs_in_while_keys_are_shown(desk: Desk, server: OpenSsh, known_hosts: Path) -> None:
    before = len(server.log())
    desk.command("trust-host")
    log = server.log()[before:]
    assert "Connection from" in log
    assert not any(word in log for word in ("userauth", "publickey", "password", "authenticating"))


def test_a_server_that_is_away_is_told_in_one_line(desk: Desk, known_hosts: Path) -> None:
    config = desk.folder / "config.yaml"
    config.write_text(config.read_text().replace("port: ", "port: 1 # "))
    said = desk.command("trust-host")
    assert said.exit_status == 3
    assert len(said.stderr.splitlines()) == 1
