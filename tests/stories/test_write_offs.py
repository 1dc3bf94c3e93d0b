"""What will never come is written off: the file is green, and a correction of it afterwards waits for a person."""

from __future__ import annotations

import pytest

from pipeline.run import chain_reports
from tests.stories.merchant import Merchant, Said
from tests.stories.test_chains import (
    NAME,
    ORIGINAL,
    chain_of,
    chains_of,
    correct,
    load_original,
    money,
    summary_of,
    world,
)

__all__ = ["world"]
WHY = "the customers have left"


def write_off(merchant: Merchant, records: str, *, file: str = NAME, why: str = WHY) -> Said:
    return merchant.json_command("write-off", file, "--records", records, "--why", why)


def page_of(merchant: Merchant, said: Said) -> str:
    return (merchant.report(said.file) / "report.html").read_text()


def test_records_written_off_are_closed_and_the_report_says_by_whom_and_why(world: Merchant) -> None:
    first = load_original(world)
    said = write_off(world, "2,4-5")
    assert said.exit_status == 0
    chain = chain_of(world)
    assert money(chain.written_off) == (3, {"ZAR": 2000}, 2)
    assert money(chain.open) == (2, {"USD": 6000, "ZAR": 3001}, 0)
    assert money(chain.by_outcome["rejected"]) == (5, {"USD": 6000, "ZAR": 5001}, 2)
    facts = summary_of(world, first)["chain"]
    assert facts == said.file["chain"]
    assert facts["written_off"] == {"records": 3, "amounts_minor": {"ZAR": 2000}, "amount_unreadable": 2}
    (off,) = facts["write_offs"]
    assert (off["records"], off["why"]) == (3, WHY)
    assert WHY in page_of(world, first)
    assert 'class="verdict attention"' in page_of(world, first)


def test_a_file_whose_rejects_are_corrected_or_written_off_is_green(world: Merchant) -> None:
    first = load_original(world)
    correct(world, first, "B-2", "B-4")
    write_off(world, "all")
    assert chain_of(world).is_closed
    page = page_of(world, first)
    assert 'class="verdict good"' in page
    assert "All 6 records are settled: 1 loaded, 2 corrected since, 3 written off." in page
    assert summary_of(world, first)["state"] == "loaded_with_rejects", "what the file came to stays"


def test_a_correction_of_what_was_written_off_waits_for_a_person(world: Merchant) -> None:
    first = load_original(world)
    write_off(world, "2")
    second = correct(world, first, "B-2", "B-3")
    assert second.state == "held"
    assert [hold["code"] for hold in second.file["holds"]] == ["correction.written_off"]
    assert sorted(world.held("bills")) == ["B-1"]
    third = world.release("mended.csv", "--now")
    assert third.outcomes() == {"created": 2, "rejected": 3}
    chain = chain_of(world)
    assert money(chain.written_off) == (0, {}, 0), "what the API holds is not written off"
    assert money(chain.open) == (3, {"USD": 6000}, 2)


@pytest.mark.parametrize(
    ("records", "says"),
    [
        ("1", "record 1 of x_bills_2030-01-01.csv is not open: not among its rejects"),
        ("2", "not open: loaded by a correction"),
        ("3", "not open: already written off"),
        ("5-900000000", "record 7 of x_bills_2030-01-01.csv is not open"),
        ("0", "is not a list of record numbers"),
        ("4-2", "is not a list of record numbers"),
        ("four", "is not a list of record numbers"),
    ],
)
def test_what_is_not_open_is_not_written_off(world: Merchant, records: str, says: str) -> None:
    first = load_original(world)
    correct(world, first, "B-2")
    write_off(world, "3")
    said = write_off(world, records)
    assert said.exit_status == 2
    assert says in said.stderr
    assert money(chain_of(world).open)[0] == 3


def test_a_file_that_is_unknown_or_a_correction_or_closed_is_told(world: Merchant) -> None:
    first = load_original(world)
    correct(world, first, "B-2")
    for file, why, says in (
        ("nothing.csv", WHY, "the ledger knows no file nothing.csv"),
        ("mended.csv", WHY, f"mended.csv is a correction of {NAME}"),
        (NAME, " ", "--why is empty"),
    ):
        said = write_off(world, "all", file=file, why=why)
        assert (said.exit_status, says in said.stderr) == (2, True), said.stderr
    assert write_off(world, "all").exit_status == 0
    assert "nothing of x_bills_2030-01-01.csv is open" in write_off(world, "all").stderr
    world.load(world.write(NAME, ORIGINAL + "C-9,Other,,A-9,B-9,ZAR,1.00\n"))
    assert f"{NAME} fits 2 files" in write_off(world, "all").stderr


def test_a_refused_file_is_open_as_a_whole_until_it_is_written_off(world: Merchant) -> None:
    world.settings["limits"]["max_reject_ratio"] = 0.1
    first = load_original(world)
    assert first.state == "refused"
    assert money(chain_of(world).open) == (6, {"USD": 6000, "ZAR": 6001}, 2)
    assert "cannot be written off one by one" in write_off(world, "2").stderr
    write_off(world, "all")
    assert chain_of(world).is_closed
    assert 'class="verdict good"' in page_of(world, first)
    assert world.load(world.folder / "out" / NAME).state == "refused", "checked again"
    assert chain_of(world).is_closed
    world.settings["limits"]["max_reject_ratio"] = 1.0
    assert world.load(world.folder / "out" / NAME).state == "loaded_with_rejects"
    assert money(chain_of(world).open)[0] == 5, "other records than were written off then"


def test_a_refused_file_is_closed_by_a_later_file_of_the_same_dated_name(world: Merchant) -> None:
    world.settings["limits"]["max_reject_ratio"] = 0.1
    load_original(world)
    head, good, *_ = ORIGINAL.splitlines(keepends=True)
    world.load(world.write(NAME, head + good))
    assert [(chain.open.records, chain.original.state) for chain in chains_of(world)] == [
        (0, "refused"),
        (0, "loaded"),
    ]


def test_the_report_is_renewed_by_the_next_run_where_a_kill_came_between(
    world: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_original(world)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(chain_reports, "renew_report", killed)
        assert world.command("write-off", NAME, "--records", "all", "--why", WHY).exit_status == 130
    assert summary_of(world, first)["chain"]["open"]["records"] == 5
    world.run()
    assert summary_of(world, first)["chain"]["open"]["records"] == 0
    assert 'class="verdict good"' in page_of(world, first)
    assert world.ledger("SELECT count(*) FROM renewals") == [(0,)]


def test_the_renewed_report_goes_back_to_the_sftp_server(sftp_merchant: Merchant) -> None:
    (bills,) = [each for each in sftp_merchant.settings["feeds"] if each["name"] == "bills"]
    del bills["currency"]
    sftp_merchant.write(NAME, ORIGINAL, sftp_merchant.incoming)
    first = sftp_merchant.run()
    assert first.exit_status == 1
    (there,) = sftp_merchant.incoming.parent.glob("reports/*/summary.json")
    before = there.read_bytes()
    write_off(sftp_merchant, "all")
    assert there.read_bytes() != before
    assert there.read_bytes() == (sftp_merchant.report(first.file) / "summary.json").read_bytes()
