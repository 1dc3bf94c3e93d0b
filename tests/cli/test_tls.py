"""What is wrong with a TLS connection is told in a sentence of its own, with what to do; the key is sent to nobody."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.servers.certificates import Authority
from tests.servers.monitor import Monitor


def too_old(authority: Authority) -> ssl.SSLContext:
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


def weak(authority: Authority) -> ssl.SSLContext:
    """No cipher that a client takes by default."""
    context = authority.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    return context


FAULTS: dict[str, tuple[Callable[[Authority], ssl.SSLContext | None], str, str]] = {
    "self-signed": (
        lambda authority: authority.context(self_signed=True),
        "its certificate is not signed by an authority that this machine trusts",
        "Check api.base_url; for an authority of your own set SSL_CERT_FILE to its certificate",
    ),
    "another host": (
        lambda authority: authority.context("another.example"),
        "its certificate is for another host name",
        "Check the host in api.base_url",
    ),
    "another address": (
        lambda authority: authority.context("10.0.0.1"),
        "its certificate is for another host name",
        "Check the host in api.base_url",
    ),
    "expired": (
        lambda authority: authority.context(days=(-3, -1)),
        "its certificate has expired",
        "Check this machine's clock; if it is right, ask the API's owner to renew the certificate",
    ),
    "not valid yet": (
        lambda authority: authority.context(days=(1, 3)),
        "its certificate is not valid yet",
        "Check this machine's clock; if it is right, ask the API's owner",
    ),
    "too old": (
        too_old,
        "it offers no version and no cipher of TLS that is still safe",
        "Ask the API's owner to update it to TLS 1.2 or newer",
    ),
    "weak ciphers": (
        weak,
        "it offers no version and no cipher of TLS that is still safe",
        "Ask the API's owner to update it to TLS 1.2 or newer",
    ),
    "plain HTTP": (lambda _: None, "it answers without TLS", "Check the host and port in api.base_url"),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def _trusts(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))


def point_at(desk: Desk, server: Monitor) -> str:
    url = f"https://localhost:{server.server_port}"
    desk.configure(api={"base_url": url, "key_file": "api.key", "max_attempts": 2, "timeout_s": 4})
    return url


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_does_not_prove_to_be_the_api_is_told_with_what_to_do(
    desk: Desk, authority: Authority, fault: str
) -> None:
    context, problem, remedy = FAULTS[fault]
    path = desk.put("drop/may_bills.csv")
    with Monitor(context(authority)) as server:
        url = point_at(desk, server)
        line = (
            f"{url}: the server could not be verified as the Billing API: {problem}; nothing was sent."
            f" {remedy}, then run again"
        )
        ran, looked = desk.command("run"), desk.command("doctor")
    assert ran.exit_status == 3
    assert ran.stderr.count(f"billferry: {line}\n") == 1
    assert "never connected" not in ran.stderr + looked.stdout + looked.stderr
    assert looked.exit_status == 3
    assert f"PROBLEM  api: {line}\n" in looked.stdout
    assert path.exists(), "the file waits for the next run"
    assert not any("Authorization" in request.whole for request in server.requests)


def test_an_authority_that_this_machine_does_not_know_is_told_like_a_self_signed_one(
    desk: Desk, tmp_path: Path
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with Monitor(Authority(stranger).context()) as server:
        point_at(desk, server)
        assert FAULTS["self-signed"][1] in desk.command("doctor").stdout


def test_a_server_that_proves_to_be_the_api_is_asked(desk: Desk, authority: Authority) -> None:
    with Monitor(authority.context()) as server:
        point_at(desk, server)
        assert "where 404 was expected" in desk.command("doctor").stdout
    (request,) = server.requests
    assert "Authorization" in request.whole
