"""A zip of several bill files: each is a file of its own, and the zip moves once all of them have come to their end."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import zipfile
from pathlib import Path

import pytest

from tests.check.workbooks import row, sheet, workbook, zipped
from tests.stories.files import bills
from tests.stories.killed_at_a_commit import KILLED, killed_at_a_commit
from tests.stories.merchant import Merchant, Said
from tests.world import feed

NAME = "june.zip"
NORTH, SOUTH = bills("C-1,A-1,B-1,10.00"), bills("C-2,A-2,B-2,20.00", "C-3,A-3,B-3,30.00")
BALANCES = "customer_reference,account_reference,currency,balance\nC-9,A-9,ZAR,500\n"
BAD = bills("C-4,A-4,B/4,40.00")
ZIP = zipped({"north.csv": NORTH, "south/x.csv": SOUTH})


@pytest.fixture(autouse=True)
def _with_a_feed_for_zips(merchant: Merchant) -> None:
    merchant.settings["feeds"].append(feed("packed", "bill", "*.zip", currency="ZAR"))


@pytest.fixture(params=["drop", "SFTP"])
def anywhere(merchant: Merchant, request: pytest.FixtureRequest) -> Merchant:
    return request.getfixturevalue("sftp_merchant") if request.param == "SFTP" else merchant


def inbox(merchant: Merchant) -> Path:
    return merchant.drop if merchant.sftp is None else merchant.incoming


def states(said: Said) -> dict[str, str]:
    return {each["file"]["name"]: each["state"] for each in said.files}


def test_each_file_in_it_is_loaded_by_itself_and_the_zip_is_archived(anywhere: Merchant) -> None:
    (inbox(anywhere) / NAME).write_bytes(ZIP)
    said = anywhere.run()
    assert said.exit_status == 0
    assert states(said) == {"june.zip!north.csv": "loaded", "june.zip!south%2Fx.csv": "loaded"}
    assert said.outcomes("june.zip!south%2Fx.csv") == {"created": 2}
    assert said.named("june.zip!north.csv")["file"]["sha256"] == hashlib.sha256(NORTH.encode()).hexdigest()
    folders = sorted(
        path.name.rpartition(".")[0] for path in anywhere.report(said.files[0]).parent.glob("june*")
    )
    assert folders == ["june.zip%21north.csv", "june.zip%21south%252Fx.csv"]
    assert set(anywhere.held("bills")) == {"B-1", "B-2", "B-3"}
    assert not list(inbox(anywhere).iterdir())
    archive = anywhere.folder / "archive" if anywhere.sftp is None else inbox(anywhere).parent / "archive"
    assert [path.name for path in archive.iterdir()] == [f"june.zip.{hashlib.sha256(ZIP).hexdigest()[:8]}"]
    if anywhere.sftp is not None:
        uploaded = {path.name[:14] for path in (inbox(anywhere).parent / "reports").iterdir()}
        assert len(uploaded) == 2
    assert anywhere.run().files == []


def test_a_file_is_of_the_feed_that_its_own_name_matches_else_of_the_archives(merchant: Merchant) -> None:
    inside = {
        "z_accounts_2026-06-01.csv": BALANCES,
        "north.csv": NORTH,
        "readme.md": "ignored by the config",
        "__MACOSX/._north.csv": "x",
        ".DS_Store": "x",
    }
    merchant.write(NAME, zipped(inside), merchant.drop)
    said = merchant.run()
    assert {each["file"]["name"]: each["file"]["feed"] for each in said.files} == {
        "june.zip!north.csv": "packed",
        "june.zip!z_accounts_2026-06-01.csv": "accounts",
    }
    assert {each["state"] for each in said.files} == {"loaded"}


@pytest.mark.parametrize("pad", [0, 2 << 20])
def test_a_zip_whose_own_name_fits_no_feed_is_taken_if_all_files_in_it_do(
    anywhere: Merchant, pad: int
) -> None:
    """Also where it is too large to be looked into before it is fetched."""
    anywhere.settings["feeds"].pop()
    long = NORTH + "".join(f"C-{n},A-{n},B-{n},{n}.00\n" for n in range(50, 50 + pad // 800))
    inside = {".DS_Store": "x", "a/x_bills_2026-06-01.csv": long, "a/readme.md": os.urandom(pad).hex()}
    inside["z_accounts_2026-06-01.csv"] = BALANCES
    (inbox(anywhere) / NAME).write_bytes(zipped(inside))
    (inbox(anywhere) / "one.zip").write_bytes(zipped({"y_bills_2026-06-02.csv": SOUTH}))
    (inbox(anywhere) / "other.zip").write_bytes(zipped({"x.csv": SOUTH}))
    (inbox(anywhere) / "some.zip").write_bytes(zipped({"v_bills_2026-06-02.csv": BAD, "x.csv": SOUTH}))
    said = anywhere.run()
    assert states(said) == {
        "june.zip!a%2Fx_bills_2026-06-01.csv": "loaded",
        "june.zip!z_accounts_2026-06-01.csv": "loaded",
        "one.zip!y_bills_2026-06-02.csv": "loaded",
        "other.zip": "unmatched",
        "some.zip": "unmatched",
    }
    assert "neither its name nor that of x.csv in it matches a feed" in str(said.named("some.zip"))
    assert sorted(path.name for path in inbox(anywhere).iterdir()) == ["other.zip", "some.zip"]


def test_a_file_that_is_held_keeps_the_zip_where_it_is_and_nothing_is_loaded_twice(
    merchant: Merchant, monkeypatch: pytest.MonkeyPatch
) -> None:
    merchant.settings["feeds"].append(
        feed("careful", "bill", "careful*.csv", currency="ZAR", release="always")
    )
    merchant.write(NAME, zipped({"north.csv": NORTH, "careful.csv": SOUTH}), merchant.drop)
    assert states(merchant.run()) == {"june.zip!careful.csv": "held", "june.zip!north.csv": "loaded"}
    assert merchant.names_in("drop") == [NAME]
    with monkeypatch.context() as unpacked_no_more:
        unpacked_no_more.delattr("pipeline.run.collect_stage.bill_files_of")
        again = merchant.run()
    assert states(again) == {"june.zip!careful.csv": "held"}
    assert merchant.names_in("drop") == [NAME]
    released = merchant.release("june.zip!careful.csv")
    assert released.exit_status == 0, released.stderr
    merchant.run()
    assert set(merchant.held("bills")) == {"B-1", "B-2", "B-3"}
    assert merchant.names_in("drop") == []
    assert len(merchant.names_in("archive")) == 1


def test_while_the_api_is_down_the_zip_stays_and_the_next_run_goes_on(merchant: Merchant) -> None:
    merchant.write(NAME, ZIP, merchant.drop)
    url, merchant.settings["api"]["base_url"] = merchant.settings["api"]["base_url"], "http://127.0.0.1:9"
    assert set(states(merchant.run()).values()) == {"unfinished"}
    assert merchant.names_in("drop") == [NAME]
    merchant.settings["api"]["base_url"] = url
    said = merchant.run()
    assert states(said) == {"june.zip!north.csv": "loaded", "june.zip!south%2Fx.csv": "loaded"}
    assert merchant.names_in("drop") == []


def test_the_same_file_in_two_zips_is_loaded_once(merchant: Merchant) -> None:
    merchant.write(NAME, ZIP, merchant.drop)
    merchant.run()
    merchant.write(
        "july.zip", zipped({"again.csv": NORTH, "new.csv": bills("C-5,A-5,B-5,5.00")}), merchant.drop
    )
    said = merchant.run()
    assert states(said) == {"july.zip!again.csv": "already_loaded", "july.zip!new.csv": "loaded"}
    assert said.requests["POST bills"] == 1
    assert merchant.names_in("drop") == []
    assert len(merchant.names_in("archive")) == 2
    merchant.write("june again.zip", ZIP, merchant.drop)
    assert set(states(merchant.run()).values()) == {"already_loaded"}
    assert merchant.names_in("drop") == []


def test_the_same_bytes_twice_in_one_zip_are_loaded_once(merchant: Merchant) -> None:
    merchant.write(NAME, zipped({"a.csv": NORTH, "b.csv": NORTH}), merchant.drop)
    said = merchant.run()
    assert sorted(states(said).values()) == ["already_loaded", "loaded"]
    assert merchant.names_in("drop") == []


def test_a_refused_file_brings_the_zip_into_the_quarantine_and_the_corrected_zip_loads_the_rest(
    merchant: Merchant,
) -> None:
    merchant.write(NAME, zipped({"north.csv": NORTH, "south.csv": "nothing,of,ours\n"}), merchant.drop)
    assert states(merchant.run()) == {"june.zip!north.csv": "loaded", "june.zip!south.csv": "refused"}
    assert (merchant.names_in("drop"), len(merchant.names_in("quarantine"))) == ([], 1)
    merchant.write(NAME, zipped({"north.csv": NORTH, "south.csv": SOUTH}), merchant.drop)
    assert states(merchant.run()) == {"june.zip!north.csv": "already_loaded", "june.zip!south.csv": "loaded"}
    assert (merchant.names_in("drop"), len(merchant.names_in("archive"))) == ([], 1)


def test_rejects_of_a_file_in_a_zip_are_corrected_like_all_others(merchant: Merchant) -> None:
    merchant.write(NAME, zipped({"north.csv": NORTH, "bad.csv": BAD}), merchant.drop)
    said = merchant.run()
    assert states(said)["june.zip!bad.csv"] == "loaded_with_rejects"
    (rejects,) = (path.read_text() for path in (merchant.work_dir / "reports").glob("*/rejects.csv"))
    merchant.write("mended", rejects.replace("B/4", "B-4"), merchant.drop)
    assert merchant.run().outcomes() == {"created": 1}


def test_where_the_zip_stays_for_good_it_is_not_opened_again(merchant: Merchant) -> None:
    merchant.settings["drop"]["archive"] = None
    merchant.write(NAME, ZIP, merchant.drop)
    assert len(merchant.run().files) == 2
    assert merchant.run().files == []
    assert merchant.names_in("drop") == [NAME]


def test_control_files_in_the_zip_belong_to_the_files_beside_them(merchant: Merchant) -> None:
    merchant.settings["feeds"][-1] |= {"control": {"kind": "sidecar"}}
    right, wrong = (json.dumps({"records": count, "amounts": {"ZAR": "10.00"}}) for count in (1, 2))
    inside = {"a.csv": NORTH, "a.csv.ctl": right, "b.csv": NORTH.replace("-1", "-8"), "b.csv.ctl": wrong}
    merchant.write(NAME, zipped(inside), merchant.drop)
    merchant.write(f"{NAME}.ctl", "{}", merchant.drop)
    said = merchant.run()
    assert states(said) == {"june.zip!a.csv": "loaded", "june.zip!b.csv": "refused"}
    assert merchant.names_in("drop") == []


def test_validate_a_dry_run_and_load_treat_each_file_by_itself(merchant: Merchant) -> None:
    path = merchant.write(NAME, zipped({"north.csv": NORTH, "bad.csv": BAD}))
    validated = merchant.validate(path)
    assert states(validated) == {
        "june.zip!bad.csv": "validated_with_rejects",
        "june.zip!north.csv": "validated",
    }
    merchant.write(NAME, path.read_bytes(), merchant.drop)
    assert len(merchant.run("--dry-run").files) == 2
    assert (merchant.names_in("drop"), merchant.held("bills")) == ([NAME], {})
    (merchant.drop / NAME).unlink()
    loaded = merchant.load(path)
    assert states(loaded) == {"june.zip!bad.csv": "loaded_with_rejects", "june.zip!north.csv": "loaded"}
    assert path.exists()


def raw_zip(names: list[str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(names):
            archive.writestr(zipfile.ZipInfo(name), NORTH.replace("-1", f"-{number}"))
    return packed.getvalue()


def encrypted() -> bytes:
    raw = bytearray(ZIP)
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        pytest.param(
            raw_zip(["a.csv", "../b.csv"]), "file.archive_members: .*leads out of its folder", id="out"
        ),
        pytest.param(
            raw_zip(["a.csv", "/etc/b.csv"]), "file.archive_members: .*leads out of its folder", id="root"
        ),
        pytest.param(
            raw_zip(["a.csv", "..\\b.csv"]), "file.archive_members: .*leads out of its folder", id="DOS"
        ),
        pytest.param(
            raw_zip(["a.csv", "C:/b.csv"]), "file.archive_members: .*leads out of its folder", id="drive"
        ),
        pytest.param(
            raw_zip(["a.csv", "b.csv"]).replace(b"b.csv", b"a.csv"),
            "file.archive_damaged: .*twice",
            id="one name twice",
        ),
        pytest.param(encrypted(), "file.archive_encrypted", id="encrypted"),
        pytest.param(
            zipped({"a.csv": NORTH, "b.csv.gz": gzip.compress(b"x")}), "file.archive_nested", id="a gzip"
        ),
        pytest.param(zipped({"a.csv": NORTH, "b.zip": ZIP}), "file.archive_nested", id="a zip"),
        pytest.param(
            zipped({"a.csv": NORTH, "b.xlsx": workbook(sheet(row("x")))}),
            "file.archive_nested",
            id="a workbook",
        ),
        pytest.param(
            zipped({"a.csv": NORTH, "b.csv": b"\0" * (8 << 20)}), "file.archive_too_large", id="a bomb"
        ),
        pytest.param(
            raw_zip([f"{n}.csv" for n in range(1001)]), "file.archive_members: .*more than 1000", id="many"
        ),
    ],
)
def test_a_zip_that_cannot_be_read_for_certain_is_refused_as_a_whole(
    merchant: Merchant, raw: bytes, said: str
) -> None:
    merchant.write(NAME, raw, merchant.drop)
    result = merchant.run()
    assert states(result) == {NAME: "refused"}
    assert re.match(said, "{code}: {message}".format_map(result.file["refusal"]))
    assert merchant.held("bills") == {}
    assert (merchant.names_in("drop"), len(merchant.names_in("quarantine"))) == ([], 1)
    assert not (merchant.folder.parent / "b.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_at_any_commit_loses_and_doubles_nothing(merchant: Merchant, when: str) -> None:
    """Each run begins where the one before was killed, a commit later."""
    every = range(1, 40) if os.environ.get("SOAK") else range(3, 40, 12)
    for number in every:
        (merchant.drop / NAME).write_bytes(
            zipped(
                {f"{which}.csv": bills(f"C-{number},A-{number},B-{number}-{which},1.00") for which in "ab"}
            )
        )
        merchant.write_config()
        ended = killed_at_a_commit(number, when, "run", "--config", str(merchant.folder / "config.yaml"))
        said = merchant.run()
        assert said.exit_status == 0, said.stderr
        assert {f"B-{number}-a", f"B-{number}-b"} <= set(merchant.held("bills"))
        assert merchant.names_in("drop") == []
        if ended != KILLED:
            break
    assert number > every[0], "no run was killed"
    created = merchant.api.snapshot()["bills"]
    assert len(created) == len(set(merchant.held("bills")))
    assert {each["state"] for each in merchant.status()["files"]} == {"loaded"}
