"""A file is never passed over for its name: it is loaded under a name that can be shown, or somebody is told."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli import run_command
from tests.servers.hostile_names import create, raw_names
from tests.servers.openssh import OpenSsh, require_sshd
from tests.stories.files import bills
from tests.stories.merchant import Merchant

ONE = bills("C-1,A-1,B-1,1.00").encode()
ODD = {
    b"M\xfcller_bills_2030-01-01.csv": "M%FCller_bills_2030-01-01.csv",
    "a\u200bb_bills_2030-01-01.csv".encode(): "a%E2%80%8Bb_bills_2030-01-01.csv",
    b"C:\\out\\x_bills_2030-01-01.csv": "C:%5Cout%5Cx_bills_2030-01-01.csv",
    b"tab\t_bills_2030-01-01.csv": "tab%09_bills_2030-01-01.csv",
    b"M%FCller_bills_2030-01-01.csv": "M%25FCller_bills_2030-01-01.csv",
}


@pytest.fixture(params=["drop folder", "OpenSSH"])
def door(request: pytest.FixtureRequest, merchant: Merchant) -> Iterator[Path]:
    """Where files come in; the archive lies beside it."""
    if request.param == "drop folder":
        yield merchant.drop
        return
    require_sshd()
    files = merchant.make_sftp_folders()
    folders = {name: f"{files}/{name}" for name in ("incoming", "archive", "quarantine", "reports")}
    with OpenSsh(merchant.folder / "sshd") as server:
        merchant.use_sftp(server, server.known_hosts_lines, private_key_file=str(server.user_key), **folders)
        yield merchant.incoming


def archive_of(door: Path) -> Path:
    return door.parent / "archive"


@pytest.mark.parametrize("raw", ODD, ids=ODD.values())
def test_a_file_whose_name_fits_a_feed_is_loaded_and_keeps_its_bytes_in_the_archive(
    merchant: Merchant, door: Path, raw: bytes
) -> None:
    assert create(door, raw, ONE)
    said = merchant.run()
    assert (said.exit_status, said.state) == (0, "loaded")
    assert said.file["file"]["name"] == ODD[raw]
    assert set(merchant.held("bills")) == {"B-1"}
    assert raw_names(door) == []
    (archived,) = raw_names(archive_of(door))
    assert archived == raw + b"." + said.file["file"]["sha256"][:8].encode()
    assert merchant.run().files == []


def test_its_rejects_lead_back_to_it(merchant: Merchant) -> None:
    (raw, label), *_ = ODD.items()
    assert create(merchant.drop, raw, bills("C-1,A-1,B-1,1.234").encode())
    said = merchant.run()
    assert said.outcomes() == {"rejected": 1}
    folder = merchant.folder / "var" / "reports"
    (report,) = (path for path in folder.iterdir() if path.is_dir())
    assert report.name.isascii()
    with (report / "rejects.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["reject_source"] == f"{label}.{said.file['file']['sha256'][:8]}"
    corrected = io.StringIO()
    rows = csv.DictWriter(corrected, row)
    rows.writeheader()
    rows.writerow(row | {"amount_due": "1.23"})
    merchant.write("again.csv", corrected.getvalue(), merchant.drop)
    again = merchant.run()
    assert (again.exit_status, again.outcomes()) == (0, {"created": 1})


@pytest.mark.parametrize("raw", [b"M\xfcller.csv", b"odd\n.csv", b"back\\slash.csv"])
def test_a_file_whose_name_fits_no_feed_is_unmatched_until_somebody_acts(
    merchant: Merchant, door: Path, raw: bytes
) -> None:
    assert create(door, raw, ONE)
    for _ in range(2):
        said = merchant.run()
        assert (said.exit_status, said.state) == (1, "unmatched")
    assert raw_names(door) == [raw]
    assert waiting(merchant) == [said.file["file"]["name"]]


def test_a_link_is_unmatched_with_its_own_sentence_and_never_followed(merchant: Merchant, door: Path) -> None:
    target = merchant.write("x_bills_2030-01-01.csv", ONE)
    (door / "y_bills_2030-01-01.csv").symlink_to(target)
    said = merchant.run()
    assert (said.exit_status, said.state) == (1, "unmatched")
    assert "a symbolic link, and links are not followed" in said.file["notes"][0]
    assert not merchant.held("bills")
    assert (door / "y_bills_2030-01-01.csv").is_symlink()
    assert waiting(merchant) == ["y_bills_2030-01-01.csv"]
    merchant.settings["ignore"].append("y_*")
    ignored = merchant.run()
    assert (ignored.exit_status, ignored.files) == (0, [])


def test_a_pipe_is_unmatched(merchant: Merchant, door: Path) -> None:
    os.mkfifo(door / "y_bills_2030-01-01.csv")
    said = merchant.run()
    assert (said.exit_status, said.state) == (1, "unmatched")
    assert said.file["notes"][0].startswith("not a regular file")


def test_an_odd_name_on_the_command_line_is_the_same_file(
    merchant: Merchant, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = b"M\xfcller_bills_2030-01-01.csv"
    assert create(merchant.folder / "out", raw, ONE)
    path = str(merchant.folder / "out" / os.fsdecode(raw))
    said = merchant.load(path)
    assert (said.exit_status, said.state) == (0, "loaded")
    assert said.file["file"]["name"] == ODD[raw]
    config = ["--config", str(merchant.folder / "config.yaml")]
    for name in (os.fsdecode(raw), ODD[raw]):
        assert run_command(["report", name, *config]) == 0
    assert run_command(["validate", path, *config]) == 0
    assert "Traceback" not in capsys.readouterr().err


def waiting(merchant: Merchant) -> list[str]:
    """What `status` and the metrics say of files that nobody takes."""
    metrics = merchant.folder / "metrics.prom"
    merchant.settings["metrics_file"] = str(metrics)
    merchant.run()
    source = "sftp" if "sftp" in merchant.settings else "drop"
    assert value(metrics, "billferry_last_run_files", state="unmatched") == 1
    assert value(metrics, "billferry_files_waiting", source=source) == 1
    document = status(merchant)
    (names,) = document["waiting"].values()
    return list(names)


def value(metrics: Path, name: str, **label: str) -> float:
    ((key, text),) = label.items()
    lines = metrics.read_text().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}{{") and f'{key}="{text}"' in line]
    return float(line.split()[-1])


def status(merchant: Merchant) -> dict[str, dict[str, list[str]]]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run_command(["status", "--json", "--config", str(merchant.folder / "config.yaml")]) == 0
    found: dict[str, dict[str, list[str]]] = json.loads(out.getvalue())
    return found
