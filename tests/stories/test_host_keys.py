"""A server that cannot show a pinned key: exit 5 with fingerprints and what to do, and nobody tries to log in."""

from __future__ import annotations

import base64
import hmac
import os

import pytest

from tests.servers.openssh import OpenSsh, fingerprint, keygen, require_sshd
from tests.stories.files import bills
from tests.stories.merchant import Merchant

NAME = "x_bills_2030-01-01.csv"


def hashed(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("pinned", "told"),
    [
        ("", "is not in"),
        ("127.0.0.1 {key}", "is not in"),
        ("[127.0.0.1]:22 {key}", "is not in"),
        ("{hashed_other} {key}", "is not in"),
        ("*,!{name} {key}", "is not in"),
        ("@cert-authority {name} {key}", "is not in"),
        ("{name} {other}", "is not the pinned"),
        ("{hashed} {other}", "is not the pinned"),
        ("{name} {other_type}", "is not the pinned"),
        ("{name} {other}\n{name} {other_type}", "is not the pinned"),
        ("@revoked {name} {key}", "is marked @revoked"),
        ("{name} {key}\n@revoked {hashed} {key}", "is marked @revoked"),
        ("@revoked * {key}\n{name} {key}", "is marked @revoked"),
    ],
)
def test_nobody_logs_in_where_the_host_key_is_not_trusted(merchant: Merchant, pinned: str, told: str) -> None:
    require_sshd()
    files = merchant.make_sftp_folders()
    keys = {kind: keygen(merchant.folder / kind, kind.split("-")[0]) for kind in ("ed25519-other", "ecdsa")}
    with OpenSsh(merchant.folder / "sshd", options=("LogLevel=DEBUG",)) as server:
        name = f"[127.0.0.1]:{server.port}"
        known_hosts = pinned.format(
            name=name,
            key=" ".join(server.known_hosts_lines.split()[1:3]),
            other=keys["ed25519-other"],
            other_type=keys["ecdsa"],
            hashed=hashed(name),
            hashed_other=hashed("[127.0.0.2]:22"),
        )
        merchant.use_sftp(
            server, known_hosts, private_key_file=str(server.user_key), incoming=f"{files}/incoming"
        )
        merchant.settings["sftp"] |= {"archive": None, "quarantine": None, "reports": None}
        merchant.write(NAME, bills("C-1,A-1,B-1,1.00"), merchant.incoming)
        said = merchant.run()
        assert said.exit_status == 5
        assert (said.files, said.requests.total()) == ([], 0)
        assert told in said.stderr
        assert fingerprint(server.host_keys[0]) in said.stderr
        if told == "is not the pinned":
            for kind in ("ed25519-other", "ecdsa"):
                assert (fingerprint(merchant.folder / kind) in said.stderr) == (keys[kind] in known_hosts)
        assert "server's owner" in said.stderr
        log = server.log()
        assert "Connection from" in log
        assert "SSH2_MSG_NEWKEYS received" in log or "rekey" in log
        assert "userauth-request" not in log

        merchant.use_sftp(
            server,
            server.known_hosts_lines,
            private_key_file=str(server.user_key),
            incoming=f"{files}/incoming",
        )
        merchant.settings["sftp"] |= {"archive": None, "quarantine": None, "reports": None}
        assert merchant.run().state == "loaded"
        assert "userauth-request" in server.log()
