"""Two files of one name whose SHA-256 begin alike: each keeps its reports, and no name silently means one of them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
from pathlib import Path

import pytest

from pipeline.cli import run_command
from tests.stories.files import bills
from tests.stories.merchant import Merchant, Said

NAME = "x_bills_2030-01-01.csv"


def content(number: int) -> str:
    """One good record and one that is rejected."""
    return bills(f"C{number},A{number},B{number},1.00", f"C{number},A{number},X{number},1.005")


@pytest.fixture(scope="module")
def twins() -> tuple[str, str]:
    """Found by looking: among some hundred thousand files two have the same first 32 bits."""
    seen: dict[str, int] = {}
    for number in range(10**6):
        digits = hashlib.sha256(content(number).encode()).hexdigest()[:8]
        if digits in seen:
            return content(seen[digits]), content(number)
        seen[digits] = number
    raise AssertionError("two of a million files should begin alike")


def load(merchant: Merchant, text: str, *words: str) -> Said:
    return merchant.load(merchant.write(NAME, text), *words)


def folders(merchant: Merchant) -> dict[str, str]:
    """Report folder → the bill that its results name first."""
    reports = (merchant.folder / "var" / "reports").glob(f"{NAME}.*/results.csv")
    return {path.parent.name: path.read_text().splitlines()[1].split(",")[5] for path in reports}


def command(merchant: Merchant, *words: str) -> tuple[int, str]:
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()):
        status = run_command([*words, "--config", str(merchant.folder / "config.yaml")])
    return status, err.getvalue()


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def bill(text: str) -> str:
    return text.splitlines()[1].split(",")[2]


def test_the_second_file_does_not_replace_the_reports_of_the_first(
    merchant: Merchant, twins: tuple[str, str]
) -> None:
    for text in twins:
        assert load(merchant, text).exit_status == 1
    short, whole = f"{NAME}.{sha256(twins[0])[:8]}", f"{NAME}.{sha256(twins[1])}"
    both = {short: bill(twins[0]), whole: bill(twins[1])}
    assert folders(merchant) == both
    index = (merchant.folder / "var" / "reports" / "index.html").read_text()
    assert f"./{short}/report.html" in index
    assert f"./{whole}/report.html" in index
    for text in twins:  # loaded again, or written again, each finds its own
        load(merchant, text, "--force")
        assert command(merchant, "report", sha256(text))[0] in {0, 1}
    assert folders(merchant) == both
    rejects = (merchant.folder / "var" / "reports" / whole / "rejects.csv").read_text()
    assert whole in rejects, "reject_source names the file by all its digits"


def test_a_file_keeps_its_digits_also_when_the_first_ones_reports_are_forgotten(
    merchant: Merchant, twins: tuple[str, str]
) -> None:
    """On the SFTP server the first one's reports may still be."""
    load(merchant, twins[0])
    shutil.rmtree(merchant.folder / "var" / "reports")
    load(merchant, twins[1])
    assert folders(merchant) == {f"{NAME}.{sha256(twins[1])}": bill(twins[1])}
    assert command(merchant, "report", sha256(twins[0]))[0] in {0, 1}
    assert folders(merchant)[f"{NAME}.{sha256(twins[0])[:8]}"] == bill(twins[0])


def test_after_a_lost_ledger_the_folder_itself_says_whose_it_is(
    merchant: Merchant, twins: tuple[str, str]
) -> None:
    load(merchant, twins[0])
    merchant.lose_ledger()
    load(merchant, twins[1])
    both = {f"{NAME}.{sha256(twins[0])[:8]}": bill(twins[0]), f"{NAME}.{sha256(twins[1])}": bill(twins[1])}
    assert folders(merchant) == both
    assert command(merchant, "report", sha256(twins[1])[:8])[0] in {0, 1}
    assert folders(merchant) == both
    assert (
        f"./{NAME}.{sha256(twins[1])}/report.html"
        in (merchant.folder / "var" / "reports" / "index.html").read_text()
    )


def test_digits_that_fit_both_are_refused_and_longer_ones_are_named(
    merchant: Merchant, twins: tuple[str, str]
) -> None:
    for text in twins:
        load(merchant, text)
    status, said = command(merchant, "report", sha256(twins[0])[:8])
    assert status == 2
    assert "fits 2 files" in said
    remedy = said.rpartition("by its digits: ")[2].strip().split(", ")
    assert len(set(remedy)) == 2
    for digits, text in zip(remedy, twins, strict=True):
        assert sha256(text).startswith(digits)
        assert command(merchant, "report", digits)[0] in {0, 1}


def test_a_correction_that_could_be_of_either_file_is_refused_and_one_that_names_it_whole_is_loaded(
    merchant: Merchant, twins: tuple[str, str]
) -> None:
    load(merchant, twins[0])
    rejects = merchant.folder / "var" / "reports" / f"{NAME}.{sha256(twins[0])[:8]}" / "rejects.csv"
    corrected = Path(shutil.copy(rejects, merchant.folder / "out" / "corrected.csv"))
    corrected.write_text(corrected.read_text().replace("1.005", "1.01"))
    load(merchant, twins[1])
    said = merchant.load(corrected)
    assert (said.exit_status, said.state) == (1, "refused")
    assert "reject_source names 2 files" in said.stderr
    assert sha256(twins[0]) in said.stderr
    short = f"{NAME}.{sha256(twins[0])[:8]}"
    corrected.write_text(corrected.read_text().replace(short, f"{NAME}.{sha256(twins[0])}"))
    said = merchant.load(corrected)
    assert said.outcomes() == {"created": 1}, said.stderr
