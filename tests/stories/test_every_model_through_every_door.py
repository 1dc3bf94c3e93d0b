"""Whatever the model and the door: the API ends up holding what the file says, and every record has its result."""

from __future__ import annotations

import pytest

from tests.stories.files import MODELS, Sample, held_by, said_by
from tests.stories.merchant import Merchant, Said

every_model = pytest.mark.parametrize("sample", MODELS.values(), ids=MODELS)


def assert_loaded(merchant: Merchant, said: Said, sample: Sample) -> None:
    assert said.exit_status == 0
    assert said.state == "loaded"
    assert said.outcomes() == {"created": len(sample.rows())}
    assert held_by(merchant.api.snapshot()) == said_by(sample)
    assert_results(merchant, said, sample, outcome="created")


def assert_results(merchant: Merchant, said: Said, sample: Sample, *, outcome: str) -> None:
    """One row per record in input order, with its own ids; and totals that add up."""
    results = merchant.results(said)
    rows = sample.rows()
    assert [row["record"] for row in results] == [str(number + 1) for number in range(len(rows))]
    held = {
        kind: {reference: entity["id"] for reference, entity in merchant.held(f"{kind}s").items()}
        for kind in ("customer", "account", "bill")
    }
    for result, row in zip(results, rows, strict=True):
        assert result["outcome"] == outcome
        assert int(result["amount_minor"]) == sample.minor(row)
        assert result["currency"] == row["currency"]
        for kind, ids in held.items():
            reference = row.get(f"{kind}_reference") or ""
            assert result[f"{kind}_reference"] == reference
            assert result[f"{kind}_id"] == (ids.get(reference, "") if outcome == "created" else "")
    for currency, breakdown in said.file["amounts_minor"].items():
        stated = sum(sample.minor(row) for row in rows if row["currency"] == currency)
        assert breakdown["total"] == breakdown[outcome] == stated


@every_model
def test_a_file_on_the_sftp_server_is_loaded_archived_and_reported_there(
    sftp_merchant: Merchant, sample: Sample
) -> None:
    sftp_merchant.write(sample.name, sample.text, sftp_merchant.incoming)
    said = sftp_merchant.run()
    assert_loaded(sftp_merchant, said, sample)
    assert sftp_merchant.names_in("sftp/incoming") == []
    (archived,) = sftp_merchant.names_in("sftp/archive")
    assert (sftp_merchant.folder / "sftp" / "archive" / archived).read_text() == sample.text
    report = sftp_merchant.report(said.file)
    uploaded = sftp_merchant.folder / "sftp" / "reports" / report.name
    assert sorted(path.name for path in uploaded.iterdir()) == ["results.csv", "summary.json"]
    for path in uploaded.iterdir():
        assert path.read_bytes() == (report / path.name).read_bytes()


@every_model
def test_a_file_in_the_drop_folder_is_loaded_and_archived(merchant: Merchant, sample: Sample) -> None:
    merchant.write(sample.name, sample.text, merchant.drop)
    said = merchant.run()
    assert_loaded(merchant, said, sample)
    assert merchant.names_in("drop") == []
    (archived,) = merchant.names_in("archive")
    assert (merchant.folder / "archive" / archived).read_text() == sample.text


@every_model
def test_a_named_file_is_loaded_and_left_where_it_is(merchant: Merchant, sample: Sample) -> None:
    path = merchant.write(sample.name, sample.text)
    said = merchant.load(path)
    assert_loaded(merchant, said, sample)
    assert path.read_text() == sample.text


@every_model
def test_a_dry_run_only_reports(merchant: Merchant, sample: Sample) -> None:
    first = merchant.write("za_bills_2029-12-01.csv", MODELS["bill"].text)
    merchant.load(first)
    asked = len(merchant.api.snapshot()["requests"])
    path = merchant.write(sample.name, sample.text.replace("C-", "D-").replace("A-", "E-"), merchant.drop)
    before = merchant.tree()
    for said in (merchant.run("--dry-run"), merchant.load(path, "--dry-run")):
        assert said.exit_status == 0
        assert said.state == "validated"
        assert said.outcomes() == {"not_attempted": len(sample.rows())}
        assert len(merchant.results(said)) == len(sample.rows())
        after = merchant.tree()
        new = {name for name in after if not name.startswith("var/reports/dry-run/")}
        assert {name: after[name] for name in new} == before
    assert len(merchant.api.snapshot()["requests"]) == asked


def test_a_dry_run_leaves_the_sftp_server_as_it_is(sftp_merchant: Merchant) -> None:
    sample = MODELS["bill"]
    sftp_merchant.write(sample.name, sample.text, sftp_merchant.incoming)
    said = sftp_merchant.run("--dry-run")
    assert said.exit_status == 0
    assert_results(sftp_merchant, said, sample, outcome="not_attempted")
    assert sftp_merchant.names_in("sftp/incoming") == [sample.name]
    assert sftp_merchant.names_in("sftp/reports") == sftp_merchant.names_in("sftp/archive") == []
    assert not said.requests
    assert not list((sftp_merchant.folder / "var").glob("ledger*"))
