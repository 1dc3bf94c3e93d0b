"""The SFTP server, seen by paramiko."""

import io
import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import paramiko
import pytest

from pipeline.sandbox.sftp import SandboxSftp, write_key_pair


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "incoming").mkdir(parents=True)
    return folder


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "client"


@pytest.fixture
def server(root: Path, key_file: Path) -> Iterator[SandboxSftp]:
    with SandboxSftp(root, "merchant", authorized_key=write_key_pair(key_file)) as running:
        yield running


@contextmanager
def connected(
    server: SandboxSftp,
    username: str = "merchant",
    key_file: Path | None = None,
    password: str | None = None,
    known_hosts: Path | None = None,
) -> Iterator[paramiko.SFTPClient]:
    with closing(paramiko.SSHClient()) as client:
        if known_hosts:
            client.load_host_keys(str(known_hosts))
        else:
            client.get_host_keys().add(f"[{server.host}]:{server.port}", "ssh-ed25519", _host_key(server))
        client.connect(
            server.host,
            server.port,
            username,
            password,
            key_filename=str(key_file) if key_file else None,
            allow_agent=False,
            look_for_keys=False,
            timeout=10,
        )
        with closing(client.open_sftp()) as sftp:
            yield sftp


def _host_key(server: SandboxSftp) -> paramiko.PKey:
    entry = paramiko.hostkeys.HostKeyEntry.from_line(server.known_hosts_line)
    assert entry is not None
    assert entry.key is not None
    return entry.key


def test_files_are_put_listed_measured_read_and_moved(
    server: SandboxSftp, root: Path, key_file: Path
) -> None:
    content = bytes(range(256)) * 4000
    with connected(server, key_file=key_file) as sftp:
        sftp.putfo(io.BytesIO(content), "/incoming/bills.csv")
        sftp.mkdir("/archive")
        assert sorted(sftp.listdir("/")) == ["archive", "incoming"]
        assert [entry.filename for entry in sftp.listdir_attr("/incoming")] == ["bills.csv"]
        assert sftp.stat("/incoming/bills.csv").st_size == len(content)
        fetched = io.BytesIO()
        sftp.getfo("/incoming/bills.csv", fetched)
        assert fetched.getvalue() == content
        sftp.rename("/incoming/bills.csv", "/archive/bills.csv")
        assert sftp.listdir("/incoming") == []
        sftp.utime("/archive/bills.csv", (1_000_000, 1_000_000))
        assert sftp.stat("/archive/bills.csv").st_mtime == 1_000_000
        sftp.remove("/archive/bills.csv")
        with pytest.raises(FileNotFoundError):
            sftp.stat("/archive/bills.csv")
    assert list((root / "archive").iterdir()) == []


def test_rename_keeps_an_existing_target_and_posix_rename_replaces_it(
    server: SandboxSftp, root: Path, key_file: Path
) -> None:
    (root / "new").write_text("new")
    (root / "old").write_text("old")
    with connected(server, key_file=key_file) as sftp:
        with pytest.raises(OSError, match="exists"):
            sftp.rename("/new", "/old")
        assert (root / "old").read_text() == "old"
        sftp.posix_rename("/new", "/old")
    assert (root / "old").read_text() == "new"
    assert not (root / "new").exists()


def test_nothing_outside_the_folder_can_be_reached(
    server: SandboxSftp, root: Path, key_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("secret")
    with connected(server, key_file=key_file) as sftp:
        assert sftp.listdir("/../..") == ["incoming"]
        for name in ("/../secret", "../secret", str(tmp_path / "secret")):
            with pytest.raises(FileNotFoundError):
                sftp.stat(name)


def test_the_right_password_gets_in_and_no_other_does(root: Path) -> None:
    with SandboxSftp(root, "merchant", password="right") as server:
        with connected(server, password="right") as sftp:
            assert sftp.listdir("/") == ["incoming"]
        for username, password in (("merchant", "wrong"), ("somebody", "right"), ("merchant", "")):
            with (
                pytest.raises(paramiko.AuthenticationException),
                connected(server, username, password=password),
            ):
                pass


def test_the_right_key_gets_in_and_no_other_does(server: SandboxSftp, key_file: Path, tmp_path: Path) -> None:
    write_key_pair(tmp_path / "other")
    with pytest.raises(paramiko.AuthenticationException), connected(server, key_file=tmp_path / "other"):
        pass
    with pytest.raises(paramiko.AuthenticationException), connected(server, "somebody", key_file=key_file):
        pass
    with pytest.raises(paramiko.AuthenticationException), connected(server, password=""):
        pass
    with connected(server, key_file=key_file) as sftp:
        assert sftp.listdir("/") == ["incoming"]


def test_the_authorized_key_may_be_a_file(root: Path, key_file: Path, tmp_path: Path) -> None:
    public = tmp_path / "client.pub"
    public.write_text(f"{write_key_pair(key_file)} somebody@somewhere\n")
    with (
        SandboxSftp(root, "merchant", authorized_key=public) as server,
        connected(server, key_file=key_file) as sftp,
    ):
        assert sftp.listdir("/") == ["incoming"]


def test_the_known_hosts_line_is_what_a_client_needs(
    server: SandboxSftp, key_file: Path, tmp_path: Path
) -> None:
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(server.known_hosts_line + "\n")
    with connected(server, key_file=key_file, known_hosts=known_hosts) as sftp:
        assert sftp.listdir("/") == ["incoming"]
    known_hosts.write_text(server.known_hosts_line.split()[0] + " " + write_key_pair(tmp_path / "x") + "\n")
    with (
        pytest.raises(paramiko.BadHostKeyException),
        connected(server, key_file=key_file, known_hosts=known_hosts),
    ):
        pass


def test_the_host_key_is_kept_in_its_file_and_is_new_without_one(root: Path, tmp_path: Path) -> None:
    def public_key(host_key_file: Path | None) -> str:
        with SandboxSftp(root, host_key_file=host_key_file) as server:
            return server.host_public_key

    kept = tmp_path / "keys" / "host"
    assert public_key(kept) == public_key(kept)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert public_key(None) != public_key(None)


def test_a_client_key_is_private_and_is_kept_when_it_is_there(key_file: Path) -> None:
    line = write_key_pair(key_file)
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert write_key_pair(key_file) == line
    algorithm, encoded = line.split()
    read = paramiko.Ed25519Key.from_private_key_file(str(key_file))
    assert (algorithm, encoded) == (read.get_name(), read.get_base64())


def test_a_port_can_be_fixed_and_a_server_comes_back_on_it(root: Path, tmp_path: Path) -> None:
    server = SandboxSftp(root, "merchant", password="p", host_key_file=tmp_path / "host")
    lines = []
    for _ in range(2):
        with server, connected(server, password="p") as sftp:
            assert sftp.listdir("/") == ["incoming"]
            lines.append(server.known_hosts_line)
    assert lines[0] == lines[1]


def test_stopping_cuts_connections_and_leaves_no_thread(root: Path) -> None:
    before = set(threading.enumerate())
    server = SandboxSftp(root, "merchant", password="p")
    server.start()
    with connected(server, password="p") as sftp:
        server.stop()
        with pytest.raises((OSError, EOFError, paramiko.SSHException)):  # a cut, told at one layer or another
            sftp.listdir("/")
    assert not [thread for thread in set(threading.enumerate()) - before if "sandbox" in thread.name]
    server.stop()


def test_it_says_nothing_in_the_logs_unless_something_is_critical(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with SandboxSftp(root, "merchant", password="p") as server, connected(server, password="p") as sftp:
        sftp.listdir("/")
    assert [record for record in caplog.records if record.name.startswith("asyncssh")] == []
