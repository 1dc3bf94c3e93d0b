"""doctor looks at everything a run needs, changes nothing, and says what to do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pipeline.diagnostics.doctor
from pipeline.cli import run_command
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from pipeline.sandbox.switches import Switches
from tests.servers.monitor import SECRET, Monitor
from tests.servers.openssh import OpenSsh
from tests.servers.places import Place

CONFIG = """
merchant: citypower
environment: {environment}
work_dir: var
api: {{base_url: "{url}", key_file: key, timeout_s: 2}}
drop: {{folder: var/drop}}
feeds: [{{name: bills, match: "*.csv", model: bill, amount: {{unit: major}},
         expect: {{records: [1, 100]}}}}]
"""


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi() as running:
        yield running


def config(folder: Path, url: str, *, key: str = TEST_KEY, environment: str = "test") -> str:
    secret = folder / "key"
    secret.write_text(key)
    secret.chmod(0o600)
    path = folder / "config.yaml"
    path.write_text(CONFIG.format(url=url, environment=environment))
    return str(path)


def checks(lines: list[str]) -> list[str]:
    return [line.split()[1].rstrip(":") for line in lines]


def test_a_good_set_up_is_ok_line_by_line(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["doctor", "--config", config(tmp_path, api.url)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert checks(lines) == ["config", "work_dir", "ledger", "feeds", "api", "clock", "drop.folder"]
    assert all(line.startswith("ok ") for line in lines)
    assert not (tmp_path / "var").exists()
    assert [request["method"] for request in api.snapshot()["requests"]] == ["GET"]


def test_missing_folders_are_findings_among_all_others(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(config(tmp_path, api.url))
    moved = path.read_text().replace("work_dir: var", "work_dir: nowhere/var")
    path.write_text(moved.replace("folder: var/drop", "folder: none/drop"))
    assert run_command(["doctor", "--config", str(path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert checks(lines) == ["config", "work_dir", "ledger", "feeds", "api", "clock", "drop.folder"]
    wrong = [line for line in lines if not line.startswith("ok ")]
    assert ["does not exist; create it or name another" in line for line in wrong] == [True, True]
    assert run_command(["run", "--config", str(path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_a_feed_that_nothing_guards_is_a_warning_until_a_file_of_it_was_loaded(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(config(tmp_path, api.url))
    path.write_text(path.read_text().replace("expect: {records: [1, 100]}", "currency: ZAR"))
    words = ["--config", str(path)]
    assert run_command(["doctor", *words]) == 0
    (warning,) = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ok ")]
    assert warning.startswith("warning  feeds: no expect, no control and no comparison with loaded files")
    assert "bills" in warning
    bills = tmp_path / "bills.csv"
    bills.write_text("customer_reference,account_reference,bill_reference,amount_due\nC,A,B,10.00\n")
    assert run_command(["load", str(bills), *words]) == 0
    assert run_command(["doctor", *words]) == 0
    assert "warning" not in capsys.readouterr().out


def test_a_monitor_and_the_metrics_file_are_looked_at_and_nothing_is_told_or_written(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(config(tmp_path, api.url))
    path.write_text(path.read_text() + "ping: {}\nmetrics_file: m.prom\n")
    with Monitor() as monitor:
        monkeypatch.setenv("BILLFERRY_PING__URL", monitor.url)
        assert run_command(["doctor", "--config", str(path)]) == 0
        assert {"ping", "metrics_file"} <= {*checks(capsys.readouterr().out.splitlines())}
        assert monitor.asked == []
    assert not (tmp_path / "m.prom").exists()
    monkeypatch.setenv("BILLFERRY_PING__URL", SECRET)
    assert run_command(["doctor", "--config", str(path)]) == 2
    said = capsys.readouterr().out
    assert "PROBLEM  ping: BILLFERRY_PING__URL: this is not an address of a monitor" in said
    assert SECRET not in said


def test_a_refused_key_is_a_problem_that_exits_like_a_run(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["doctor", "--config", config(tmp_path, api.url, key="sk_test_other")]) == 3
    assert "PROBLEM  api:" in capsys.readouterr().out


def test_an_api_that_is_away_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor", "--json", "--config", config(tmp_path, "http://127.0.0.1:9")]) == 3
    document = json.loads(capsys.readouterr().out)
    assert [check["check"] for check in document["checks"] if check["exit_status"]] == ["api"]


@pytest.mark.parametrize(
    ("switches", "question", "answer"),
    [
        (Switches(duplicate_status=409), "question 1", "409"),
        (Switches(duplicate_status=422), "question 1", "422"),
        (Switches(nested_existing="attached"), "question 2", "attached"),
        (Switches(nested_existing="refused"), "question 2", "refused with 409"),
        (Switches(owners_by_reference=True), "question 3", "taken"),
        (Switches(owners_by_reference=False), "question 3", "refused with 404"),
        (Switches(metadata_patch="merge"), "question 6", "merged"),
        (Switches(metadata_patch="replace"), "question 6", "replaced"),
    ],
)
def test_the_probe_tells_how_the_api_answers_an_open_question(  # noqa: PLR0917 (fixtures and a table)
    api: SandboxApi,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    switches: Switches,
    question: str,
    answer: str,
) -> None:
    api.switches = switches
    assert run_command(["doctor", "--probe", "--json", "--config", config(tmp_path, api.url)]) == 0
    probed = json.loads(capsys.readouterr().out)["probe"]
    assert [each["answer"] for each in probed if question in each["question"]] == [answer]


def test_a_live_account_is_never_probed(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    api_with_live_key = config(tmp_path, api.url, key="sk_live", environment="live")
    with SandboxApi(keys=("sk_live",)) as live:
        path = Path(api_with_live_key)
        path.write_text(path.read_text().replace(api.url, live.url))
        assert run_command(["doctor", "--probe", "--config", str(path)]) == 2
        assert live.count("POST") == 0
    assert "environment: test only" in capsys.readouterr().err


def with_sftp(folder: Path, url: str, openssh: OpenSsh, place: Place) -> str:
    """The config of a merchant whose files are on an OpenSSH server that has all folders."""
    for name in ("archive", "quarantine", "reports"):
        (place.root / name).mkdir()
    path = config(folder, url)
    settings = place.settings.model_dump(mode="json", exclude_none=True)
    Path(path).write_text(Path(path).read_text() + f"sftp: {json.dumps(settings)}\n")
    return path


SFTP_CHECKS = ["sftp", "sftp.incoming", "sftp.archive", "sftp.quarantine", "sftp.reports"]


def test_log_in_and_each_folder_of_a_server_are_checked_and_nothing_there_is_changed(
    api: SandboxApi,
    tmp_path: Path,
    openssh: OpenSsh,
    openssh_place: Place,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = with_sftp(tmp_path, api.url, openssh, openssh_place)
    before = sorted((each, each.stat().st_mtime_ns) for each in openssh_place.root.rglob("*"))
    assert run_command(["doctor", "--config", path]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [check for check in checks(lines) if check.startswith("sftp")] == SFTP_CHECKS
    assert sorted((each, each.stat().st_mtime_ns) for each in openssh_place.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("spoil", "wrong", "status", "advice"),
    [
        (lambda root: shutil.rmtree(root / "incoming"), "sftp.incoming", 3, "create it"),
        (lambda root: shutil.rmtree(root / "archive"), "sftp.archive", 3, "set it to null"),
        (lambda root: (root / "reports").chmod(0o555), "sftp.reports", 3, "correct its rights"),
        (
            lambda root: [(root / "quarantine").rmdir(), (root / "quarantine").write_text("")],
            "sftp.quarantine",
            3,
            "name another",
        ),
        (lambda root: (root.parent / "known_hosts").write_text(""), "sftp", 5, "billferry trust-host"),
    ],
    ids=["no incoming", "no archive", "no rights", "no folder", "unknown host key"],
)
def test_what_is_wrong_at_a_server_is_one_line_with_what_to_do(  # noqa: PLR0917 (fixtures and a table)
    api: SandboxApi,
    tmp_path: Path,
    openssh: OpenSsh,
    openssh_place: Place,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    wrong: str,
    status: int,
    advice: str,
) -> None:
    path = with_sftp(tmp_path, api.url, openssh, openssh_place)
    spoil(openssh_place.root)
    assert run_command(["doctor", "--config", path]) == status
    problems = [line for line in capsys.readouterr().out.splitlines() if line.startswith("PROBLEM")]
    assert checks(problems) == [wrong]
    assert advice in problems[0]


def test_a_disk_with_little_room_is_a_problem(
    api: SandboxApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.diagnostics.doctor, "ROOM_BYTES", 2**60)
    path = config(tmp_path, api.url)
    (tmp_path / "var").mkdir(mode=0o700)
    assert run_command(["doctor", "--config", path]) == 3
    assert "PROBLEM  work_dir:" in capsys.readouterr().out
