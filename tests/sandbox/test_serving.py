"""Starting, stopping and looking inside."""

import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.sandbox.api import Logged
from pipeline.sandbox.serve import SandboxApi
from pipeline.sandbox.state import Customer
from pipeline.sandbox.switches import Switches
from tests.sandbox.caller import Caller, account, bill, customer


def test_the_snapshot_shows_every_entity_with_its_owners(api: SandboxApi, caller: Caller) -> None:
    made = caller.made("bills", bill())
    direct = caller.made("bills", bill("b-2", customer=made["customer_id"]))
    state = api.snapshot()
    assert state["customers"] == [caller.get("/billing/customers/c-1").json]
    assert state["accounts"] == [caller.get("/billing/accounts/a-1").json | {"customer_reference": "c-1"}]
    assert state["bills"] == [
        made | {"customer_reference": "c-1", "account_reference": "a-1"},
        direct | {"customer_reference": "c-1"},
    ]


def test_a_snapshot_is_a_copy(api: SandboxApi, caller: Caller) -> None:
    caller.made("customers", customer(metadata={"a": "1"}))
    api.snapshot()["customers"][0]["metadata"]["a"] = "changed"
    assert api.snapshot()["customers"][0]["metadata"] == {"a": "1"}


def test_the_log_tells_every_request_without_its_headers(api: SandboxApi, caller: Caller) -> None:
    for _ in range(2):
        caller.post("/billing/customers", customer(), key="k")
    caller.get("/billing/customers/nobody")
    line = {"method": "POST", "path": "/billing/customers", "status": 201, "idempotency_key": "k"}
    assert api.snapshot()["requests"] == [
        line | {"number": 1, "replayed": False},
        line | {"number": 2, "replayed": True},
        {
            "number": 3,
            "method": "GET",
            "path": "/billing/customers/nobody",
            "status": 404,
            "replayed": False,
            "idempotency_key": None,
        },
    ]


def test_requests_are_counted_by_method_path_and_status(api: SandboxApi, caller: Caller) -> None:
    caller.made("customers", customer())
    caller.made("accounts", account(customer="c-1"))
    caller.get("/billing/accounts/a-1")
    caller.get("/billing/bills/nobody")
    assert api.count() == 4
    assert api.count("POST") == 2
    assert api.count(path_prefix="/billing/accounts") == 2
    assert api.count("GET", "/billing/accounts") == 1
    assert api.count(status=404) == 1


def test_another_process_sees_the_same_state_without_a_key(api: SandboxApi, caller: Caller) -> None:
    caller.made("bills", bill())
    outsider = Caller(api, bearer=None)
    assert outsider.get("/sandbox/state").json == api.snapshot()
    assert outsider.get("/sandbox/requests").json == api.snapshot()["requests"]
    assert api.count() == 1
    outsider.close()


def test_snapshots_can_be_taken_while_requests_come_in(api: SandboxApi) -> None:
    done = threading.Event()

    def look() -> int:
        looks = 0
        while not done.wait(0.002):  # else the looking alone would keep the server busy
            state = api.snapshot()
            assert len(state["bills"]) <= len(state["accounts"]) <= len(state["customers"])
            looks += 1
        return looks

    def load(worker: int) -> None:
        caller = Caller(api)
        for number in range(50):
            name = f"{worker}-{number}"
            caller.made("bills", bill(name, account=account(name, customer=customer(name))))
        caller.close()

    with ThreadPoolExecutor(5) as pool:
        looking = pool.submit(look)
        try:
            for loading in [pool.submit(load, worker) for worker in range(4)]:
                loading.result()
        finally:
            done.set()
        assert looking.result() > 1
    assert len(api.snapshot()["bills"]) == 200


@pytest.mark.slow
def test_a_full_server_is_as_fast_as_an_empty_one(api: SandboxApi, caller: Caller) -> None:
    def three_hundred(series: str) -> float:
        started_s = time.process_time()
        for number in range(300):
            name = f"{series}-{number}"
            caller.post("/billing/customers", customer(name), key=name)
            caller.get(f"/billing/customers/{name}")
        return time.process_time() - started_s

    three_hundred("warm")
    empty_s = three_hundred("empty")
    inside = api._api
    for number in range(100_000):
        inside.store.customers.add(
            Customer(inside.store.customers.new_id(), f"full-{number}"), inside.clock.now()
        )
        inside.book.claim(f"full-{number}", b"", inside.clock.monotonic_s())
        inside.log.append(Logged(number, "GET", "/", 404, False, None))
    assert three_hundred("late") < 3 * empty_s


def test_latency_passes_before_the_work(api: SandboxApi, caller: Caller) -> None:
    api.switches = Switches(latency_s=0.15)
    started_s = time.monotonic()
    caller.get("/billing/bills/nobody")
    assert time.monotonic() - started_s >= 0.15


def test_a_stopped_server_refuses_connections_and_still_shows_what_it_knew() -> None:
    with SandboxApi() as api:
        caller = Caller(api)
        caller.made("customers", customer())
    with pytest.raises(ConnectionError):
        caller.get("/billing/customers/c-1")
    assert len(api.snapshot()["customers"]) == 1
    api.stop()


def test_an_outage_ends_with_the_same_state_on_the_same_port(api: SandboxApi, caller: Caller) -> None:
    made = caller.made("customers", customer())
    url = api.url
    api.stop()
    with pytest.raises(ConnectionError):
        caller.get("/billing/customers/c-1")
    api.start()
    assert api.url == url
    assert caller.get("/billing/customers/c-1").json == made


def test_a_server_stops_in_time_with_a_request_still_being_worked_on() -> None:
    with SandboxApi(Switches(latency_s=60)) as api:
        caller = Caller(api, timeout_s=0.1)
        with pytest.raises(TimeoutError):
            caller.get("/billing/customers/c-1")
        started_s = time.monotonic()
    assert time.monotonic() - started_s < 30


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    with SandboxApi() as api:
        Caller(api).close()
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) <= before


def test_a_port_in_use_is_an_error_and_leaves_no_thread(api: SandboxApi) -> None:
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="in use"):
        SandboxApi(port=api.port).start()
    assert set(threading.enumerate()) <= before


def test_the_clock_only_goes_forward(api: SandboxApi) -> None:
    api.clock.advance(3600)
    assert api.clock.now() - datetime.now(UTC) > timedelta(minutes=59)
    with pytest.raises(ValueError, match="forward"):
        api.clock.advance(-1)


def test_over_tls_it_speaks_https_and_plain_http_fails(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with SandboxApi(ssl_context=context) as api:
        assert api.url.startswith("https://")
        caller = Caller(api)
        with pytest.raises(ConnectionError):
            caller.get("/billing/bills/nobody")
        caller.use_tls(api, ssl.create_default_context(cafile=certificate))
        assert caller.get("/billing/bills/nobody").status == 404
        caller.close()


def self_signed(folder: Path) -> Path:
    """Key and certificate for 127.0.0.1 in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
