"""Every mistake in the config is one line that says what to change, and exit status 2; no line repeats a secret."""
# ruff: noqa: E501 (a mistake and its line read best side by side)

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.edge.config import api_key, load_config, read_secret
from pipeline.edge.ledger import open_ledger
from pipeline.errors import ConfigError

TEST_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
LIVE_KEY = "sk_9fLk2mNq8vXz3bTr6wYp1sDa"
PUBLIC_KEY = "pk_test_7hGf5dSa2qWe9rTy4uIo1pLk"
PASSWORD = "hunter2-Xq9"
SECRETS = (TEST_KEY, LIVE_KEY, PUBLIC_KEY, PASSWORD, "7dc", "1sDa", "1pLk")

BILLS = {"name": "bills", "match": "*_bills_*.csv", "model": "bill", "amount": {"unit": "major"}}
GOOD: dict[str, Any] = {
    "merchant": "citypower",
    "environment": "test",
    "work_dir": "var",
    "api": {"base_url": "https://api.example.net", "key_file": "api.key"},
    "drop": {"folder": "drop"},
    "feeds": [BILLS],
}
SFTP = {"host": "sftp.example.net", "username": "citypower", "known_hosts_file": "known_hosts"}


class Place:
    """A folder with a good config, to make mistakes in."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.setenv = monkeypatch.setenv
        self._capsys = capsys
        (folder / "drop").mkdir()
        self.secret("api.key", TEST_KEY)
        self.write(GOOD)

    def write(self, config: dict[str, Any] | str) -> None:
        text = config if isinstance(config, str) else yaml.safe_dump(config)
        (self.folder / "config.yaml").write_text(text)

    def change(self, **changes: Any) -> None:
        """Change keys of the good config: `api__timeout_s=3`; None leaves a key out."""
        config = json.loads(json.dumps(GOOD))
        for path, value in changes.items():
            *above, last = path.split("__")
            at = config
            for part in above:
                at = at[part]
            if value is None:
                del at[last]
            else:
                at[last] = value
        self.write(config)

    def feed(self, **changes: Any) -> None:
        feed = {name: value for name, value in {**BILLS, **changes}.items() if value is not None}
        self.write({**GOOD, "feeds": [feed]})

    def secret(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(mode)

    def says(self, *words: str) -> str:
        """The one line of a command that ends with 2."""
        status = run_command(list(words or ("run",)))
        said = self._capsys.readouterr()
        assert status == 2, said.err
        assert said.out == ""
        assert said.err.startswith("billferry: ")
        assert said.err.count("\n") == 1, said.err
        assert not any(secret in said.err for secret in SECRETS)
        return said.err.removeprefix("billferry: ").rstrip("\n")


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capsys, monkeypatch)


def test_a_good_config_is_taken(place: Place) -> None:
    assert run_command(["run"]) == 0


TRAILER = {"kind": "trailer", "marker": "T", "records": 2, "sums": [{"field": 3, "currency": "ZAR"}]}


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
    ("changes", "line"),
    [
        ({"amount": {}}, "config.yaml: feeds.bills.amount.unit: is missing; add unit: major or add unit: minor"),
        ({"amount": None}, "config.yaml: feeds.bills.amount: is missing; add it"),
        ({"amount": {"unti": "major"}}, "config.yaml: feeds.bills.amount.unti: unknown key (and 1 more); did you mean unit?"),
        ({"amount": {"unit": "major", "thousands": "."}}, "config.yaml: feeds.bills.amount: thousands and decimal must be different characters; correct it"),
        ({"phone_regoin": "ZA"}, "config.yaml: feeds.bills.phone_regoin: unknown key; did you mean phone_region?"),
        ({"name": None}, "config.yaml: feeds.number 1.name: is missing; add it"),
        ({"match": "in/*.csv"}, "config.yaml: feeds.bills.match: match is a file name, not a path; correct it"),
        ({"match": "a_{date:%Q}.csv"}, "config.yaml: feed bills: match: part date: %Q is not read here; use %Y %y %m %d %H %M %S %j %b %B; correct the feed"),
        ({"match": "a_{date.csv"}, "config.yaml: feed bills: match: a brace that belongs to no named part such as {date:%Y-%m-%d}; correct the feed"),
        ({"columns": {"custmer_reference": "A"}}, "config.yaml: feed bills: columns: custmer_reference is no column of model bill; nearest is customer_reference; correct the feed"),
        ({"columns": {"customer_reference": "A"}}, "config.yaml: feed bills: columns: bill_reference is required for model bill and not mapped; correct the feed"),
        ({"columns": {"currency": {"cnst": "ZAR"}}}, "config.yaml: feeds.bills.columns.currency.cnst: unknown key (and 3 more); did you mean const?"),
        ({"delimiter": "\n"}, "config.yaml: feeds.bills.delimiter: the delimiter must be one ASCII character, not a quote or line break; correct it"),
        ({"expected_codes": ["amount_due.to_precise"]}, "config.yaml: feed bills: expected_codes: amount_due.to_precise is no code of a record; nearest is amount_due.too_precise; correct the feed"),
        ({"amount": {"unit": "?"}}, "config.yaml: feeds.bills.amount.unit: input should be 'major' or 'minor'; correct it"),
        ({"amount": {"unit": "major", "grouping": "lakh"}}, "config.yaml: feeds.bills.amount: grouping: lakh needs a thousands separator; correct it"),
        ({"amount": {"unit": "minor", "thousands": " "}}, "config.yaml: feeds.bills.amount: amounts in minor units are digits only; leave thousands out; correct it"),
        ({"amount": {"unit": "major", "currency_sign": "R1"}}, "config.yaml: feeds.bills.amount.currency_sign: currency_sign has no digits, separators, signs or spaces (one space beside it is understood); correct it"),
        ({"amount": {"unit": "major", "currency_sign": "USD"}, "currency": "ZAR"}, "config.yaml: feed bills: amount.currency_sign: USD is not the feed's currency ZAR; correct the feed"),
        ({"amount": {"unit": "major", "currency_sign": "xCR", "negative": "cr"}}, "config.yaml: feed bills: amount.currency_sign: xCR cannot be told from the CR and DR of amount.negative; correct the feed"),
        ({"reference_replace": {"a": "b"}}, "config.yaml: feeds.bills.reference_replace: only single characters other than A-Z, a-z, 0-9, _ and - are replaced; correct it"),
        ({"reference_replace": {"/": "."}}, "config.yaml: feeds.bills.reference_replace: a replacement is made of A-Z, a-z, 0-9, _ and -; correct it"),
        ({"checks": {"id": ["sa-id"]}}, "config.yaml: feeds.bills.checks.id.0: input should be 'sa_id'; correct it"),
        ({"checks": {"id": []}}, "config.yaml: feed bills: checks: id has an empty list of checks; correct the feed"),
        ({"due_before_bill_date": "note", "model": "customer_balance"}, "config.yaml: feed bills: due_before_bill_date: records of model customer_balance have no due date; correct the feed"),
        ({"control": {}}, "config.yaml: feeds.bills.control.kind: is missing; add kind: trailer or add kind: sidecar"),
        ({"control": {"kind": "sidecar", "requird": True}}, "config.yaml: feeds.bills.control.requird: unknown key; did you mean required?"),
        ({"control": {"kind": "sidecar", "marker": "T"}}, "config.yaml: feeds.bills.control: marker, records, sums and field are about trailers; a sidecar names its totals; correct it"),
        ({"control": {"kind": "trailer", "marker": "T", "records": 2}}, "config.yaml: feeds.bills.control: a trailer needs marker, records and sums; correct it"),
        ({"control": TRAILER | {"records": 1}}, "config.yaml: feeds.bills.control.records: input should be greater than or equal to 2; correct it"),
        ({"control": TRAILER | {"records": 3}}, "config.yaml: feeds.bills.control: two totals stand in the same field of the trailer; correct it"),
        ({"control": TRAILER | {"hash_total": {"column": "a"}}}, "config.yaml: feeds.bills.control: the hash_total of a trailer needs field; correct it"),
        ({"control": TRAILER | {"sums": [{"field": 3}]}}, "config.yaml: feeds.bills.control.sums.0: a sum has either currency or currency_field; correct it"),
        ({"control": TRAILER | {"sums": [{"field": 3, "currency": "RND"}]}}, "config.yaml: feed bills: control.sums: RND is no ISO 4217 code with minor units; correct the feed"),
        ({"control": TRAILER | {"marker": "T,"}}, "config.yaml: feed bills: control.marker: it holds the delimiter, a quote or a line break; correct the feed"),
        ({"expect": {}}, "config.yaml: feeds.bills.expect: expect needs records or amount_median; correct it"),
        ({"expect": {"records": [5, 1]}}, "config.yaml: feeds.bills.expect: a range is written with its lower end first; correct it"),
        ({"expect": {"amount_median": ["50.00", 5000]}}, "config.yaml: feeds.bills.expect.amount_median.1: input should be a valid string; correct it"),
        ({"columns": {"customer_reference": "?"}}, "config.yaml: feed bills: columns: customer_reference is not set yet; correct the feed"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_feed_names_the_feed(place: Place, changes: dict[str, Any], line: str) -> None:
    place.feed(**changes)
    assert place.says() == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("merchant: [", "config.yaml, line 1: this is not YAML; correct the line"),
        ("a: 1\n\tb: 2\n", "config.yaml, line 2: this is not YAML; correct the line"),
        ("- merchant\n", "config.yaml: this is no list of keys; start from billferry init"),
        ("", "config.yaml: this is no list of keys; start from billferry init"),
        ("merchant: a\nmerchant: b\n", "config.yaml, line 2: merchant stands twice; remove one"),
        ("api:\n  key_file: a\n  key_file: b\n", "config.yaml, line 3: key_file stands twice; remove one"),
        ("merchant: !!python/object/apply:os.getcwd []\n", "config.yaml, line 1: this is not YAML; correct the line"),
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
        ("test", TEST_KEY + " 7dc", "the key has characters no key has; copy it again"),
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
    assert place.says() == f"config.yaml: api.key: a secret does not belong into this file; {remedy}"


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
        ("http://api.example.net", "plain HTTP to another host would show the key; use https://"),
        ("http://127.0.0.1.example.net", "plain HTTP to another host would show the key; use https://"),
        ("http://localhost.example.net:80", "plain HTTP to another host would show the key; use https://"),
        ("http://10.0.0.1", "plain HTTP to another host would show the key; use https://"),
        ("api.example.net", "this is no address of an API; write it like https://host"),
        ("ftp://api.example.net", "this is no address of an API; write it like https://host"),
        (f"https://me:{PASSWORD}@api.example.net", "this is no address of an API; write it like https://host"),
        (f"https://api.example.net/?key={TEST_KEY}", "this is no address of an API; write it like https://host"),
        ("https://api.example.net:99999", "this is no address of an API; write it like https://host"),
    ],
)  # fmt: skip
def test_an_address_that_would_show_the_key_is_a_mistake(place: Place, url: str, line: str) -> None:
    place.change(api__base_url=url)
    assert place.says() == f"api.base_url: {line}"


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
    assert place.says() == f"{key}: there is no folder {place.folder / folder}; create it or name another"


def test_the_ledger_of_another_merchant_or_environment_is_left_alone(place: Place) -> None:
    (place.folder / "var").mkdir()
    ledger = place.folder / "var" / "ledger.sqlite"
    open_ledger(ledger, merchant="joburgwater", environment="test").close()
    for words in (["run"], ["run", "--dry-run"], ["status"]):
        assert place.says(*words) == (
            f"{ledger}: the ledger belongs to joburgwater (test) and config.yaml says citypower (test);"
            " give this merchant and environment a work_dir of its own"
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
        ("BILLFERRY_IGNORE", "*.md", "environment: a BILLFERRY_ variable cannot be read; write lists as JSON"),
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
    shipped = Path(__file__).resolve().parents[2] / "config.yaml"
    settings = load_config(shipped).settings
    assert settings.environment == "test"
    assert len(settings.feeds) >= 5


def test_an_unknown_feed_is_answered_with_the_known_ones(place: Place) -> None:
    (place.folder / "x.csv").write_text("a\n1\n")
    said = place.says("load", "--feed", "bils", "x.csv")
    assert said == "--feed: there is no feed bils; use one of bills"


@pytest.mark.parametrize("read", [load_config, lambda path: api_key(load_config(path).settings)])
def test_errors_are_of_the_tree(place: Place, read: Callable[[Path], object]) -> None:
    place.change(api__key_file=None, merchant=5)
    with pytest.raises(ConfigError) as caught:
        read(Path("config.yaml"))
    assert caught.value.exit_status == 2
