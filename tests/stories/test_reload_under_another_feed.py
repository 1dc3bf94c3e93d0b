"""A file that is loaded again under a changed feed: no record of it gets a second bill under another reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories.balance_files import backed_up, restore
from tests.stories.merchant import Merchant, Said
from tests.stories.test_restored_ledger import BAD_EMAIL, BAD_REFERENCE, HEADER, corrected, holds, original

PERHAPS, CHANGED = "correction.perhaps_made", "file.references_changed"


def read_as(merchant: Merchant, **keys: object) -> None:
    """The feed is changed."""
    merchant.settings["feeds"][0] |= keys


def bills(merchant: Merchant) -> list[str]:
    return sorted(merchant.held("bills"))


def assert_held(said: Said, *codes: str) -> None:
    assert (said.exit_status, said.state, holds(said)) == (1, "held", list(codes))
    assert said.requests.total() == 0


# -- what was loaded -----------------------------------------------------------------------------------------------


@pytest.fixture
def renamed(merchant: Merchant) -> Path:
    """A file of which a record was loaded as B-2, and whose feed makes it B_2 now."""
    path = original(merchant, BAD_REFERENCE)
    read_as(merchant, reference_replace={" ": "-"})
    assert merchant.load(path).outcomes() == {"created": 2}
    read_as(merchant, reference_replace={" ": "_"})
    return path


def test_a_record_is_not_billed_again_under_the_reference_that_a_changed_feed_gives_it(
    merchant: Merchant, renamed: Path
) -> None:
    assert "file.references_changed" in str(merchant.load(renamed, "--force", "--dry-run").stderr)
    for _ in range(2):
        said = merchant.load(renamed, "--force")
        assert_held(said, CHANGED)
        assert "line 3, bill_reference: B-2 → B_2" in str(said.file)
    assert merchant.release(renamed.name).exit_status == 2, "a person must have looked"
    assert bills(merchant) == ["B-1", "B-2"]
    read_as(merchant, reference_replace={" ": "-"})
    assert merchant.load(renamed, "--force").outcomes() == {"unchanged": 2}


def test_a_person_may_have_them_billed_again(merchant: Merchant, renamed: Path) -> None:
    merchant.load(renamed, "--force")
    assert merchant.release(renamed.name, "--accept-changes", "--now").outcomes() == {
        "created": 1,
        "unchanged": 1,
    }
    assert merchant.load(renamed, "--force").outcomes() == {"unchanged": 2}, "that reference is known by now"
    assert bills(merchant) == ["B-1", "B-2", "B_2"]


def test_a_correction_is_not_billed_again_under_another_reference_either(merchant: Merchant) -> None:
    rows = merchant.rejects(merchant.load(original(merchant, "C-2,,,B#2,20.00")))
    read_as(merchant, reference_replace={"#": "-"})
    assert corrected(merchant, rows, "mended.csv").outcomes() == {"created": 1}
    read_as(merchant, reference_replace={"#": "_"})
    assert_held(merchant.load(merchant.folder / "out/mended.csv", "--force"), CHANGED)
    assert bills(merchant) == ["B-1", "B-2"]


def test_a_feed_that_changes_no_reference_holds_nothing(merchant: Merchant) -> None:
    path = original(merchant, "C-2,,,B-2,20.00", '"C-3",,,B-3,"1,000.00"')
    assert merchant.load(path).outcomes() == {"created": 2, "rejected": 1}
    read_as(merchant, amount={"unit": "major", "thousands": ","})
    assert merchant.load(path, "--force").outcomes() == {"unchanged": 2, "created": 1}


def test_records_that_are_numbered_otherwise_are_the_same_bills(merchant: Merchant) -> None:
    """A blank line before them counts as a record no more."""
    path = original(merchant, "C-2,,,B-2,20.00")
    path.write_text(path.read_text().replace("\n", "\n\n", 1))
    assert merchant.load(path).outcomes() == {"rejected": 1, "created": 2}
    read_as(merchant, blank_records="skip")
    assert merchant.load(path, "--force").outcomes() == {"unchanged": 2}


# -- what a restored ledger may not know ---------------------------------------------------------------------------


def corrected_after_a_copy(merchant: Merchant, rejected: str, reference: str) -> Path:
    """An original, one record of which was corrected after the copy was made that is restored now."""
    path = original(merchant, rejected)
    rows = merchant.rejects(merchant.load(path))
    copy = backed_up(merchant)
    right = {"bill_reference": reference, "customer_email": "john@example.com"}
    assert corrected(merchant, rows, "first.csv", **right).outcomes() == {"created": 1}
    restore(merchant, copy)
    return path


def test_a_record_corrected_before_a_restore_is_not_billed_again_by_its_original(merchant: Merchant) -> None:
    path = corrected_after_a_copy(merchant, BAD_REFERENCE, "B-2")
    read_as(merchant, reference_replace={" ": "_"})
    dry = merchant.load(path, "--force", "--dry-run")
    assert (dry.exit_status, PERHAPS in dry.stderr) == (1, True), "also before a run has seen the copy"
    for words in (("--force",), (), ("--force",)):
        said = merchant.load(path, *words)
        assert_held(said, PERHAPS)
        assert "line 3, bill_reference: B 2 → B_2" in str(said.file)
    assert merchant.release(path.name).exit_status == 2, "a person must have looked"
    assert bills(merchant) == ["B-1", "B-2"]
    assert merchant.release(path.name, "--accept-changes", "--now").outcomes() == {
        "created": 1,
        "unchanged": 1,
    }


def test_it_is_held_still_when_a_feed_in_between_refused_the_file(merchant: Merchant) -> None:
    path = corrected_after_a_copy(merchant, BAD_REFERENCE, "B-2")
    read_as(merchant, on_reject="refuse_file")
    assert merchant.load(path, "--force").state == "refused"
    read_as(merchant, reference_replace={" ": "_"})
    assert_held(merchant.load(path, "--force"), PERHAPS)


def test_a_record_whose_reference_was_right_is_found_at_the_api(merchant: Merchant) -> None:
    path = corrected_after_a_copy(merchant, BAD_EMAIL, "B-2")
    columns = [name for name in HEADER.split(",") if name != "customer_email"]
    read_as(merchant, columns={name: name for name in columns})
    said = merchant.load(path, "--force")
    assert (said.state, said.outcomes()) == ("loaded", {"unchanged": 2})
    assert bills(merchant) == ["B-1", "B-2"]


def test_a_file_that_was_not_finished_in_the_copy_is_not_resumed_under_another_feed(
    merchant: Merchant,
) -> None:
    path = original(merchant, BAD_REFERENCE)
    merchant.write(path.name, path.read_bytes(), merchant.drop)
    read_as(merchant, reference_replace={" ": "-"})
    merchant.api.stop()
    assert merchant.run().state == "unfinished"
    copy = backed_up(merchant)
    merchant.api.start()
    assert merchant.run().outcomes() == {"created": 2}
    restore(merchant, copy)
    read_as(merchant, reference_replace={" ": "_"})
    assert CHANGED in merchant.load(path, "--dry-run").stderr
    for _ in range(2):
        assert_held(merchant.run(), CHANGED)
    read_as(merchant, reference_replace={" ": "-"})
    assert merchant.run().outcomes() == {"unchanged": 2}
    assert bills(merchant) == ["B-1", "B-2"]
