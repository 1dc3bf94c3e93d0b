"""Whatever happens between an original and its corrections, each record is open, loaded or written off once."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from pipeline.edge.config import load_config
from pipeline.monitoring.daily_digest import digest
from pipeline.report.html import index_page
from pipeline.sandbox.faults import NoFaults, Scripted, status
from tests.clocked import load_at
from tests.stories.merchant import Json, Merchant, Row
from tests.stories.test_chains import HEADER, NAME, ORIGINAL, RIGHT, correct, corrected, load_original, world
from tests.stories.test_corrected_rejects import written
from tests.stories.test_line_items import ROWS, file, shop
from tests.stories.test_retention import let_pass
from tests.stories.test_write_offs import page_of, write_off
from tests.stories.views import agreed, views

__all__ = ["shop", "world"]
ALL = (5, {"USD": 6000, "ZAR": 5001}, 2)
"""What the original leaves open."""
FINE = HEADER + "C-1,Good,,A-1,B-1,ZAR,10.00\n"
UNREADABLE = "what,ever\n1,2\n"


def bills_feed(merchant: Merchant) -> Json:
    (found,) = [each for each in merchant.settings["feeds"] if each["name"] == "bills"]
    return dict(found)


def set_feed(merchant: Merchant, **facts: object) -> None:
    merchant.settings["feeds"] = [bills_feed(merchant) | facts]


def without_amount(rows: list[Row], **values: str) -> list[Row]:
    """The rejects with the bill whose amount cannot be read over 0.00; B-2 is corrected to `values`."""
    changed = {"B-4": {"amount_due": "0.00"}, "B-2": values}
    return [row | changed.get(row["bill_reference"], {}) for row in rows]


def test_a_record_that_two_corrections_hold_is_loaded_once_in_every_view(world: Merchant) -> None:
    first = load_original(world)
    for name in ("mended.csv", "same.csv"):
        correct(world, first, "B-2", name=name)
    again = correct(world, first, "B-2", "B-3", name="again.csv")
    assert again.outcomes() == {"unchanged": 1, "created": 1, "rejected": 3}
    found = agreed(world)
    assert found.open == (3, {"USD": 6000}, 2)
    assert found.loaded == {"ZAR": 6001}
    settings = load_config(world.config).settings
    told = digest(settings, datetime(2020, 1, 1, tzinfo=UTC), datetime.now(UTC))
    assert told is not None
    assert {name: minor for name, minor in told["loaded"]["amounts_minor"].items() if minor} == found.loaded


def test_a_bill_of_several_lines_stays_open_until_a_correction_holds_all_of_them(shop: Merchant) -> None:
    first = shop.load(shop.write(NAME, file(*(row.replace("-1.25,d", "1.25O,d") for row in ROWS))))
    mended = [
        row | {"amount_due": row["amount_due"].replace("1.25O", "-1.25")} for row in shop.rejects(first)
    ]
    second = shop.load(shop.write("some.csv", written(mended[1:])))
    assert second.outcomes() == {"rejected": 2}
    assert agreed(shop).open == (3, {"ZAR": 2000}, 1)
    write_off(shop, mended[0]["reject_record"])
    assert agreed(shop).open == (2, {"ZAR": 1000}, 1)
    assert shop.load(shop.write("all.csv", written(mended))).state == "held"
    assert shop.release("all.csv", "--now").outcomes() == {"created": 3}
    found = agreed(shop)
    assert (found.open, found.loaded) == ((0, {}, 0), {"ZAR": 3125})


def test_what_a_correction_leaves_out_is_closed_and_may_still_be_loaded(world: Merchant) -> None:
    set_feed(world, nothing_due="skip")
    first = load_original(world)
    write_off(world, "4")
    second = world.load(world.write("zero.csv", written(without_amount(world.rejects(first)))))
    assert second.outcomes() == {"skipped": 1, "rejected": 4}
    assert agreed(world).open == (4, {"USD": 6000, "ZAR": 5001}, 1)
    assert "1 of these was taken up again since" in page_of(world, first)
    correct(world, first, "B-4", name="after-all.csv")
    world.release("after-all.csv", "--now")
    found = agreed(world)
    assert (found.open, found.loaded) == ((4, {"USD": 6000, "ZAR": 5001}, 1), {"ZAR": 5000})


def test_a_correction_that_a_person_refuses_leaves_nothing_out(world: Merchant) -> None:
    set_feed(world, nothing_due="skip")
    rows = without_amount(world.rejects(load_original(world)), **RIGHT["B-2"], amount_due="21.00")
    assert world.load(world.write("zero.csv", written(rows))).state == "held"
    assert agreed(world).open == ALL
    assert world.refuse("zero.csv", "--why", "not ours").state == "refused"
    assert agreed(world).open == ALL


def test_a_correction_before_its_original_is_released_closes_nothing_until_it_is_sent_again(
    world: Merchant,
) -> None:
    set_feed(world, release="always")
    first = load_original(world)
    path = world.write("mended.csv", corrected(world.rejects(first), "B-2", "B-3"))
    assert world.load(path).state == "refused"
    assert agreed(world).open == ALL
    world.release(NAME, "--now")
    assert agreed(world).loaded == {"ZAR": 1000}
    assert world.load(path).state == "held"
    assert agreed(world).open == ALL
    world.release("mended.csv", "--now")
    found = agreed(world)
    assert (found.open, found.loaded) == ((3, {"USD": 6000}, 2), {"ZAR": 6001})


def test_what_a_person_refuses_is_closed_and_its_page_says_so(world: Merchant) -> None:
    set_feed(world, release="always")
    first = load_original(world)
    correct(world, first, "B-2")
    said = world.refuse(NAME, "--why", "not ours")
    assert agreed(world).open == (0, {}, 0)
    assert said.file["chain"]["open"]["records"] == 0
    page = page_of(world, first)
    assert 'class="verdict good"' in page
    assert "There is nothing to do." in page


def test_what_was_written_off_of_a_refused_file_is_open_again_once_it_is_loaded(world: Merchant) -> None:
    world.settings["limits"]["max_reject_ratio"] = 0.1
    first = load_original(world)
    assert agreed(world).open == (6, {"USD": 6000, "ZAR": 6001}, 2)
    write_off(world, "all")
    assert agreed(world).open == (0, {}, 0)
    world.settings["limits"]["max_reject_ratio"] = 1.0
    second = world.load(world.folder / "out" / NAME)
    assert second.file["chain"]["open"]["records"] == 5
    assert agreed(world).open == ALL
    assert 'class="verdict attention"' in page_of(world, first)
    assert "6 of these were taken up again since" in page_of(world, first)


@pytest.mark.parametrize("content", [ORIGINAL, UNREADABLE], ids=["with records", "unreadable"])
def test_a_refused_file_is_closed_in_every_view_by_a_later_one_of_its_name(
    world: Merchant, content: str
) -> None:
    world.settings["limits"]["max_reject_ratio"] = 0.1
    world.write_config()
    october, november = (datetime(2026, month, 3, tzinfo=UTC) for month in (10, 11))
    (first,) = load_at(october, world.config, world.write(NAME, content)).result.files
    page = world.report(first.model_dump(mode="json")) / "report.html"
    assert 'class="verdict stop"' in page.read_text()
    assert [file["is_open"] for file in world.status()["files"]] == [True]
    overview = world.work_dir / "reports" / "index.html"
    assert re.search(
        r"Have 1 refused file (\([0-9]+ records?\) )?put right and sent again", overview.read_text()
    )
    load_at(november, world.config, world.write(NAME, FINE))
    assert agreed(world).open == (0, {}, 0)
    assert [file["is_open"] for file in world.status()["files"]] == [False, False]
    assert "All is well." in overview.read_text()
    assert "refused file" not in overview.read_text()
    assert 'class="verdict good"' in page.read_text()
    assert "A later file of the same name was loaded" in page.read_text()


def test_a_correction_supersedes_nothing_whatever_it_is_called(world: Merchant) -> None:
    first = load_original(world)
    world.load(world.write(NAME, UNREADABLE))
    correct(world, first, "B-2", name=NAME)
    states = {(file["state"], file["is_open"]) for file in world.status()["files"]}
    assert states == {("loaded_with_rejects", True), ("refused", True), ("loaded_with_rejects", False)}
    agreed(world)


def test_a_refused_file_of_which_no_record_is_known_is_open_until_it_is_written_off(world: Merchant) -> None:
    first = world.load(world.write(NAME, UNREADABLE))
    told = world.command("status", "--open").stdout
    assert "OPEN: 1 file; correct or write them off" in told
    assert "no record could be read" in told
    said = write_off(world, "all")
    assert said.exit_status == 0
    assert "since then: written off" in said.stderr
    assert NAME not in world.command("status", "--open").stdout
    assert 'class="verdict good"' in page_of(world, first)
    assert "All is well." in (world.work_dir / "reports" / "index.html").read_text()
    assert "nothing of x_bills_2030-01-01.csv is open" in write_off(world, "all").stderr


def test_corrections_come_when_copies_and_outcomes_are_gone(world: Merchant) -> None:
    keep = {"landing_days": 30, "reports_days": 4000, "outcomes_days": 4000}
    world.settings["retention"] = keep
    first = load_original(world)
    rejects = world.rejects(first)
    let_pass(world, 31)
    world.run()
    assert not list((world.work_dir / "landing").glob("*"))
    second = correct(world, first, "B-2", "B-3")
    assert agreed(world).open == (3, {"USD": 6000}, 2)
    world.settings["retention"] = keep | {"outcomes_days": 30}
    let_pass(world, 31)
    world.run()
    third = correct(world, second, "B-4", name="third.csv")
    assert third.outcomes() == {"created": 1, "rejected": 2}
    again = world.load(world.write("again.csv", corrected(rejects, "B-2", "B-3", "B-6")))
    assert again.outcomes() == {"unchanged": 2, "created": 1, "rejected": 2}
    for name, view in views(world).items():
        assert view.open in (None, (1, {}, 1)), name
        assert name == "export" or view.loaded in (None, {"USD": 6000, "ZAR": 10001}), name


def test_a_customer_that_is_forgotten_in_between_is_still_counted(world: Merchant) -> None:
    first = load_original(world)
    rejects = world.rejects(first)
    world.command("forget", "C-2")
    assert agreed(world).open == ALL
    second = world.load(world.write("mended.csv", corrected(rejects, "B-2", "B-3")))
    assert second.outcomes() == {"created": 2, "rejected": 3}
    world.command("forget", "C-3")
    correct(world, second, "B-4", name="third.csv")
    world.rewrite(NAME)
    found = agreed(world)
    assert (found.open, found.loaded) == ((2, {"USD": 6000}, 1), {"ZAR": 10001})
    write_off(world, "all")
    assert agreed(world).open == (0, {}, 0)


def test_a_retry_does_not_load_again_what_was_corrected_under_another_reference(world: Merchant) -> None:
    named = b'"external_reference":"B-1"'
    world.api.faults = Scripted(
        {lambda request: request.method == "POST" and named in request.body: status(400)}
    )
    rows = world.rejects(load_original(world))
    rows[0] |= {"bill_reference": "B-91"}
    assert world.load(world.write("mended.csv", written(rows))).state == "held"
    world.release("mended.csv", "--now", "--accept-changes")
    assert agreed(world).open == ALL
    world.api.faults = NoFaults()
    world.command("retry", "all")
    assert sorted(world.held("bills")) == ["B-91"]
    for file_name in (NAME, "mended.csv"):
        world.rewrite(file_name)
    found = agreed(world)
    assert (found.open, found.loaded) == (ALL, {"ZAR": 1000})


def test_what_is_open_stays_on_the_overview_however_many_files_come_after_it(
    world: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_page, "MAX_FILES_ON_PAGE", 2)
    load_original(world)
    world.load(
        *(world.write(f"{number}_bills_2030-01-01.csv", FINE) for number in range(2)),
        world.write("2_bills_2030-01-02.csv", FINE.replace("B-1", "B-9")),
    )
    page = (world.work_dir / "reports" / "index.html").read_text()
    assert "Correct or write off 5 records of 1 file, listed first below." in page
    assert "Still to correct: USD 60.00, ZAR 50.01, 2 amounts unknown" in re.sub("<[^>]*>", "", page)
    assert f">{NAME}<" in page
    assert page.count("<tr data-state") == 2
