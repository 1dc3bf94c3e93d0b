"""No key, password, identity number, e-mail address or phone number leaves by a log, a message, a summary, a page,
the metrics or a ping; and nobody but the monitor learns the address that says all is well.

By design `results.csv` holds references, `rejects.csv` original text, and the ledger the requests that are still open
and the details that were sent last; nothing else may hold a planted value.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.sandbox.faults import Fault, Received, Scripted, Window, answer, status
from pipeline.sandbox.replies import Problem, problem_reply
from pipeline.sandbox.sftp import SandboxSftp
from tests.cli.desk import PLANTED_KEY as KEY
from tests.cli.desk import Desk
from tests.servers.monitor import SECRET as PING_SECRET
from tests.servers.monitor import Monitor
from tests.world import Said

PASSWORD = "Xq9-hunter-two"
IDS = ("8501015800085", "9202204720082", "7803035009088")
EMAILS = ("thandi.nkosi@mail.example", "sipho+bills@mail.example", "no-at-sign.lerato@@mail.example")
PHONES = ("0821234567", "+27821234567", "+27 83 765 4321", "083 765 4321", "27837654321")
SECRETS = (KEY, KEY[8:], PASSWORD, PING_SECRET)
PLANTED = (*SECRETS, *IDS, *EMAILS, *PHONES)

BILLS = f"""customer_reference,customer_name,customer_email,customer_phone,bill_reference,amount_due,metadata.id
{IDS[0]},Thandi,{EMAILS[0]},{PHONES[0]},B1,10.00,{IDS[0]}
{IDS[1]},Sipho,{EMAILS[1]},{PHONES[2]},B2,20.00,{IDS[1]}
{IDS[2]},Lerato,{EMAILS[2]},not {PHONES[3]},B3,30.00,{IDS[2]}
{IDS[2]}/{PHONES[3]},Lerato,{EMAILS[1]},{PHONES[4]},{EMAILS[0]},{IDS[0]},x
{IDS[0]},Thandi,{EMAILS[0]},{PHONES[0]},REFUSED,10.00,x
{IDS[0]},"Thandi "{EMAILS[0]}",{PHONES[0]},B5,1
{IDS[1]},Sipho,{EMAILS[1]},{PHONES[2]},B6,21.00,{IDS[1]}
{IDS[1]},Sipho,{EMAILS[1]},{PHONES[2]},B6,22.00,{IDS[1]}
"""
NO_HEADER = "".join(BILLS.splitlines(keepends=True)[1:3])

EVERY_LEVEL = """
import logging
logging.basicConfig(level=1)
"""
PLAIN = """
import functools, pipeline.edge.log
pipeline.edge.log.start_logging = functools.partial(pipeline.edge.log.start_logging, json_lines=False)
"""
FORMS = {"json": ("", ""), "plain": (PLAIN, ""), "every level": ("", EVERY_LEVEL)}
"""What runs before the command is imported, and after."""
A_BUG = f"""
import pipeline.report.write
def finding(*_, **__):
    raise LookupError("no {IDS[0]} of {EMAILS[0]} {PHONES[0]} {PHONES[2]} {KEY}")
pipeline.report.write.write_results = finding
"""


def echo(code: int) -> Fault:
    """The API refuses, and repeats everything it was told."""
    said = f"{' '.join(IDS)} and {', '.join(EMAILS)} or {'; '.join(PHONES)} with Bearer {KEY}"
    return answer(problem_reply(Problem(code, "invalid", said), 1), Window.AFTER_RECEIPT)


def is_refused(request: Received) -> bool:
    return b'"REFUSED"' in request.body


@pytest.fixture
def monitor(desk: Desk) -> Iterator[Monitor]:
    """Who is told of every run, and must not hear of more than that it was."""
    with Monitor() as monitor:
        desk.put("ping.url", monitor.url + "\n").chmod(0o600)
        yield monitor
    for request in monitor.requests:
        said = request.whole.replace(PING_SECRET, "")
        assert not any(value in said for value in PLANTED), "a ping tells nothing"
        assert said.splitlines()[0] in {f"GET /{end} HTTP/1.1" for end in ("", "/start", "/fail")}
        assert said.endswith("b''")


@pytest.fixture
def server(desk: Desk, monitor: Monitor, tmp_path: Path) -> Iterator[SandboxSftp]:
    """An SFTP server with password log-in, and a config for it."""
    root = tmp_path / "server"
    for folder in ("incoming", "archive", "quarantine", "reports"):
        (root / folder).mkdir(parents=True)
    with SandboxSftp(root, "citypower", password=PASSWORD) as server:
        desk.put("known_hosts", server.known_hosts_line + "\n")
        desk.put("password", PASSWORD + "\n").chmod(0o600)
        desk.put("api.key", KEY + "\n").chmod(0o600)
        desk.configure(
            limits={"max_reject_ratio": 1.0},
            api={"base_url": desk.api.url, "key_file": "api.key", "max_attempts": 2, "timeout_s": 2},
            sftp={
                "host": server.host,
                "port": server.port,
                "username": "citypower",
                "password_file": "password",
                "known_hosts_file": "known_hosts",
                "settle_s": 0,
                "timeout_s": 5,
                "upload": ["summary", "results", "rejects", "page"],
            },
            metrics_file="metrics.prom",
            ping={"url_file": "ping.url", "timeout_s": 2},
        )
        (root / "incoming" / "may_bills.csv").write_text(BILLS)
        yield server


def leaks(desk: Desk, *said: Said) -> dict[str, list[str]]:
    """Where planted values stand that must not stand there."""
    texts = {f"stdout {number}": each.stdout for number, each in enumerate(said)}
    texts |= {f"stderr {number}": each.stderr for number, each in enumerate(said)}
    for path in [
        *desk.folder.glob("var/reports/**/summary.json"),
        *desk.folder.glob("var/reports/**/*.html"),
        *desk.folder.glob("server/reports/*/*.json"),
        *desk.folder.glob("server/reports/*/*.html"),
        *desk.folder.glob("metrics.prom"),
    ]:
        texts[str(path)] = path.read_text()
    ledger = desk.folder / "var" / "ledger.sqlite"
    if ledger.exists():
        with closing(sqlite3.connect(ledger)) as db:
            told = db.execute(
                "SELECT message FROM outcomes UNION ALL SELECT summary FROM files UNION ALL SELECT states FROM runs"
            ).fetchall()
            texts["messages in the ledger"] = "\n".join(str(row[0]) for row in told)
    found = {name: [value for value in PLANTED if value in text] for name, text in texts.items()}
    return {name: values for name, values in found.items() if values}


@pytest.mark.parametrize(("code", "late"), FORMS.values(), ids=FORMS)
def test_a_run_with_good_and_bad_rows_and_a_talkative_api_shows_none_of_them(
    desk: Desk, server: SandboxSftp, monitor: Monitor, code: str, late: str
) -> None:
    desk.api.faults = Scripted({is_refused: echo(422)})
    said = desk.spawn("run", "--verbose", "--json", code=code, late=late)
    assert said.exit_status == 1, said.stderr
    (summary,) = json.loads(said.stdout)["files"]
    assert summary["records"]["created"] >= 1
    assert summary["records"]["rejected"] >= 3
    assert summary["records"]["refused"] == 1
    again = desk.spawn("run", "--verbose", code=code, late=late)
    shown = desk.command("status", "--json")
    assert leaks(desk, said, again, shown) == {}
    assert monitor.asked == ["/start", "/fail", "/start", ""]
    if not code + late:
        logged = [line for line in said.stderr.splitlines() if line.startswith("{")]
        assert {"pinged", "metrics.written", "run.ended"} <= {json.loads(line)["event"] for line in logged}
    pages = [*desk.folder.glob("var/reports/**/*.html"), *desk.folder.glob("server/reports/*/*.html")]
    assert len(pages) == 4, "the overview, the month, the file's page, and that page where it was uploaded"
    assert "…" + IDS[0][-4:] in pages[1].read_text() + pages[2].read_text(), (
        "masked, and so still to be found"
    )
    assert "billferry_records{" in (desk.folder / "metrics.prom").read_text()
    (results,) = desk.folder.glob("var/reports/*/results.csv")
    refused = [line for line in results.read_text().splitlines() if ",refused," in line]
    assert "[number]" in refused[0]
    assert "[e-mail]" in refused[0]
    assert not any(value in results.read_text() for value in (*SECRETS, *EMAILS[1:]))


@pytest.mark.parametrize("code", [401, 403, 500, 400])
def test_an_api_that_repeats_everything_in_its_errors_is_not_repeated_here(
    desk: Desk, server: SandboxSftp, code: int
) -> None:
    desk.api.faults = Scripted({lambda _: True: echo(code)})
    said = desk.spawn("run", "--verbose", late=EVERY_LEVEL)
    assert said.exit_status in {1, 3}, said.stderr
    assert leaks(desk, said, desk.command("status")) == {}


def test_an_api_that_is_down_leaves_no_trace_of_the_records(desk: Desk, server: SandboxSftp) -> None:
    desk.api.faults = Scripted({lambda _: True: status(503)})
    assert leaks(desk, desk.spawn("run", "--verbose", late=EVERY_LEVEL)) == {}
    desk.api.stop()
    said = desk.spawn("run", "--verbose", late=EVERY_LEVEL)
    assert said.exit_status == 3
    assert leaks(desk, said) == {}


def test_a_wrong_password_is_told_without_it(desk: Desk, server: SandboxSftp) -> None:
    desk.put("password", "wrong-" + PASSWORD + "\n").chmod(0o600)
    said = desk.spawn("run", "--verbose", late=EVERY_LEVEL)
    assert said.exit_status == 3
    assert "login refused for citypower" in said.stderr
    assert leaks(desk, said) == {}


def test_an_unknown_host_key_is_told_without_a_secret(desk: Desk, server: SandboxSftp) -> None:
    desk.put("known_hosts", "")
    said = desk.spawn("run", "--verbose", late=EVERY_LEVEL)
    assert said.exit_status == 5
    assert leaks(desk, said) == {}


@pytest.mark.parametrize("code", ["", PLAIN], ids=["json", "plain"])
def test_the_trace_of_a_bug_shows_no_value(desk: Desk, server: SandboxSftp, code: str) -> None:
    said = desk.spawn("run", "--verbose", "--json", code=code, late=A_BUG)
    assert said.exit_status == 70
    assert "LookupError" in said.stderr
    assert leaks(desk, said) == {}


def test_a_file_without_a_header_shows_none_of_its_first_record(desk: Desk, server: SandboxSftp) -> None:
    (server.root / "incoming" / "may_bills.csv").write_text(NO_HEADER)
    said = desk.spawn("run", "--verbose", "--json")
    assert json.loads(said.stdout)["files"][0]["state"] == "refused"
    assert leaks(desk, said) == {}


def test_validate_and_a_dry_run_show_no_value(desk: Desk, server: SandboxSftp) -> None:
    named = desk.put("named_bills.csv", BILLS)
    said = [desk.spawn(*words, "--verbose") for words in (("validate", named), ("run", "--dry-run"))]
    assert [each.exit_status for each in said] == [1, 1]
    assert leaks(desk, *said) == {}


def test_a_monitor_that_is_away_is_told_without_its_address(
    desk: Desk, server: SandboxSftp, monitor: Monitor
) -> None:
    monitor.answers = 301
    failed = desk.spawn("run", "--verbose", late=EVERY_LEVEL)
    assert "the ping of start failed (it answers 301)" in failed.stderr
    desk.put("ping.url", f"http://127.0.0.1:9/{PING_SECRET}\n")
    away = desk.spawn("run", "--verbose", late=EVERY_LEVEL)
    assert "the ping of start failed (it cannot be reached)" in away.stderr
    desk.put("ping.url", f"http://127.0.0.1:port/{PING_SECRET}\n")
    wrong = desk.spawn("run", "--verbose", "--json", late=EVERY_LEVEL)
    assert wrong.exit_status == 2
    assert leaks(desk, failed, away, wrong) == {}


def test_a_planted_value_would_be_found(desk: Desk, server: SandboxSftp) -> None:
    shown = desk.spawn("validate", desk.put("named_bills.csv", BILLS), "--show", "1")
    assert EMAILS[0] in leaks(desk, shown)["stdout 0"], "--show prints whole requests, by design"
