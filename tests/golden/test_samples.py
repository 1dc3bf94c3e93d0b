"""The samples give what stands beside them, to the byte; and every code of the catalogue is met in them."""

from __future__ import annotations

import csv
import difflib
from pathlib import Path

import pytest

from pipeline.core.rules import RULES
from tests.golden.regenerate import EXPECTED, expected, load_all, samples

NAMES = [path.name for path in samples()]

ELSEWHERE = {
    # Only a corrected rejects file can get these, and it needs an original that was loaded before.
    "record.reject_source": "tests/stories/test_corrected_rejects.py",
    "record.not_rejected_there": "tests/stories/test_corrected_rejects.py",
    # What the API holds or answers decides about these.
    "bill_reference.differs": "tests/stories/test_what_exists_already.py",
    "bill_reference.voided": "tests/stories/test_what_exists_already.py",
    "account_reference.other_customer": "tests/stories/test_what_exists_already.py",
    "account_reference.currency_differs": "tests/stories/test_balances_over_days.py",
    "customer_reference.currency_differs": "tests/stories/test_balances_over_days.py",
    "balance.superseded": "tests/stories/test_balances_over_days.py",
    "balance.moved": "tests/stories/test_balances_over_days.py",
    "api.echo_differs": "tests/stories/test_trouble_with_the_api.py",
    "api.uncertain": "tests/stories/test_trouble_with_the_api.py",
    "api.cut": "tests/stories/test_trouble_with_the_api.py",
    "api.never_connected": "tests/stories/test_trouble_with_the_api.py",
    "api.timed_out": "tests/stories/test_trouble_with_the_api.py",
    # The whole file is refused, so that no record has a result.
    "file.empty": "tests/stories/test_files_in_the_way.py",
    "file.too_large": "tests/check/test_structure_of_files.py",
    "file.too_many_records": "tests/check/test_structure_of_files.py",
    "file.record_too_long": "tests/check/test_structure_of_files.py",
    "file.too_many_columns": "tests/check/test_structure_of_files.py",
    "file.compressed": "tests/check/test_structure_of_files.py",
    "file.encoding": "tests/check/test_structure_of_files.py",
    "file.header": "tests/check/test_structure_of_files.py",
    "file.duplicate_column": "tests/check/test_mapping_of_columns.py",
    "file.unmatched": "tests/stories/test_files_in_the_way.py",
    "file.missing_column": "tests/stories/test_files_in_the_way.py",
    "file.two_feeds": "tests/stories/test_files_in_the_way.py",
    "file.too_many_rejects": "tests/check/test_refusing_a_file.py",
    "file.rejects_not_allowed": "tests/check/test_refusing_a_file.py",
    "file.more_than_rejected": "tests/stories/test_corrected_rejects.py",
    "file.rejects_unknown": "tests/stories/test_corrected_rejects.py",
}
"""Codes that no sample can show, and the test that shows each."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    return load_all(tmp_path_factory.mktemp("samples"))


@pytest.mark.parametrize("sample", NAMES)
def test_a_sample_gives_the_results_beside_it(sample: str, found: dict[str, dict[str, bytes]]) -> None:
    wanted = expected(sample)
    assert sorted(found[sample]) == sorted(wanted), "other report files than expected"
    differences = [_difference(name, wanted[name], found[sample][name]) for name in wanted]
    if any(differences):
        pytest.fail("\n".join(filter(None, differences)) + "\nWhen this is right: make golden", pytrace=False)


def test_no_expected_results_are_left_of_a_sample_that_is_gone() -> None:
    assert sorted(path.name for path in EXPECTED.iterdir()) == NAMES


def test_the_samples_share_no_reference_so_that_one_api_holds_them_all() -> None:
    owners: dict[str, str] = {}
    for sample in NAMES:
        rows = list(csv.DictReader(expected(sample)["results.csv"].decode().splitlines()))
        created = [row for row in rows if row["outcome"] == "created"]
        for reference in {row[f"{kind}_reference"] for row in created for kind in ("customer", "account")}:
            assert not reference or owners.setdefault(reference, sample) == sample


def test_each_sample_with_mistakes_also_loads_its_good_rows() -> None:
    for sample in NAMES:
        outcomes = {row["outcome"] for row in csv.DictReader(_text(sample).splitlines())}
        assert "created" in outcomes


def test_every_code_that_a_file_alone_can_get_is_in_a_sample() -> None:
    met = {
        code
        for sample in NAMES
        for row in csv.DictReader(_text(sample).splitlines())
        for code in row["codes"].split(";")
        if code
    }
    assert met == RULES.keys() - ELSEWHERE.keys()


@pytest.mark.parametrize("code", ELSEWHERE)
def test_a_code_that_no_sample_can_show_is_shown_elsewhere(code: str) -> None:
    elsewhere = Path(__file__).resolve().parents[2] / ELSEWHERE[code]
    assert f'"{code}"' in elsewhere.read_text(encoding="utf-8")


def _text(sample: str) -> str:
    return expected(sample)["results.csv"].decode()


def _difference(name: str, wanted: bytes, got: bytes) -> str:
    before, after = (content.decode("latin-1").splitlines(keepends=True) for content in (wanted, got))
    return "".join(difflib.unified_diff(before, after, f"expected/{name}", f"found/{name}"))
