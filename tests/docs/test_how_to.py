"""Every command block of a page is run in a merchant's folder beside a sandbox, and does what is shown."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.cli.sandbox import sandbox_sftp, tell_payments, write_private
from pipeline.edge.config import load_config
from pipeline.sandbox.faults import NoFaults, Scripted, Window, callback
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from tests.docs.blocks import blocks
from tests.docs.conftest import ROOT, Ports
from tests.docs.session import Session, write_program
from tests.serve.running import free_port
from tests.servers.postgres import shared_server
from tests.stories.version_before import ask_again, put_up
from tests.warm import write_warm_program

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
    program = write_warm_program(tmp_path / "bin" / "billferry")
    environment = {
        **ports.environment(),
        "BILLFERRY_API__MAX_ATTEMPTS": "2",
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    with (
        SandboxApi(keys=(TEST_KEY, NEW_KEY, LIVE_KEY), port=ports.api) as api,
        sandbox_sftp(sftp, settings.work_dir / "sandbox", ports.sftp) as server,
    ):
        write_private(key_file, f"{TEST_KEY}\n")
        for secret_file in settings.payments.secret_files if settings.payments else ():
            write_private(secret_file, "whsec_c2lnbmluZw==\n")
        write_private(sftp.known_hosts_file, f"{server.known_hosts_line}\n")
        api.put_reports_into(server.root / sftp.incoming.lstrip("/"))
        yield World(folder, api, environment)


def live_secrets(world: World) -> None:
    """What a person puts into the live folder. The live API and SFTP server are the sandbox."""
    folder = world.folder / "live"
    write_private(folder / "api.key", f"{LIVE_KEY}\n")
    write_private(folder / "webhook.secret", "whsec_bGl2ZQ==\n")
    secrets = world.folder / "var" / "sandbox"
    for name in ("id_ed25519", "known_hosts"):
        shutil.copy(secrets / name, folder)


def new_key(world: World) -> None:
    """The new key is pasted, and the old one is deleted already: only the new one can do."""
    write_private(world.folder / "new.key", f"{NEW_KEY}\n")
    world.api.expire_key(TEST_KEY)


def killed_run(world: World) -> None:
    """The run of the night was killed when its first bill was created and no answer had come."""
    (world.folder / "night_bills_2026-11-30.csv").write_text(
        "customer_reference,account_reference,bill_reference,amount_due\nC-8,A-8,INV-8,220.00\nC-9,A-9,INV-9,330.00\n"
    )
    with subprocess.Popen(
        [write_program(world.folder.parent / "cold" / "billferry"), "load", "night_bills_2026-11-30.csv"],
        cwd=world.folder,
        env={**world.environment, "BILLFERRY_API__MAX_IN_FLIGHT": "1"},
        stderr=subprocess.DEVNULL,
    ) as run:
        world.api.faults = Scripted({1: callback(lambda _: run.kill(), Window.BEFORE_REPLY)})
        run.wait(60)
    world.api.faults = NoFaults()
    assert len(world.api.snapshot()["bills"]) == 1


def version_before(world: World) -> None:
    """A live merchant of the version before, one file unfinished and one held. The live API is the sandbox."""
    put_up(world.folder)
    ask_again(world.api)
    world.environment.pop("BILLFERRY_SFTP__PORT")
    world.environment.pop("BILLFERRY_SFTP__SETTLE_S")


def payments_told(world: World) -> None:
    """The API tells payments, to a port that is free, and its reports are put beside the bill files."""
    world.api.put_reports_into(world.folder / "var" / "sandbox" / "sftp" / "incoming")
    port = free_port()
    world.environment["BILLFERRY_PAYMENTS__LISTEN"] = f"127.0.0.1:{port}"
    settings = load_config(world.folder / "config.yaml").settings
    assert settings.payments is not None
    payments = settings.payments.model_copy(update={"listen": f"127.0.0.1:{port}"})
    tell_payments(settings.model_copy(update={"payments": payments}), world.api)


def database_named(world: World) -> None:
    """The ledger is in its file, with a file that was loaded, and the config names a database."""
    program = shutil.which("billferry", path=world.environment["PATH"])
    assert program is not None
    bills = world.folder / "night_bills_2026-11-30.csv"
    bills.write_text("customer_reference,account_reference,bill_reference,amount_due\nC-8,A-8,INV-8,220.00\n")
    words, environment = [program, "load", bills.name], world.environment
    subprocess.run(words, cwd=world.folder, env=environment, check=True, capture_output=True)
    config = world.folder / "config.yaml"
    config.write_text(f"{config.read_text()}\nledger: {shared_server().new_database()}\n")


def shared_ledger(world: World) -> None:
    """The ledger is in a database."""
    config = world.folder / "config.yaml"
    config.write_text(f"{config.read_text()}\nledger: {shared_server().new_database()}\n")


def nothing(_world: World) -> None:
    """The page needs nothing but a folder and the sandbox."""


GIVEN: dict[str, Callable[[World], None]] = {
    "how-to/map-your-file.md": nothing,
    "how-to/fix-rejects.md": nothing,
    "how-to/encrypted-files.md": nothing,
    "how-to/go-live.md": live_secrets,
    "how-to/rotate-the-key.md": new_key,
    "how-to/recover.md": killed_run,
    "how-to/audit.md": nothing,
    "how-to/privacy.md": nothing,
    "how-to/receive-payments.md": payments_told,
    "how-to/run-in-containers.md": nothing,
    "how-to/share-a-store.md": shared_ledger,
    "how-to/totals.md": nothing,
    "how-to/upgrade.md": version_before,
    "how-to/use-postgresql.md": database_named,
    "how-to/use-the-page.md": nothing,
    "money.md": nothing,
    "when-the-api-is-down.md": nothing,
}
"""Page → what its reader has, or meets."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", GIVEN)
def test_a_page_does_what_it_shows(page: str, world: World, tmp_path: Path, ports: Ports) -> None:
    GIVEN[page](world)
    session = Session(world.folder, tmp_path / "scripts", world.environment, ports.told())
    try:
        run = [session.run(block) for block in blocks(ROOT / "docs" / page) if block.not_run is None]
    finally:
        session.close()
    assert run
    bills = [bill["external_reference"] for bill in world.api.snapshot()["bills"]]
    assert len(bills) == len(set(bills)), "whatever a page does, no bill is there twice"


def test_every_page_with_commands_is_tried() -> None:
    docs = ROOT / "docs"
    with_commands = [page for page in docs.rglob("*.md") if "```sh" in page.read_text(encoding="utf-8")]
    pages = {page.relative_to(docs).as_posix() for page in with_commands if blocks(page)}
    assert pages == GIVEN.keys() | {"tutorial.md"}
