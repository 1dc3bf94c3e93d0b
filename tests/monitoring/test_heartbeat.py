"""A monitor hears what it must, in time, over HTTPS; and nobody waits for it longer than the config says."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from pipeline.edge.monitoring.heartbeat import ping
from tests.cli.desk import Desk
from tests.servers.certificates import Authority
from tests.servers.monitor import SECRET, Monitor

NAMELESS = """
import socket, time
def never(*words, **named):
    time.sleep(60)
socket.getaddrinfo = never
"""
"""A name server that does not answer: the system's own look-up cannot be given up."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_over_https_a_monitor_must_prove_who_it_is(desk: Desk, authority: Authority) -> None:
    with Monitor(authority.context()) as monitor:
        desk.put("ping.url", monitor.url.replace("127.0.0.1", "localhost") + "/\n").chmod(0o600)
        desk.configure(ping={"url_file": "ping.url"})
        stranger = desk.spawn("run", "--verbose")
        assert monitor.asked == []
        assert stranger.exit_status == 0
        assert "the ping of success failed (it cannot be reached)" in stranger.stderr
        desk.environment["SSL_CERT_FILE"] = str(authority.path)
        proved = desk.spawn("run", "--verbose")
    assert monitor.asked == ["/start", ""]
    assert "failed" not in proved.stderr
    assert SECRET not in stranger.stderr + proved.stderr


def test_an_address_that_others_could_read_is_a_mistake(desk: Desk) -> None:
    desk.put("ping.url", f"http://127.0.0.1:9/{SECRET}\n").chmod(0o644)
    desk.configure(ping={"url_file": "ping.url"})
    said = desk.spawn("run")
    assert said.exit_status == 2
    assert said.stderr.startswith("billferry: ping.url_file: ")
    assert "can be read by others; run chmod 600" in said.stderr
    assert SECRET not in said.stderr


# -- nobody waits ---------------------------------------------------------------------------------------------


@pytest.fixture
def dripping() -> Iterator[str]:
    """Sends a byte now and then, for ever."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            held, _ = server.accept()
            with held:
                for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
                    try:
                        held.sendall(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.1)

        Thread(target=drip, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def test_a_mute_or_dripping_monitor_is_given_up_in_time(dripping: str) -> None:
    with Monitor() as monitor:
        monitor.mute = True
        for url in (monitor.url, dripping):
            began = time.monotonic()
            assert ping(url, timeout_s=0.5) == "no answer within 0.5 s"
            assert time.monotonic() - began < 5
        assert monitor.asked == [""]


def test_a_run_is_not_held_by_a_mute_monitor_nor_by_a_mute_name_server(desk: Desk) -> None:
    with Monitor() as monitor:
        desk.configure(ping={"timeout_s": 0.5})
        for code, mute in (("", True), (NAMELESS, False)):
            monitor.mute = mute
            desk.environment["BILLFERRY_PING__URL"] = monitor.url
            began = time.monotonic()
            said = desk.spawn("run", code=code)
            assert time.monotonic() - began < 15, "start and end of a run take 0.5 s each"
            assert said.exit_status == 0
            assert said.stderr.count("failed (no answer within 0.5 s); the run is not concerned") == 2
        assert monitor.asked == ["/start", ""]


@pytest.mark.parametrize("status", [200, 204])
def test_any_success_is_good_and_a_redirect_is_not_followed(status: int) -> None:
    with Monitor() as monitor:
        monitor.answers = status
        assert ping(monitor.url + "/a b/ü", timeout_s=2) is None
        assert monitor.asked == ["/a%20b/%C3%BC"]
        monitor.answers = 302
        assert ping(monitor.url, timeout_s=2) == "it answers 302"
    assert ping(monitor.url, timeout_s=2) == "it cannot be reached"
