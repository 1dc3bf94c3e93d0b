"""Whatever stands in config.yaml or in the environment: exit status 2, a line for each mistake, and never the value."""
# ruff: noqa: E501 (a mistake and its line read best side by side)

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml

from pipeline.cli import run_command
from pipeline.edge.config import load_config
from pipeline.errors import ConfigError
from tests.edge.config.config_place import BILLS, GOOD, PASSWORD, TEST_KEY, Place

VALUE = "Xq9-not-to-be-told"


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, capsys, monkeypatch)


def with_line(line: str) -> str:
    """The good config, one key of it written as `line`."""
    key = line.partition(":")[0]
    return yaml.safe_dump({name: value for name, value in GOOD.items() if name != key}) + line + "\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("merchant: 2026-02-30", "config.yaml: merchant: a date is not text; put it in quotes"),
        ("merchant: 2026-11-28", "config.yaml: merchant: a date is not text; put it in quotes"),
        ("merchant: 2026-11-28 06:00:00", "config.yaml: merchant: a date is not text; put it in quotes"),
        (f"merchant: !!int {VALUE}", "config.yaml: merchant: tags (!) are not supported; write the value without it"),
        (f"merchant: !!int sk_test_{VALUE}", "config.yaml: merchant: tags (!) are not supported; write the value without it"),
        (f"merchant: !!timestamp {VALUE}", "config.yaml: merchant: tags (!) are not supported; write the value without it"),
        ("merchant: !!binary aGVsbG8=", "config.yaml: merchant: tags (!) are not supported; write the value without it"),
        ("merchant: !vault |\n  abc", "config.yaml: merchant: tags (!) are not supported; write the value without it"),
        ("merchant: !!python/object/apply:os.getcwd []", "config.yaml: merchant: tags (!) are not supported; write the value without it"),
        ("ignore: !!set {a, b}", "config.yaml: ignore: tags (!) are not supported; write the value without it"),
        ("merchant: " + "9" * 5_000, "config.yaml: merchant: not a valid number; correct it, or put it in quotes if it is text"),
        ("merchant: 0b_", "config.yaml: merchant: not a valid number; correct it, or put it in quotes if it is text"),
        ("merchant: 5", "config.yaml: merchant: input should be a valid string; correct it"),
        (f"? [{VALUE}, b]\n: 1", "config.yaml, line 15: a list or section in place of a key; write the key as text"),
        (f"? {{{VALUE}: b}}\n: 1", "config.yaml, line 15: a list or section in place of a key; write the key as text"),
        (f"{VALUE}: 1", "config.yaml, line 15: unknown key; remove it"),
        (f"{TEST_KEY}: 1", "config.yaml, line 15: unknown key; remove it"),
        ("merchant: a\nmerchant: b", "config.yaml, line 15: merchant appears twice; remove one"),
        (f"{VALUE}: 1\n{VALUE}: 2", "config.yaml, line 16: a key appears twice; remove one"),
        ("ignore: " + "[" * 5_000, "config.yaml, line 15: more than 24 lists or sections in one another; correct the line"),
        ("ignore: " + "{a: " * 5_000, "config.yaml, line 15: more than 24 lists or sections in one another; correct the line"),
        ("ignore: &a [*a]", "config.yaml, line 15: an alias (*) inside its own value; write it out"),
        ("ignore: [*nobody]", "config.yaml, line 15: this is not YAML; correct the line"),
        ("merchant: a\n---\nmerchant: b", "config.yaml, line 15: a second document begins; remove it, and the line of three dashes"),
        ('merchant: "a\\0b"', "config.yaml: merchant: it has a character that is not text; write it again"),
        ('merchant: "\\ud800"', "config.yaml: merchant: it has a character that is not text; write it again"),
        ('"\\ud800": 1', "config.yaml, line 15: it has a character that is not text; write it again"),
        ('merchant: "\\U00110000"', "config.yaml, line 14: this is not YAML; correct the line"),
        ("merchant: a\0b", "config.yaml, line 14: this is not YAML; correct the line"),
        ("%YAML 1." + "9" * 5_000, "config.yaml, line 15: this is not YAML; correct the line"),
        ("<<: 5", "config.yaml, line 15: << takes a section or a list of sections; correct the line"),
        ("work_dir: ~nosuchuser/var", "work_dir: the home folder that ~ stands for is not known; write the whole path"),
        ('work_dir: "a\\0b"', "config.yaml: work_dir: it has a character that is not text; write it again"),
        ("retention: {landing_days: 999999999}", "config.yaml: retention.landing_days: input should be less than or equal to 36500; correct it"),
        ("limits: {max_reject_ratio: .nan}", "config.yaml: limits.max_reject_ratio: input should be a finite number; correct it"),
        ("limits: {max_decompression_ratio: .inf}", "config.yaml: limits.max_decompression_ratio: input should be a finite number; correct it"),
        ("limits: {max_records: 1" + "0" * 40 + "}", "config.yaml: limits.max_records: input should be less than or equal to 9223372036854775807; correct it"),
    ],
    ids=lambda text: text[:30].encode("unicode_escape").decode(),
)  # fmt: skip
def test_a_line_that_is_wrong_is_told_and_not_repeated(place: Place, line: str, said: str) -> None:
    place.write(with_line(line))
    lines = place.says_all()
    assert said in lines
    assert VALUE not in "".join(lines)
    assert all(len(each) < 200 for each in lines)


def test_a_name_that_no_file_system_takes_is_a_mistake(place: Place) -> None:
    name = "a" * 300
    place.change(work_dir=name)
    assert place.says() == (
        f"work_dir: {place.folder}/{name} cannot be read (file name too long); correct the path or its rights"
    )
    place.change(api__key_file=name)
    assert place.says().startswith("api.key_file: ")
    place.change(metrics_file=f"{name}/x.prom")
    assert place.says().startswith("metrics_file: ")


def test_an_alias_that_stands_for_millions_of_values_is_not_taken(place: Place) -> None:
    bomb = "\n".join(
        ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    )
    place.write(with_line("merchant: a") + bomb + "\n")
    (line,) = place.says_all()
    assert line.endswith(": more than 100000 values, repeated ones included; use fewer aliases (*)")


def test_aliases_and_merged_sections_save_writing_a_feed_twice(place: Place) -> None:
    feeds = """
feeds:
- &bills
  name: bills
  match: "*_bills_*.csv"
  model: bill
  amount: &amount {unit: major, thousands: ","}
- {<<: *bills, name: more, match: "*_more.csv", amount: {<<: [*amount, {decimal: ",", unit: minor}], thousands: " "}}
"""
    place.write(with_line("feeds:").removesuffix("feeds:\n") + feeds)
    first, second = load_config(Path("config.yaml")).settings.feeds
    assert (second.name, second.model, second.match) == ("more", "bill", "*_more.csv")
    assert (first.amount.thousands, second.amount.thousands) == (",", " ")
    assert (second.amount.unit, second.amount.decimal) == ("major", ",")


def test_all_mistakes_are_told_at_once(place: Place) -> None:
    config = json.loads(json.dumps(GOOD))
    del config["merchant"]
    config |= {
        "enviroment": "test",
        "timezone": "Mars/Olympus",
        "api": {"base_url": "http://api.example.net", "timeout_s": 0, "key": TEST_KEY, "key_file": "api.key"},
        "drop": {"folder": "nowhere"},
        "feeds": [BILLS | {"amount": {}}, BILLS | {"name": "more", "expected_codes": ["nope"]}],
    }
    place.write(config)
    (place.folder / "api.key").chmod(0o644)
    place.setenv("BILLFERRY_LIMITS__MAX_REJECTS", PASSWORD)
    place.setenv("BILLFERRY_IGNORE", "[[[[")
    place.setenv("BILLFERRY_NOPE", PASSWORD)
    assert [line.partition("; ")[0] for line in place.says_all()] == [
        "BILLFERRY_IGNORE: it is not valid JSON",
        "BILLFERRY_NOPE: there is no such key",
        "config.yaml: api.key: secrets must not be in this file",
        "config.yaml: enviroment: unknown key",
        "config.yaml: merchant: is missing",
        "config.yaml: api.timeout_s: input should be greater than 0",
        "BILLFERRY_LIMITS__MAX_REJECTS: input should be a valid integer",
        "config.yaml: feeds.bills.amount.unit: is missing",
        "api.base_url: plain HTTP to another host would reveal the key",
        "timezone: there is no time zone 'Mars/Olympus'",
        "config.yaml: feed more: expected_codes: nope is not a rule code of records",
        f"drop.folder: folder {place.folder}/nowhere does not exist",
        f"api.key_file: {place.folder}/api.key can be read by others",
    ]


def test_with_json_all_mistakes_are_in_the_one_document(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.change(merchnat=1, zzz=2)
    assert run_command(["run", "--json"]) == 2
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert [error["code"] for error in errors] == ["config"] * 2
    assert all(error["message"] and error["remedy"] for error in errors)


def test_no_more_lines_than_anybody_reads(place: Place) -> None:
    place.change(**{f"key_{number}": 1 for number in range(500)})
    lines = place.says_all()
    assert len(lines) == 102
    assert lines[-1] == "and 399 mistakes more; correct these first"


# -- the environment ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLFERRY_API", "[[[["),
        ("BILLFERRY_API", "[" * 100_000),
        ("BILLFERRY_API", '{"a":' * 5_000),
        ("BILLFERRY_API", "9" * 5_000),
        ("BILLFERRY_API", '{"base_url": "https://a.example", "base_url": "https://b.example"}'),
        ("BILLFERRY_API", '{"timeout_s": NaN}'),
        ("BILLFERRY_API", f'{{"{VALUE}": 1}}'),
        ("BILLFERRY_API__KEY__" + "__".join("x" * 5_000), VALUE),
        ("BILLFERRY_API__MAX_ATTEMPTS", "9" * 5_000),
        ("BILLFERRY_MERCHANT", "\udce9"),
        ("BILLFERRY_IGNORE", '["\\ud800"]'),
        ("BILLFERRY_FEEDS", '[{"name": 5}]'),
        ("BILLFERRY_FEEDS__0__NAME", VALUE),
        ("BILLFERRY_", VALUE),
        ("BILLFERRY___", VALUE),
        ("BILLFERRY_\udce9", VALUE),
        ("billferry_nope", VALUE),
        ("BILLFERRY_WORK_DIR", "~nosuchuser"),
        ("BILLFERRY_WORK_DIR", "a" * 300),
    ],
    ids=lambda text: text[:30].encode("unicode_escape").decode(),
)  # fmt: skip
def test_a_variable_that_is_wrong_is_named_and_not_repeated(place: Place, name: str, value: str) -> None:
    place.setenv(name, value)
    lines = place.says_all()
    assert VALUE not in "".join(lines)
    shown = name.encode("unicode_escape", "surrogatepass").decode()
    assert any(line.startswith((f"{shown}:", "work_dir: ", "config.yaml: feeds")) for line in lines), lines


def test_a_mistake_within_a_variables_json_names_the_variable_and_the_key(place: Place) -> None:
    place.setenv("BILLFERRY_API", '{"timeout_s": "x", "max_retry": 3}')
    assert place.says_all() == [
        "BILLFERRY_API: max_retry: unknown key; did you mean max_retry_s?",
        "BILLFERRY_API: timeout_s: input should be a valid number; correct it",
    ]


def test_a_section_and_one_key_of_it_can_both_be_set(place: Place) -> None:
    place.setenv("BILLFERRY_API__TIMEOUT_S", "3")
    place.setenv("BILLFERRY_API", '{"base_url": "https://a.example", "timeout_s": 9}')
    api = load_config(Path("config.yaml")).settings.api
    assert (api.base_url, api.timeout_s, api.key_file) == ("https://a.example", 3, place.folder / "api.key")


# -- what is named in place of a config -----------------------------------------------------------------------


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "large", "latin-1", "loop", "long", "half"])
def test_a_config_that_is_none_is_told_at_once(place: Place, kind: str) -> None:
    path = str(place.folder / "odd.yaml")
    match kind:
        case "folder":
            Path(path).mkdir()
        case "fifo":
            os.mkfifo(path)
        case "device":
            path = "/dev/zero"
        case "large":
            os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 2**30)
        case "latin-1":
            Path(path).write_bytes(b"merchant: caf\xe9\n")
        case "loop":
            Path(path).symlink_to(path)
        case "long":
            path = "a" * 300
        case "half":
            path = "\udce9.yaml"
    place.setenv("BILLFERRY_CONFIG", path)
    assert " cannot be read" in place.says()


@pytest.mark.parametrize("document", ["", "5", "x", "null", "[]", "- a", "# nothing"])
def test_a_document_that_is_no_config_is_told(place: Place, document: str) -> None:
    place.write(document)
    assert place.says() == "config.yaml: this is not a list of keys; start from billferry init"


def test_mistakes_are_errors_of_the_tree(place: Place) -> None:
    place.change(merchnat=1)
    with pytest.raises(ConfigError) as caught:
        load_config(Path("config.yaml"))
    assert caught.value.exit_status == 2
