"""Whatever happened to an encrypted file: it is read as it was, or refused; nothing crashes, hangs or stays."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from pipeline.run.validate import check_files
from schemas.feed import Feed
from schemas.settings import Limits
from tests.check.silence import Silence
from tests.keyring import THEIRS, Keyring

FILES = 2_000 if os.environ.get("SOAK") else 40
MOST_S = 30
"""Of one file, however busy the machine is; one takes 0.1 s."""
RECORDS = 300
TEXT = b"customer_reference,account_reference,bill_reference,currency,amount_due\n" + b"".join(
    b"C-%d,A-%d,B-%d,ZAR,12.34\n" % (n, n, n) for n in range(RECORDS)
)
OPTIONS: tuple[list[str], ...] = (
    [],
    ["--armor"],
    ["--compress-algo", "none"],
    ["--compress-algo", "bzip2", "--armor"],
)


def damaged(chance: random.Random, sound: list[bytes]) -> bytes:
    """A file that was changed once or twice: bits, bytes, pieces, or another file's."""
    content = bytearray(chance.choice(sound))
    for _ in range(chance.randint(1, 2)):
        # The beginning is where packets say what they are and how long.
        place = chance.randrange(len(content) if chance.random() < 0.5 else 160)
        size = chance.choice((1, 2, 7, 300, 5000))
        match chance.randrange(8):
            case 0:
                content[place] ^= 1 << chance.randrange(8)
            case 1:
                content[place] = chance.choice((0, 1, 0x7F, 0x80, 0xC0, 0xD2, 0xE0, 0xFE, 0xFF))
            case 2:
                del content[place : place + size]
            case 3:
                content[place:place] = chance.randbytes(size)
            case 4:
                content[place:place] = content[place : place + size]
            case 5:
                del content[max(place, 40) :]
            case 6:
                content += chance.choice(sound)[:size]
            case _:
                other = chance.choice(sound)
                content[place:] = other[place:]
        if len(content) < 200:
            break
    return bytes(content)


@pytest.fixture
def feeds(keyring: Keyring, tmp_path: Path) -> list[Feed]:
    """One whose files must be signed, and one whose need not."""
    keyring.put(tmp_path)
    base = {"match": "*", "model": "bill", "amount": {"unit": "major"}}
    keys = {"key_file": str(tmp_path / "ours.key")}
    signed = {**keys, "signers_file": str(tmp_path / "signers.asc")}
    return [
        Feed.model_validate({**base, "name": "signed", "pgp": signed}),
        Feed.model_validate({**base, "name": "unsigned", "pgp": keys}),
    ]


def test_a_damaged_file_is_read_as_it_was_or_refused(
    keyring: Keyring, feeds: list[Feed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (scratch := tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    sound = [keyring.encrypted(TEXT, *options, by=by) for options in OPTIONS for by in (THEIRS, None)]
    sound.append(keyring.gpg("--local-user", THEIRS, "--sign", given=TEXT))
    codes = set()
    for number in range(FILES):
        chance = random.Random(number)  # noqa: S311 (the same damage each time)
        feed = chance.choice(feeds)
        path = tmp_path / "x.csv.pgp"
        path.write_bytes(damaged(chance, sound))
        began = time.monotonic()
        ui = Silence()
        limits = Limits(max_reject_ratio=1.0)
        result = check_files([path], ui, feeds=[feed], feed=feed, limits=limits)
        assert time.monotonic() - began < MOST_S, number
        assert result.exit_status in (0, 1), (number, *ui.lines[-1:])
        (said,) = result.files
        if said.refusal is None:
            assert said.records.not_attempted == RECORDS, (number, "what is read is what was sent")
        else:
            assert said.records.total == 0, number
            codes.add(said.refusal.code)
        assert not list(scratch.iterdir()), number
    assert {"file.pgp_modified", "file.pgp_cut_off", "file.not_encrypted"} <= codes
