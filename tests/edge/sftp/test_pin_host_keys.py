"""Nobody logs in before the server has shown a pinned key, and a refused login is told from a silent server."""

from __future__ import annotations

import base64
import hmac
import os
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.edge.sftp.source import SftpSource
from pipeline.errors import (
    ConfigError,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    SourceError,
    SourceUnauthorised,
)
from pipeline.sandbox.sftp import write_key_pair
from schemas.settings import Sftp
from tests.servers.openssh import OpenSsh, fingerprint, keygen, require_sshd
from tests.servers.places import Place


def list_files(settings: Sftp) -> None:
    with closing(SftpSource(settings)) as source:
        source.list()


def write_secret(path: Path, text: str) -> None:
    """Readable by the owner alone, whatever the mask that the tests are started with."""
    path.write_text(text)
    path.chmod(0o600)


LOGIN_WORDS = ("publickey", "password", "Postponed", "Accepted", "userauth", "authenticating")


def nobody_logged_in(server: OpenSsh) -> bool:
    log = server.log()
    return "Connection from" in log and not any(word in log for word in LOGIN_WORDS)


def test_an_unknown_host_key_is_shown_and_nobody_logs_in(openssh: OpenSsh, openssh_place: Place) -> None:
    openssh_place.settings.known_hosts_file.write_text("")
    with pytest.raises(HostKeyUnknown) as refused:
        list_files(openssh_place.settings)
    assert fingerprint(openssh.host_keys[0]) in str(refused.value)
    assert refused.value.exit_status == 5
    assert nobody_logged_in(openssh)


def test_a_missing_known_hosts_file_trusts_nobody(openssh: OpenSsh, openssh_place: Place) -> None:
    openssh_place.settings.known_hosts_file.unlink()
    with pytest.raises(HostKeyUnknown):
        list_files(openssh_place.settings)
    assert nobody_logged_in(openssh)


def test_a_changed_host_key_is_shown_with_the_pinned_one(
    openssh: OpenSsh, openssh_place: Place, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "other", "ed25519")
    openssh_place.settings.known_hosts_file.write_text(f"[127.0.0.1]:{openssh.port} {other}\n")
    with pytest.raises(HostKeyChanged) as refused:
        list_files(openssh_place.settings)
    assert fingerprint(openssh.host_keys[0]) in str(refused.value)
    assert fingerprint(tmp_path / "other") in str(refused.value)
    assert refused.value.exit_status == 5
    assert nobody_logged_in(openssh)


def test_a_host_key_of_another_type_is_a_changed_one(
    openssh: OpenSsh, openssh_place: Place, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "other", "ecdsa")
    openssh_place.settings.known_hosts_file.write_text(f"[127.0.0.1]:{openssh.port} {other}\n")
    with pytest.raises(HostKeyChanged, match=fingerprint(openssh.host_keys[0]).replace("+", "[+]")):
        list_files(openssh_place.settings)
    assert nobody_logged_in(openssh)


def test_a_revoked_host_key_is_refused_even_when_it_is_pinned_too(
    openssh: OpenSsh, openssh_place: Place
) -> None:
    pinned = openssh.known_hosts_lines
    openssh_place.settings.known_hosts_file.write_text(f"{pinned}@revoked * {' '.join(pinned.split()[1:])}\n")
    with pytest.raises(HostKeyRevoked) as refused:
        list_files(openssh_place.settings)
    assert refused.value.exit_status == 5
    assert nobody_logged_in(openssh)


def test_a_key_pinned_without_the_port_does_not_count_on_another_port(
    openssh: OpenSsh, openssh_place: Place
) -> None:
    key = " ".join(openssh.known_hosts_lines.split()[1:])
    openssh_place.settings.known_hosts_file.write_text(f"127.0.0.1 {key}\n")
    with pytest.raises(HostKeyUnknown):
        list_files(openssh_place.settings)


@pytest.mark.parametrize("form", ["hashed", "wildcard", "list", "among junk", "crlf"])
def test_known_hosts_is_read_as_openssh_writes_it(openssh: OpenSsh, openssh_place: Place, form: str) -> None:
    name = f"[127.0.0.1]:{openssh.port}"
    key = " ".join(openssh.known_hosts_lines.split()[1:3])
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    text = {
        "hashed": f"{hashed} {key}\n",
        "wildcard": f"[127.0.*]:{openssh.port} {key} a comment\n",
        "list": f"other,{name},[127.0.0.2]:22\t{key}\n",
        "among junk": f"# {name}\n\n@revoked {name} ssh-ed25519 AAAA\n@cert-authority * {key}\n"
        f"{name} ssh-ed25519 !!!\n{name}\n|1|x {key}\n|1|a|b|c {key}\n{name} {key}\n",
        "crlf": f"{name} {key}\r\n",
    }[form]
    openssh_place.settings.known_hosts_file.write_text(text)
    list_files(openssh_place.settings)


def test_a_negated_name_is_not_trusted(openssh: OpenSsh, openssh_place: Place) -> None:
    key = " ".join(openssh.known_hosts_lines.split()[1:3])
    name = f"[127.0.0.1]:{openssh.port}"
    openssh_place.settings.known_hosts_file.write_text(f"*,!{name} {key}\n")
    with pytest.raises(HostKeyUnknown):
        list_files(openssh_place.settings)


@pytest.mark.parametrize("pinned", ["rsa", "ecdsa", "ed25519"])
def test_a_server_with_several_keys_shows_the_pinned_one(
    tmp_path: Path, openssh_place: Place, pinned: str
) -> None:
    require_sshd()
    lines = {kind: keygen(tmp_path / kind, kind) for kind in ("rsa", "ecdsa", "ed25519")}
    with OpenSsh(tmp_path / "openssh", host_keys=tuple(tmp_path / kind for kind in lines)) as server:
        openssh_place.settings.known_hosts_file.write_text(f"[127.0.0.1]:{server.port} {lines[pinned]}\n")
        list_files(openssh_place.but(port=server.port))


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_every_kind_of_user_key_logs_in(
    tmp_path: Path, openssh: OpenSsh, openssh_place: Place, kind: str, passphrase: str
) -> None:
    line = keygen(tmp_path / "user", kind, passphrase)
    (openssh.folder / "authorized_keys").write_text(line + "\n")
    write_secret(tmp_path / "passphrase", passphrase + "\n")
    list_files(
        openssh_place.but(
            private_key_file=tmp_path / "user",
            passphrase_file=tmp_path / "passphrase" if passphrase else None,
        )
    )


@pytest.mark.parametrize("given", ["none", "wrong", "needless", "no key at all"])
def test_a_key_that_cannot_be_read_is_a_config_error(
    tmp_path: Path, sandbox_place: Place, given: str
) -> None:
    keygen(tmp_path / "user", "ed25519", "" if given == "needless" else "correct horse")
    write_secret(tmp_path / "passphrase", "wrong horse")
    if given == "no key at all":
        write_secret(tmp_path / "user", "not a key, but perhaps a secret")
    settings = sandbox_place.but(
        private_key_file=tmp_path / "user",
        passphrase_file=None if given == "none" else tmp_path / "passphrase",
    )
    with pytest.raises(ConfigError, match=r"sftp\.private_key_file") as refused:
        list_files(settings)
    assert "horse" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_password_logs_in_and_a_wrong_one_is_told(tmp_path: Path, sandbox_place: Place) -> None:
    write_secret(tmp_path / "password", "right\n")
    settings = sandbox_place.but(private_key_file=None, password_file=tmp_path / "password")
    list_files(settings)
    write_secret(tmp_path / "password", "wrong-1234\n")
    with pytest.raises(SourceUnauthorised) as refused:
        list_files(settings)
    assert "wrong-1234" not in str(refused.value)
    assert refused.value.exit_status == 3


def test_a_wrong_user_key_is_refused_once_and_never_tried_again(
    tmp_path: Path, openssh: OpenSsh, openssh_place: Place
) -> None:
    write_key_pair(tmp_path / "stranger")
    with pytest.raises(SourceUnauthorised):
        list_files(openssh_place.but(private_key_file=tmp_path / "stranger"))
    assert openssh.log().count("Connection from") == 1


@pytest.mark.parametrize(
    "weak",
    ["Ciphers=aes128-cbc,3des-cbc", "MACs=hmac-sha1", "KexAlgorithms=diffie-hellman-group14-sha1"],
)
def test_a_server_with_only_weak_algorithms_is_refused(
    tmp_path: Path, openssh_place: Place, weak: str
) -> None:
    with OpenSsh(tmp_path / "weak", options=(weak,)) as server:
        openssh_place.settings.known_hosts_file.write_text(server.known_hosts_lines)
        with pytest.raises(SourceError, match="still safe"):
            list_files(openssh_place.but(port=server.port, private_key_file=server.user_key))
        assert nobody_logged_in(server)


def test_a_server_without_strict_key_exchange_is_refused(
    sandbox_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncssh offers it always, so the server's half is taken away here."""
    from asyncssh import connection

    monkeypatch.setattr(connection.SSHConnection, "_get_extra_kex_algs", lambda _: [b"ext-info-s"])
    with pytest.raises(SourceError, match="CVE-2023-48795"):
        list_files(sandbox_place.settings)


def test_an_agent_that_holds_the_right_key_is_not_asked(
    tmp_path: Path, openssh: OpenSsh, openssh_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_key_pair(tmp_path / "stranger")
    with (
        tempfile.TemporaryDirectory(dir="/tmp") as short,
        subprocess.Popen(["ssh-agent", "-D", "-a", f"{short}/agent"], stdout=subprocess.DEVNULL) as agent,
    ):
        socket, give_up = Path(short) / "agent", time.monotonic() + 20
        while not socket.exists():
            assert time.monotonic() < give_up, "the agent did not start"
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", str(openssh.user_key)], check=True, capture_output=True)
        with pytest.raises(SourceUnauthorised):
            list_files(openssh_place.but(private_key_file=tmp_path / "stranger"))
        agent.terminate()
    assert "Accepted" not in openssh.log()
