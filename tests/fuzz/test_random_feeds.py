"""Nothing that a feed may say and no file ends as a bug: `validate` gives a report or one line of an expected error."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from pipeline.errors import BillferryError
from pipeline.run.ui import Ui
from pipeline.run.validate import check_files
from schemas.feed import Feed
from schemas.pgp import Pgp
from schemas.settings import Limits
from tests.check.silence import Silence
from tests.fuzz.feeds import random_feed, random_file, sometimes
from tests.keyring import THEIRS, Keyring
from tests.seeds import SOAK

PAIRS = int(os.environ.get("FUZZ_PAIRS") or (100_000 if SOAK else 128))
SHARES = 8
EVERY_ENCRYPTED = 50
"""So often a feed is one of encrypted files: GnuPG takes processes of its own."""


def validated(seed: int, folder: Path, keyring: Keyring) -> str:
    """The state of the file of a seed under its feed; raises what `validate` raises."""
    chance = random.Random(seed)  # noqa: S311
    feed = random_feed(chance)
    name, content, control = random_file(chance, feed)
    if seed // SHARES % EVERY_ENCRYPTED == 0:
        feed, content = encrypted(chance, feed, content, folder, keyring)
    path = folder / name
    path.write_bytes(content)
    beside = folder / f"{name}.ctl"
    beside.unlink(missing_ok=True)
    if control is not None:
        beside.write_bytes(control)
    ui: Ui = Silence()
    named = feed if chance.random() < 0.7 else None
    result = check_files([path], ui, feeds=[feed], feed=named, limits=Limits(), show=chance.choice([0, 5]))
    return result.files[0].state if result.files else "none"


def encrypted(
    chance: random.Random, feed: Feed, content: bytes, folder: Path, keyring: Keyring
) -> tuple[Feed, bytes]:
    """The feed with any keys of `pgp`, and the file as it may arrive there; one in ten is not encrypted."""
    facts = sometimes(
        chance,
        {
            "signers_file": str(folder / "signers.asc"),
            "require_signature": chance.random() < 0.5,
            "upload_rejects": True,
        },
        0.5,
    )
    if "signers_file" not in facts:
        facts.pop("require_signature", None)
    pgp = Pgp.model_validate({"key_file": str(folder / "ours.key"), **facts})
    if chance.random() > 0.1:
        options = chance.choice([[], ["--armor"], ["--compress-algo", "none"]])
        content = keyring.encrypted(content, *options, by=chance.choice([THEIRS, None]))
    return feed.model_copy(update={"pgp": pgp}), content


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("share", range(SHARES))
def test_no_feed_and_no_file_is_a_bug(share: int, tmp_path: Path, keyring: Keyring) -> None:
    states = set()
    keyring.put(tmp_path)
    for seed in range(share, PAIRS, SHARES):
        try:
            states.add(validated(seed, tmp_path, keyring))
        except BillferryError:
            states.add("told")
        except BaseException as trouble:
            trouble.add_note(f"seed {seed}: tests.fuzz.test_random_feeds.validated({seed}, folder, keyring)")
            raise
    assert {"validated_with_rejects", "refused"} <= states  # neither all harmless nor all deadly
