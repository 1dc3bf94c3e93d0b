"""doctor tries the keys of encrypted feeds, and tells what will stop working."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.diagnostics.doctor import Finding, examine
from pipeline.edge.config import load_config
from tests.keyring import THEIRS, Keyring
from tests.world import feed, merchant_config, write_config, write_key


def findings(folder: Path, **pgp: str) -> list[Finding]:
    keys = {"key_file": "ours.key", **pgp}
    write_key(folder)
    config = merchant_config("http://127.0.0.1:9", [feed("bills", "bill", "*.csv.pgp", pgp=keys)])
    config.pop("drop")
    return [
        each for each in examine(load_config(write_config(folder, config))) if each.check == "feeds.bills.pgp"
    ]


def test_good_keys_are_told_with_the_fingerprint(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    (found,) = findings(tmp_path, signers_file="signers.asc")
    assert found.ok
    assert keyring.fingerprint("ours.example") in found.text
    assert found.text.startswith("gpg 2.")


def test_signatures_that_nobody_checks_are_worth_a_warning(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    _, found = findings(tmp_path)
    assert found.warning
    assert "set pgp.signers_file" in found.text


def test_a_key_that_expires_soon_is_warned_of(keyring: Keyring, tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%d")
    keyring.new_key("soon@ours.example", expires=soon)
    keyring.new_key(
        "late@merchant.example", expires="2020-02-01", **{"faked-system-time": "20200101T000000!"}
    )
    keyring.put(
        tmp_path,
        **{
            "ours.key": keyring.secret("soon@ours.example"),
            "signers.asc": keyring.public(THEIRS, "late@merchant.example"),
        },
    )
    good, *warnings = findings(tmp_path, signers_file="signers.asc")
    assert good.ok
    assert f"until {soon}" in good.text
    assert [each.warning for each in warnings] == [True, True]
    assert f"after {soon}; extend its expiry" in warnings[0].text
    assert "has expired on 2020-02-01" in warnings[1].text


def test_keys_that_do_not_work_are_a_problem(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path, **{"ours.key": keyring.public("ours.example")})
    (found,) = findings(tmp_path)
    assert found.exit_status == 2
    assert (
        "is not a valid secret OpenPGP key; write it with gpg --armor --export-secret-keys KEY" in found.text
    )


@pytest.mark.parametrize("key", ["key_file", "passphrase_file"])
def test_a_secret_that_others_can_read_is_a_config_error(keyring: Keyring, tmp_path: Path, key: str) -> None:
    keyring.put(tmp_path)
    open_to_all = tmp_path / "open"
    open_to_all.write_text("secret")
    open_to_all.chmod(0o644)
    with pytest.raises(
        Exception, match=rf"feeds\.bills\.pgp\.{key}: .*open can be read by others; run chmod 600"
    ):
        findings(tmp_path, **{key: "open"})
