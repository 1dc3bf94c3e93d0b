"""The samples give what stands beside them, to the byte; and every code of the catalogue is met in them."""

from __future__ import annotations

import csv
import difflib
import io
import zipfile

import pytest

from pipeline.core.rules.catalogue import RULES
from pipeline.core.rules.examples import EXAMPLES
from pipeline.core.rules.stories import Story
from tests.golden.regenerate import BUILT, EXPECTED, SAMPLES, expected, load_all, samples

NAMES = [path.name for path in samples()]

NO_FEED_FOR_IT = {
    *("amount_due.other_currency", "balance.other_currency", "column.sa_id"),
    *("amount_due.sign", "balance.sign"),
    *("line_items.differ", "line_items.identical"),
    "payments_included_until.format",
}
"""Codes that no feed of config.yaml can give, or no sample of it gets; their examples are in `core/examples.py`."""


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


@pytest.mark.parametrize("name", BUILT)
def test_a_workbook_is_the_one_that_is_built_here(name: str) -> None:
    """By what is inside: another zlib packs it into other bytes."""
    assert _parts((SAMPLES / name).read_bytes()) == _parts(BUILT[name]())


def _parts(workbook: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


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
    stories = {code for code, example in EXAMPLES.items() if isinstance(example, Story)}
    whole_files = {code for code in RULES if code.startswith("file.")}
    from_rejects = {"record.reject_source", "record.reject_record"}
    assert met == RULES.keys() - stories - whole_files - from_rejects - NO_FEED_FOR_IT


def _text(sample: str) -> str:
    return expected(sample)["results.csv"].decode()


def _difference(name: str, wanted: bytes, got: bytes) -> str:
    before, after = (content.decode("latin-1").splitlines(keepends=True) for content in (wanted, got))
    return "".join(difflib.unified_diff(before, after, f"expected/{name}", f"found/{name}"))
