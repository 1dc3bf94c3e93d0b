"""Encrypted files from their source to their report: loaded like others, and nothing decrypted is left or leaves."""

from __future__ import annotations

import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.keyring import OTHER, THEIRS, Keyring
from tests.stories.files import bills
from tests.stories.merchant import Json, Merchant
from tests.world import feed

MARKER = "Marker-of-a-person"
NAME = "x_secret_2026-11-27.csv.pgp"


@pytest.fixture
def encrypted(merchant: Merchant, keyring: Keyring) -> Iterator[Merchant]:
    """A merchant whose bills come encrypted and signed into the drop folder."""
    keyring.put(merchant.folder)
    with_feed(merchant)
    yield merchant
    nothing_is_left(merchant)


def with_feed(merchant: Merchant, **pgp: object) -> None:
    keys = {"key_file": "ours.key", "signers_file": "signers.asc", **pgp}
    encrypted = feed("secret", "bill", "*_secret_{date:%Y-%m-%d}.csv.pgp", currency="ZAR", pgp=keys)
    merchant.settings["feeds"] = [
        *(each for each in merchant.settings["feeds"] if each["name"] != "secret"),
        encrypted,
    ]


def text(*rows: str) -> bytes:
    """Bills with a note on each that nothing maps, so that it must be found nowhere."""
    header = "customer_reference,account_reference,bill_reference,amount_due,note"
    return "".join(f"{line}\n" for line in (header, *(f"{row},{MARKER}" for row in rows))).encode()


def nothing_is_left(merchant: Merchant) -> None:
    """No file that was decrypted, no checked values, no home of gpg; the note in nothing but rejects and what came."""
    assert {each.name for each in (merchant.work_dir / "landing").glob("*/*")} <= {
        "content",
        "control",
    } | OF_PLAIN_FILES
    scratch = Path(merchant.environment.get("TMPDIR", "/nonexistent"))
    for path in (*merchant.work_dir.rglob("*"), *scratch.rglob("*")):
        if path.is_file() and path.name not in ("rejects.csv", "content"):
            assert MARKER.encode() not in path.read_bytes(), path
    for rejects in (merchant.work_dir / "reports").rglob("rejects.csv"):
        assert stat.S_IMODE(rejects.stat().st_mode) == 0o600


OF_PLAIN_FILES = {"records", "plain"}
"""What a check leaves beside files of feeds without `pgp`."""


def loaded(merchant: Merchant, keyring: Keyring, *rows: str, name: str = NAME, by: str = THEIRS) -> Json:
    merchant.write(name, keyring.encrypted(text(*rows), by=by), merchant.drop)
    return merchant.run().named(name)


def test_an_encrypted_file_is_loaded_and_its_copies_stay_encrypted(
    encrypted: Merchant, keyring: Keyring
) -> None:
    summary = loaded(encrypted, keyring, "C1,A1,B1,1.00", "C2,A2,B2,2.00")
    assert summary["state"] == "loaded"
    assert summary["file"]["encrypted"]
    assert f"signed by key {keyring.fingerprint(THEIRS)}" in summary["notes"]
    assert encrypted.held("bills").keys() == {"B1", "B2"}
    (archived,) = (encrypted.folder / "archive").iterdir()
    (copy,) = (encrypted.work_dir / "landing").glob("*/content")
    assert archived.read_bytes() == copy.read_bytes()
    assert [each.name for each in copy.parent.iterdir()] == ["content"]


def test_the_same_bytes_again_send_nothing_and_are_not_decrypted(
    encrypted: Merchant, keyring: Keyring
) -> None:
    content = keyring.encrypted(text("C1,A1,B1,1.00"), by=THEIRS)
    encrypted.write(NAME, content, encrypted.drop)
    encrypted.run()
    (encrypted.folder / "ours.key").unlink()
    encrypted.write(NAME, content, encrypted.drop)
    said = encrypted.run()
    assert said.exit_status == 0
    assert said.state == "already_loaded"


def test_a_refused_file_is_quarantined_and_others_go_on(encrypted: Merchant, keyring: Keyring) -> None:
    encrypted.write("a_secret_2026-11-25.csv.pgp", text("C1,A1,B1,1.00"), encrypted.drop)
    encrypted.write(
        "b_secret_2026-11-26.csv.pgp", keyring.encrypted(text("C2,A2,B2,1.00"), by=OTHER), encrypted.drop
    )
    encrypted.write(NAME, keyring.encrypted(text("C3,A3,B3,1.00"), by=THEIRS), encrypted.drop)
    said = encrypted.run()
    refusals = {each["file"]["name"][:1]: each["refusal"] and each["refusal"]["code"] for each in said.files}
    assert refusals == {"a": "file.not_encrypted", "b": "file.pgp_signer", "x": None}
    assert encrypted.held("bills").keys() == {"B3"}
    assert len(encrypted.names_in("quarantine")) == 2


def test_a_key_that_cannot_be_used_is_no_fault_of_the_file(encrypted: Merchant, keyring: Keyring) -> None:
    (encrypted.folder / "ours.key").rename(encrypted.folder / "elsewhere")
    encrypted.write(NAME, keyring.encrypted(text("C1,A1,B1,1.00"), by=THEIRS), encrypted.drop)
    said = encrypted.run()
    assert said.exit_status == 2
    assert said.state == "unfinished"
    assert "feeds.secret.pgp.key_file: " in said.stderr
    assert encrypted.names_in("drop") == [NAME]
    (encrypted.folder / "elsewhere").rename(encrypted.folder / "ours.key")
    assert encrypted.run().state == "loaded"


def test_rejects_are_the_original_text_and_reports_can_be_written_again(
    encrypted: Merchant, keyring: Keyring
) -> None:
    summary = loaded(encrypted, keyring, "C1,A1,B1,1.00", "C2,A2,B2,wrong")
    rejects = encrypted.report(summary) / "rejects.csv"
    before = rejects.read_bytes()
    assert f"C2,A2,B2,wrong,{MARKER}".encode() in before
    rejects.unlink()
    again = encrypted.rewrite(NAME)
    assert again.exit_status == 0
    assert rejects.read_bytes() == before
    (encrypted.folder / "signers.asc").write_bytes(keyring.public(OTHER))
    refused = encrypted.command("report", NAME)
    assert "it would be refused now (file.pgp_signer)" in refused.stderr
    assert rejects.read_bytes() == before
    (encrypted.folder / "ours.key").unlink()
    assert encrypted.command("report", NAME).exit_status == 2
    assert rejects.read_bytes() == before


def test_what_is_held_goes_on_from_the_encrypted_copy(encrypted: Merchant, keyring: Keyring) -> None:
    encrypted.settings["feeds"][-1]["release"] = "always"
    summary = loaded(encrypted, keyring, "C1,A1,B1,1.00")
    assert summary["state"] == "held"
    nothing_is_left(encrypted)
    encrypted.release(NAME)
    assert encrypted.run().state == "loaded"


def test_a_dry_run_and_validate_leave_nothing_either(
    encrypted: Merchant, keyring: Keyring, tmp_path: Path
) -> None:
    path = encrypted.write(NAME, keyring.encrypted(text("C1,A1,B1,1.00", "C2,A2,B2,bad"), by=THEIRS))
    assert encrypted.load("--dry-run", path).state == "validated_with_rejects"
    assert encrypted.validate(path).state == "validated_with_rejects"
    assert f"note: {MARKER}" in encrypted.command("validate", "--head", "1", path).stdout
    assert not list((encrypted.work_dir / "landing").glob("*"))


# -- corrections --


def test_a_correction_in_plain_text_is_taken_from_this_machine(encrypted: Merchant, keyring: Keyring) -> None:
    summary = loaded(encrypted, keyring, "C1,A1,B1,1.00", "C2,A2,B2,wrong")
    corrected = (encrypted.report(summary) / "rejects.csv").read_bytes().replace(b"wrong", b"2.00")
    encrypted.write("corrected.csv", corrected, encrypted.drop)
    said = encrypted.run().named("corrected.csv")
    assert said["state"] == "loaded"
    assert said["file"]["encrypted"], "its rejects would stay here, too"
    assert encrypted.held("bills").keys() == {"B1", "B2"}


def test_a_correction_that_comes_encrypted_is_known_by_what_is_inside(
    encrypted: Merchant, keyring: Keyring
) -> None:
    summary = loaded(encrypted, keyring, "C1,A1,B1,1.00", "C2,A2,B2,wrong")
    corrected = (encrypted.report(summary) / "rejects.csv").read_bytes().replace(b"wrong", b"2.00")
    name = "corrected_secret_2026-11-28.csv.pgp"
    encrypted.write(name, keyring.encrypted(corrected, by=THEIRS), encrypted.drop)
    said = encrypted.run().named(name)
    assert said["state"] == "loaded"
    assert said["records"]["created"] == 1
    assert encrypted.held("bills").keys() == {"B1", "B2"}
    unknown = corrected.replace(b".pgp.", b".pgq.").replace(
        summary["file"]["sha256"][:8].encode(), b"00000000"
    )
    encrypted.write(name, keyring.encrypted(unknown, by=THEIRS), encrypted.drop)
    assert encrypted.run().named(name)["refusal"]["code"] == "file.rejects_unknown"


def test_a_correction_in_plain_text_from_the_server_is_refused(
    sftp_merchant: Merchant, keyring: Keyring
) -> None:
    merchant = sftp_merchant
    keyring.put(merchant.folder)
    with_feed(merchant, upload_rejects=True)
    merchant.write(
        NAME, keyring.encrypted(text("C1,A1,B1,1.00", "C2,A2,B2,wrong"), by=THEIRS), merchant.incoming
    )
    summary = merchant.run().named(NAME)
    (rejects,) = (merchant.folder / "sftp" / "reports").glob("*/rejects.csv")
    assert rejects.read_bytes() == (merchant.report(summary) / "rejects.csv").read_bytes()
    corrected = rejects.read_bytes().replace(b"wrong", b"2.00")
    merchant.write("corrected.csv", corrected, merchant.incoming)
    said = merchant.run().named("corrected.csv")
    assert said["refusal"]["code"] == "file.not_encrypted"
    assert merchant.held("bills").keys() == {"B1"}
    name = "corrected_secret_2026-11-28.csv.pgp"
    merchant.write(name, keyring.encrypted(corrected, by=OTHER), merchant.incoming)
    assert merchant.run().named(name)["refusal"]["code"] == "file.pgp_signer"
    merchant.write(name, keyring.encrypted(corrected, by=THEIRS), merchant.incoming)
    assert merchant.run().named(name)["state"] == "loaded"
    assert merchant.held("bills").keys() == {"B1", "B2"}


# -- uploads --


def test_rejects_of_encrypted_files_are_not_uploaded(sftp_merchant: Merchant, keyring: Keyring) -> None:
    merchant = sftp_merchant
    keyring.put(merchant.folder)
    with_feed(merchant)
    merchant.write("x_bills_2026-11-27.csv", bills("C5,A5,B5,bad", "C6,A6,B6,1.00"), merchant.incoming)
    merchant.write(
        NAME, keyring.encrypted(text("C1,A1,B1,1.00", "C2,A2,B2,wrong"), by=THEIRS), merchant.incoming
    )
    merchant.run()
    uploaded = merchant.folder / "sftp" / "reports"
    assert {path.name for path in uploaded.glob(f"{NAME}*/*")} == {"summary.json", "results.csv"}
    assert {path.name for path in uploaded.glob("x_bills*/*")} == {
        "summary.json",
        "results.csv",
        "rejects.csv",
    }
    assert not [
        path for path in uploaded.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()
    ]


def test_rejects_stay_when_the_feed_is_changed_before_they_are_uploaded(
    sftp_merchant: Merchant, keyring: Keyring
) -> None:
    merchant = sftp_merchant
    keyring.put(merchant.folder)
    with_feed(merchant)
    (merchant.folder / "sftp" / "blocked").touch()
    merchant.settings["sftp"]["reports"] = "/blocked"
    merchant.write(
        NAME, keyring.encrypted(text("C1,A1,B1,1.00", "C2,A2,B2,wrong"), by=THEIRS), merchant.incoming
    )
    merchant.run()
    merchant.settings["sftp"]["reports"] = "/reports"
    merchant.settings["feeds"][-1].pop("pgp")
    merchant.run()
    uploaded = merchant.folder / "sftp" / "reports"
    assert {path.name for path in uploaded.glob("*/*")} == {"summary.json", "results.csv"}


# -- killed --

AT = {
    "decrypting": (
        "from pipeline.edge.pgp import gnupg\nreal = gnupg._next_block\n"
        "def slow(pipe):\n    block = real(pipe)\n    global got\n    got += len(block)\n"
        "    if 20_000 < got < 1e9:\n        got = 1e9\n        print('now', flush=True)\n        time.sleep(60)\n"
        "    return block\n"
        "got = 0\ngnupg._next_block = slow"
    ),
    "checking": (
        "from pipeline.edge.reader import delimited\nreal = delimited.DelimitedFile.batches\n"
        "def slow(*words, **more):\n    for batch in real(*words, **more):\n        yield batch\n"
        "        print('now', flush=True)\n        time.sleep(60)\n"
        "delimited.DelimitedFile.batches = slow"
    ),
    "loading": (
        "from pipeline.run import load_stage\n"
        "def slow(*words, **more):\n    print('now', flush=True)\n    time.sleep(60)\n"
        "load_stage.load_file = slow"
    ),
}
"""Where a run stops and waits, by code that runs before it."""


def killed(merchant: Merchant, where: str, sign: signal.Signals, *words: str | Path) -> None:
    with merchant.start(*words, late=f"import time\n{AT[where]}") as process:
        assert process.stdout is not None
        assert "now\n" in process.stdout, "it ended before it could be killed"
        process.send_signal(sign)
        process.wait(60)


def is_open(merchant: Merchant) -> bool:
    """Whether anything of an encrypted file can be read now."""
    return bool(
        [*merchant.work_dir.rglob("landing/*/opened/*"), *merchant.work_dir.rglob("dry-run-*/*/opened/*")]
    )


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM], ids=lambda sign: sign.name)
@pytest.mark.parametrize("where", AT)
def test_a_run_that_is_killed_leaves_nothing_to_the_next_one(
    encrypted: Merchant, keyring: Keyring, where: str, sign: signal.Signals
) -> None:
    rows = [f"C{n},A{n},B{n},1.00" for n in range(1_500)]
    encrypted.write(
        NAME, keyring.encrypted(text(*rows), "--compress-algo", "none", by=THEIRS), encrypted.drop
    )
    encrypted.write_config()
    killed(encrypted, where, sign, "run", "--config", encrypted.config)
    assert is_open(encrypted) == (sign == signal.SIGKILL), "a run that is stopped clears up by itself"
    if where == "loading":
        nothing_in_plain_text(encrypted)
    if sign == signal.SIGKILL:
        (encrypted.drop / NAME).unlink()
        encrypted.run("--dry-run") if where == "checking" else encrypted.command("status")
        encrypted.command("run")
    nothing_is_left(encrypted)


def nothing_in_plain_text(merchant: Merchant) -> None:
    """While a file loads, its checked values are there, and neither its text nor our copy of that."""
    assert not [*merchant.work_dir.rglob("opened/content"), *merchant.work_dir.rglob("opened/plain")]
    for path in merchant.work_dir.rglob("opened/**/*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert path.is_dir() or path.suffix == ".parquet"


@pytest.mark.parametrize("words", [("load", "--dry-run"), ("validate",)], ids=lambda words: words[0])
def test_a_dry_run_that_is_killed_leaves_nothing_to_the_next_start(
    encrypted: Merchant, keyring: Keyring, words: tuple[str, ...], tmp_path: Path
) -> None:
    (scratch := tmp_path / "tmp").mkdir()
    encrypted.environment["TMPDIR"] = str(scratch)
    path = encrypted.write(
        NAME, keyring.encrypted(text(*(f"C{n},A{n},B{n},1.00" for n in range(20))), by=THEIRS)
    )
    encrypted.write_config()
    killed(encrypted, "checking", signal.SIGKILL, *words, path, "--config", encrypted.config)
    left = [*scratch.rglob("opened/content"), *encrypted.work_dir.rglob("opened/content")]
    assert left, "the kill came while it could be read"
    again = encrypted.spawn(
        *(("run",) if words[0] == "load" else ("validate", path)), "--config", encrypted.config
    )
    assert again.exit_status in (0, 1)
    assert not [path for path in left if path.exists()]
    assert not list(scratch.iterdir())
