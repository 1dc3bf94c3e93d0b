"""Every mistake in the config is one line that says what to change, and exit status 2; no line repeats a secret."""
# ruff: noqa: E501 (a mistake and its line read best side by side)

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import run_command
from pipeline.edge.config import api_key, load_config
from pipeline.edge.ledger.database import open_sqlite_ledger
from pipeline.edge.operator_files import read_secret
from pipeline.errors import ConfigError
from tests.edge.config.config_place import (
    AS_JSON,
    BILLS,
    LIVE_KEY,
    PASSWORD,
    PUBLIC_KEY,
    SFTP,
    TEST_KEY,
    Place,
)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capsys, monkeypatch)


def test_a_good_config_is_taken(place: Place) -> None:
    assert run_command(["run"]) == 0


# -- keys and shapes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"merchnat": "x"}, "config.yaml: merchnat: unknown key; did you mean merchant?"),
        ({"api__timeout": 3}, "config.yaml: api.timeout: unknown key; did you mean timeout_s?"),
        ({"drop__zzz": 3}, "config.yaml: drop.zzz: unknown key; remove it"),
        ({"merchant": None}, "config.yaml: merchant: is missing; add it"),
        ({"environment": None}, "config.yaml: environment: is missing; add environment: test or add environment: live"),
        ({"environment": "prod"}, "config.yaml: environment: input should be 'test' or 'live'; correct it"),
        ({"api__max_attempts": "8"}, "config.yaml: api.max_attempts: input should be a valid integer; correct it"),
        ({"api__max_attempts": True}, "config.yaml: api.max_attempts: input should be a valid integer; correct it"),
        ({"api__timeout_s": 0}, "config.yaml: api.timeout_s: input should be greater than 0; correct it"),
        ({"api__update_details": "no"}, "config.yaml: api.update_details: input should be a valid boolean; correct it"),
        ({"merchant": "City Power"}, "config.yaml: merchant: string should match pattern '^[A-Za-z0-9_-]{1,64}$'; correct it"),
        ({"feeds": []}, "config.yaml: feeds: list should have at least 1 item after validation, not 0; correct it"),
        ({"feeds": [BILLS, BILLS]}, "config.yaml: feeds: two feeds have the same name; correct it"),
        ({"timezone": "Mars/Olympus"}, "timezone: there is no time zone 'Mars/Olympus'; use a name like Africa/Johannesburg"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_named_with_what_to_do(
    place: Place, changes: dict[str, Any], line: str
) -> None:
    place.change(**changes)
    assert place.says() == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("merchant: [", "config.yaml, line 1: this is not YAML; correct the line"),
        ("a: 1\n\tb: 2\n", "config.yaml, line 2: this is not YAML; correct the line"),
        ("- merchant\n", "config.yaml: this is not a list of keys; start from billferry init"),
        ("", "config.yaml: this is not a list of keys; start from billferry init"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_config_says_where(place: Place, text: str, line: str) -> None:
    place.write(text)
    assert place.says() == line


def test_without_a_config_file_the_line_says_how_to_get_one(place: Place) -> None:
    (place.folder / "config.yaml").unlink()
    remedy = "name it with --config or $BILLFERRY_CONFIG, or write one with billferry init"
    assert place.says() == f"config.yaml: cannot be read; {remedy}"
    assert place.says("status", "--config", "other.yaml") == f"other.yaml: cannot be read; {remedy}"


# -- keys and secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "key", "line"),
    [
        ("test", LIVE_KEY, "the key does not fit environment: test; use a key that starts with sk_test_, or change environment"),
        ("live", TEST_KEY, "the key does not fit environment: live; use a key that starts with sk_, or change environment"),
        ("test", PUBLIC_KEY, "this is a public key (pk_), which cannot load bills; use the secret key"),
        ("live", PUBLIC_KEY, "this is a public key (pk_), which cannot load bills; use the secret key"),
        ("test", PASSWORD, "the key does not fit environment: test; use a key that starts with sk_test_, or change environment"),
        ("test", TEST_KEY + " 7dc", "the key contains characters that no API key has; copy it again"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("door", ["api.key_file", "BILLFERRY_API__KEY"])
def test_a_key_that_does_not_fit_is_told_but_not_shown(
    place: Place, environment: str, key: str, line: str, door: str
) -> None:
    place.change(environment=environment)
    place.secret("api.key", key)
    if door == "BILLFERRY_API__KEY":
        place.secret("api.key", TEST_KEY)
        place.setenv(door, key)
    assert place.says() == f"{door}: {line}"


def test_a_live_key_fits_the_live_environment(place: Place) -> None:
    place.change(environment="live")
    place.secret("api.key", LIVE_KEY)
    assert api_key(load_config(Path("config.yaml")).settings) == LIVE_KEY


def test_a_key_in_the_file_is_a_mistake(place: Place) -> None:
    place.change(api__key=TEST_KEY)
    remedy = "set BILLFERRY_API__KEY or api.key_file"
    assert place.says() == f"config.yaml: api.key: secrets must not be in this file; {remedy}"


def test_without_a_key_nothing_starts(place: Place) -> None:
    place.change(api__key_file=None)
    assert place.says() == "api: there is no API key; set BILLFERRY_API__KEY or api.key_file"
    place.change(api__key_file="gone.key")
    path = place.folder / "gone.key"
    assert place.says() == f"api.key_file: {path} cannot be read; create it or correct the path"
    place.secret("gone.key", "")
    assert place.says() == f"api.key_file: {path} is empty; put the secret into it"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_secret_that_others_can_read_is_a_mistake(place: Place, mode: int) -> None:
    path = place.folder / "api.key"
    place.secret("api.key", TEST_KEY, mode)
    assert place.says() == f"api.key_file: {path} can be read by others; run chmod 600 {path}"
    place.secret("api.key", TEST_KEY)
    place.secret("sftp.password", PASSWORD, mode)
    place.change(sftp=SFTP | {"password_file": "sftp.password"})
    path = place.folder / "sftp.password"
    assert place.says() == f"sftp.password_file: {path} can be read by others; run chmod 600 {path}"


def test_a_secret_is_looked_at_again_when_it_is_read(place: Place) -> None:
    place.secret("api.key", TEST_KEY, 0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        read_secret(place.folder / "api.key", "api.key_file")


# -- what lies outside of the file ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("http://api.example.net", "plain HTTP to another host would reveal the key; use https://"),
        ("http://127.0.0.1.example.net", "plain HTTP to another host would reveal the key; use https://"),
        ("http://localhost.example.net:80", "plain HTTP to another host would reveal the key; use https://"),
        ("http://10.0.0.1", "plain HTTP to another host would reveal the key; use https://"),
        ("api.example.net", "this is not an address of an API; write it like https://host"),
        ("ftp://api.example.net", "this is not an address of an API; write it like https://host"),
        (f"https://me:{PASSWORD}@api.example.net", "this is not an address of an API; write it like https://host"),
        (
            f"https://api.example.net/?key={TEST_KEY}",
            "an address of an API must not contain ? or #, since a path is appended to it; write it like https://host",
        ),
        ("https://api.exam\nple.net", "this is not an address of an API; write it like https://host"),
        ("https://api.example.net:99999", "this is not an address of an API; write it like https://host"),
    ],
)  # fmt: skip
def test_an_address_that_would_show_the_key_is_a_mistake(place: Place, url: str, line: str) -> None:
    place.change(api__base_url=url)
    assert place.says() == f"api.base_url: {line}"


NO_MONITOR = "this is not an address of a monitor; write it like https://host/path"
WITH_MORE = "an address of a monitor must not contain ? or #, since a path is appended to it; write it like https://host/path"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (PASSWORD, NO_MONITOR),
        (f"ftp://monitor.example/{PASSWORD}", NO_MONITOR),
        (f"https://monitor.example:port/{PASSWORD}", NO_MONITOR),
        (f"https://monitor.example/a b{PASSWORD}", NO_MONITOR),
        (f"https://me:{PASSWORD}@monitor.example/", NO_MONITOR),
        (f"https://monitor.example/push/{PASSWORD}?status=up", WITH_MORE),
        (f"https://monitor.example/push#{PASSWORD}", WITH_MORE),
        (
            f"http://monitor.example/{PASSWORD}",
            "plain HTTP to another host would reveal the address; use https://",
        ),
    ],
)
def test_a_wrong_ping_address_says_what_it_is_about_and_never_itself(
    place: Place, url: str, line: str
) -> None:
    place.secret("ping.url", url)
    place.change(ping={"url_file": "ping.url"})
    assert place.says() == f"ping.url_file: {line}"
    place.setenv("BILLFERRY_PING__URL", url)
    assert place.says() == f"BILLFERRY_PING__URL: {line}"


def test_a_ping_without_an_address_says_how_to_give_one(place: Place) -> None:
    place.change(ping={})
    assert place.says() == "ping: there is no address; set BILLFERRY_PING__URL or ping.url_file"
    place.change(ping={"url": "https://monitor.example/x"})
    assert "secrets must not be in this file" in place.says()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8400", "http://[::1]:8400", "http://localhost:8400"])
def test_plain_http_is_taken_for_this_machine(place: Place, url: str) -> None:
    place.change(api__base_url=url)
    assert load_config(Path("config.yaml")).settings.api.base_url == url


@pytest.mark.parametrize(
    ("changes", "key", "folder"),
    [
        ({"drop__folder": "nowhere"}, "drop.folder", "nowhere"),
        ({"drop__archive": "nowhere/archive"}, "drop.archive", "nowhere/archive"),
        ({"drop__quarantine": "nowhere/q"}, "drop.quarantine", "nowhere/q"),
        ({"work_dir": "nowhere/var"}, "work_dir", "nowhere/var"),
        ({"work_dir": "api.key"}, "work_dir", "api.key"),
    ],
)
def test_a_missing_folder_is_named(place: Place, changes: dict[str, Any], key: str, folder: str) -> None:
    place.change(**changes)
    assert place.says() == f"{key}: folder {place.folder / folder} does not exist; create it or name another"


def test_the_ledger_of_another_merchant_or_environment_is_left_alone(place: Place) -> None:
    (place.folder / "var").mkdir()
    ledger = place.folder / "var" / "ledger.sqlite"
    open_sqlite_ledger(ledger, merchant="joburgwater", environment="test").close()
    for words in (["run"], ["run", "--dry-run"], ["status"]):
        assert place.says(*words) == (
            f"{ledger}: the ledger belongs to joburgwater (test) and config.yaml says citypower (test);"
            " use a separate work_dir, or database, for this merchant and environment"
        )
    place.change(merchant="joburgwater", environment="live")
    place.secret("api.key", LIVE_KEY)
    assert "belongs to joburgwater (test) and config.yaml says joburgwater (live)" in place.says()
    with sqlite3.connect(ledger) as kept:
        assert kept.execute("SELECT merchant, environment FROM binding").fetchall() == [
            ("joburgwater", "test")
        ]
    kept.close()


def test_an_sftp_server_without_a_way_to_log_in_is_a_mistake(place: Place) -> None:
    place.change(sftp=SFTP)
    assert place.says() == "sftp: there is nothing to log in with; set private_key_file or password_file"


# -- the environment over the file ----------------------------------------------------------------------------


def test_the_environment_overrides_any_key(place: Place) -> None:
    place.change(sftp=SFTP | {"password_file": "p"})
    for name, value in {
        "BILLFERRY_MERCHANT": "joburgwater",
        "BILLFERRY_API__BASE_URL": "https://other.example.net",
        "BILLFERRY_API__TIMEOUT_S": "2.5",
        "BILLFERRY_API__MAX_ATTEMPTS": "3",
        "BILLFERRY_API__UPDATE_DETAILS": "false",
        "BILLFERRY_SFTP__UPLOAD": '["summary"]',
        "BILLFERRY_SFTP__ARCHIVE": "null",
        "BILLFERRY_IGNORE": '["*.md", "*.txt"]',
        "BILLFERRY_LIMITS__MAX_REJECT_RATIO": "0.5",
        "BILLFERRY_WORK_DIR": "elsewhere",
        "billferry_drop__settle_s": "9",
    }.items():
        place.setenv(name, value)
    settings = load_config(Path("config.yaml")).settings
    assert settings.merchant == "joburgwater"
    assert settings.api.base_url == "https://other.example.net"
    assert (settings.api.timeout_s, settings.api.max_attempts, settings.api.update_details) == (2.5, 3, False)
    assert settings.sftp is not None
    assert (settings.sftp.upload, settings.sftp.archive) == (["summary"], None)
    assert settings.sftp.host == "sftp.example.net"
    assert settings.ignore == ["*.md", "*.txt"]
    assert settings.limits.max_reject_ratio == 0.5
    assert settings.work_dir == place.folder / "elsewhere"
    assert settings.drop is not None
    assert settings.drop.settle_s == 9


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("BILLFERRY_API__TIMEOUT", "3", "BILLFERRY_API__TIMEOUT: unknown key; did you mean timeout_s?"),
        ("BILLFERRY_APU__TIMEOUT_S", "3", "BILLFERRY_APU__TIMEOUT_S: there is no such key; did you mean api?"),
        ("BILLFERRY_API__TIMEOUT_S", PASSWORD, "BILLFERRY_API__TIMEOUT_S: input should be a valid number; correct it"),
        ("BILLFERRY_API__MAX_ATTEMPTS", "0", "BILLFERRY_API__MAX_ATTEMPTS: input should be greater than or equal to 1; correct it"),
        ("BILLFERRY_IGNORE", "*.md", f"BILLFERRY_IGNORE: it is not valid JSON; {AS_JSON}"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_named(place: Place, name: str, value: str, line: str) -> None:
    place.setenv(name, value)
    assert place.says() == line


def test_the_config_can_be_named_by_the_environment(place: Place) -> None:
    place.setenv("BILLFERRY_CONFIG", "there/config.yaml")
    assert place.says().startswith("there/config.yaml: cannot be read")


def test_relative_paths_start_at_the_folder_of_the_config(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.change(sftp=SFTP | {"password_file": "~/p", "private_key_file": "/etc/key"})
    (place.folder / "below").mkdir()
    monkeypatch.chdir(place.folder / "below")
    monkeypatch.setenv("HOME", "/home/someone")
    settings = load_config(Path("../config.yaml")).settings
    assert settings.work_dir == place.folder / "var"
    assert settings.api.key_file == place.folder / "api.key"
    assert settings.sftp is not None
    assert settings.sftp.password_file == Path("/home/someone/p")
    assert settings.sftp.private_key_file == Path("/etc/key")
    assert settings.sftp.known_hosts_file == place.folder / "known_hosts"


def test_the_shipped_config_is_a_good_one() -> None:
    shipped = Path(__file__).resolve().parents[3] / "config.yaml"
    settings = load_config(shipped).settings
    assert settings.environment == "test"
    assert len(settings.feeds) >= 5


def test_an_unknown_feed_is_answered_with_the_known_ones(place: Place) -> None:
    (place.folder / "x.csv").write_text("a\n1\n")
    said = place.says("load", "--feed", "bils", "x.csv")
    assert said == "--feed: unknown feed bils; use one of bills"


@pytest.mark.parametrize("read", [load_config, lambda path: api_key(load_config(path).settings)])
def test_errors_are_of_the_tree(place: Place, read: Callable[[Path], object]) -> None:
    place.change(api__key_file=None, merchant=5)
    with pytest.raises(ConfigError) as caught:
        read(Path("config.yaml"))
    assert caught.value.exit_status == 2
