"""Every command block of the pages is run in a merchant's folder, with the sandbox beside it, and does what is shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli.sandbox import sandbox_sftp, write_private
from pipeline.edge.config import load_config
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from tests.docs.blocks import blocks
from tests.docs.conftest import ROOT, Ports
from tests.docs.session import Session, write_program

NEW_KEY, LIVE_KEY = "sk_test_new", "sk_live_sandbox"
"""The sandbox takes them as well."""


@dataclass(frozen=True)
class World:
    """Where a page is tried: the folder, the API, and the environment of its shell."""

    folder: Path
    api: SandboxApi
    environment: dict[str, str]


@pytest.fixture
def world(tmp_path: Path, ports: Ports) -> Iterator[World]:
    folder = tmp_path / "citypower"
    folder.mkdir()
    shutil.copy(ROOT / "config.yaml", folder)
    settings = load_config(folder / "config.yaml").settings
    sftp, key_file = settings.sftp, settings.api.key_file
    assert sftp is not None
    assert key_file is not None
    program = write_program(tmp_path / "bin" / "billferry")
    environment = {**ports.environment(), "BILLFERRY_API__MAX_ATTEMPTS": "2"}
    with (
        SandboxApi(keys=(TEST_KEY, NEW_KEY, LIVE_KEY), port=ports.api) as api,
        sandbox_sftp(sftp, settings.work_dir / "sandbox", ports.sftp) as server,
    ):
        write_private(key_file, f"{TEST_KEY}\n")
        write_private(sftp.known_hosts_file, f"{server.known_hosts_line}\n")
        yield World(folder, api, {**environment, "PATH": f"{program.parent}:/usr/local/bin:/usr/bin:/bin"})


def live_secrets(world: World) -> None:
    """What a person puts into the live folder. The live API and SFTP server are the sandbox."""
    folder = world.folder / "live"
    write_private(folder / "api.key", f"{LIVE_KEY}\n")
    secrets = world.folder / "var" / "sandbox"
    for name in ("id_ed25519", "known_hosts"):
        shutil.copy(secrets / name, folder)


def new_key(world: World) -> None:
    """The new key is pasted, and the old one is deleted already: only the new one can do."""
    write_private(world.folder / "new.key", f"{NEW_KEY}\n")
    world.api.expire_key(TEST_KEY)


def api_away(world: World) -> None:
    world.api.stop()


def nothing(_world: World) -> None:
    """The page needs nothing but a folder and the sandbox."""


GIVEN: dict[str, Callable[[World], None]] = {
    "how-to/map-your-file.md": nothing,
    "how-to/fix-rejects.md": nothing,
    "how-to/go-live.md": live_secrets,
    "how-to/rotate-the-key.md": new_key,
    "how-to/recover.md": nothing,
    "money.md": nothing,
    "when-the-api-is-down.md": api_away,
}
"""Page → what its reader has, or meets."""


@pytest.mark.parametrize("page", GIVEN)
def test_a_page_does_what_it_shows(page: str, world: World, tmp_path: Path, ports: Ports) -> None:
    GIVEN[page](world)
    session = Session(world.folder, tmp_path / "scripts", world.environment, ports.told())
    try:
        run = [session.run(block) for block in blocks(ROOT / "docs" / page) if block.not_run is None]
    finally:
        session.close()
    assert run


def test_every_page_with_commands_is_tried() -> None:
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md") if blocks(page)}
    assert pages == GIVEN.keys() | {"tutorial.md"}
