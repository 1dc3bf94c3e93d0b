"""The container's files name only what there is, and their steps are done here without Docker."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from pipeline.edge.config import load_config
from tests.docs.test_command_lines import mistake
from tests.packaging.box import Box
from tests.packaging.dockerfile import CONTAINER, TMP, build_stage, copied, instructions, words_of_command
from tests.packaging.test_wheel import environment, ran
from tests.seeds import SOAK
from tests.world import ROOT

EXTRAS = ("postgres", "s3", "sandbox", "serve", "workbooks", "xlsx")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TEXT = (CONTAINER / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
BILLFERRY = {name: each for name, each in SERVICES.items() if "build" in each}
SAMPLE = ROOT / "sample_files" / "za_citypower_bills_2026-11-20.csv"
ONLY_SOAK = pytest.mark.skipif(not SOAK, reason="with SOAK: installs from the package index")


def versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def test_the_dockerfile_copies_what_is_there_and_all_that_the_wheel_is_made_of() -> None:
    sources = {source for each, _ in copied() for source in each}
    assert [source for source in sources if not (ROOT / source).exists()] == []
    project, wheel = PROJECT["project"], PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert sources >= {
        "pyproject.toml",
        project["readme"],
        *project["license-files"],
        *wheel["packages"],
        *wheel["force-include"],
    }


def test_the_image_runs_as_nobody_in_particular_and_asks_the_ledger() -> None:
    last = {each.name: each.rest for each in instructions() if each.stage == 2}
    assert last["USER"] == "10001:10001"
    assert words_of_command(last["ENTRYPOINT"]) == ["billferry"]
    assert f"TMPDIR={TMP}" in last["ENV"]
    assert last["HEALTHCHECK"].endswith(f"CMD {SERVICES['watch']['healthcheck']['test'][1]}")
    assert mistake(words_of_command(last["CMD"]), complete=True) is None
    texts = [each.rest for each in instructions() if each.stage == 2 and each.name == "RUN"]
    assert "--uid 10001" in " ".join(texts)
    assert "gnupg" in " ".join(texts)


@pytest.mark.parametrize("name", BILLFERRY)
def test_a_service_uses_commands_that_there_are(name: str) -> None:
    service = BILLFERRY[name]
    assert (ROOT / "contrib/container" / service["build"]["context"]).resolve() == ROOT
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    assert mistake(service["command"], complete=True) is None
    asked = words_of_command(service["healthcheck"]["test"])
    for line in asked:
        if line.startswith("billferry "):
            assert mistake(shlex.split(line.partition(">")[0])[1:], complete=True) is None


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"] == "90s"
    assert service["healthcheck"]["test"]
    assert TMP in service["tmpfs"]


def test_one_leads_two_work_and_postgres_syncs() -> None:
    commands = [" ".join(each["command"]) for each in SERVICES.values()]
    assert sorted(commands[1:]) == ["sandbox", "serve", "watch", "worker", "worker"]
    workers = [each["hostname"] for each in BILLFERRY.values() if each["command"] == ["worker"]]
    assert len(set(workers)) == 2
    assert {"listen_addresses=", "fsync=on"} < set(SERVICES["ledger"]["command"])
    assert SERVICES["ledger"]["network_mode"] == "none"


def test_the_config_loads_and_what_it_names_is_mounted(tmp_path: Path) -> None:
    for place in ("drop/in", "keys"):
        (tmp_path / place).mkdir(parents=True)
    path = tmp_path / "config.yaml"
    path.write_text((CONTAINER / "config.yaml").read_text().replace("/srv/billferry/", f"{tmp_path}/"))
    settings = load_config(path).settings
    drop, key_file = settings.drop, settings.api.key_file
    assert drop is not None
    assert key_file is not None
    assert settings.feeds[0].model == "bill"
    mounts = {each.split(":")[1] for each in SERVICES["watch"]["volumes"]}
    places = [
        f"/srv/billferry/{place.relative_to(tmp_path)}"
        for place in (settings.work_dir, key_file.parent, drop.folder.parent, drop.folder)
    ]
    assert set(places[:3]) <= mounts
    made = " ".join(each.rest for each in instructions() if "install -d" in each.rest).split()
    assert set(places) <= set(made)
    declared = set(yaml.safe_load(TEXT)["volumes"])
    sources = {volume.split(":")[0] for each in SERVICES.values() for volume in each["volumes"]}
    assert sources == declared | {"./config.yaml"}


def test_the_lock_has_all_that_the_wheel_requires_and_nothing_of_another_version() -> None:
    locked = versions(CONTAINER / "requirements.lock")
    everything = versions(ROOT / "requirements.lock")
    assert locked.items() <= everything.items()
    project = PROJECT["project"]
    extras = [line for name in EXTRAS for line in project["optional-dependencies"][name]]
    for line in [*project["dependencies"], *extras]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[wanted.name], prereleases=True), line
    assert not {"pytest", "mypy", "ruff", "hatchling"} & locked.keys()
    shipped = re.findall(r"--extra (\w+)", re.findall(r"^SHIPPED := (.+)$", makefile(), re.MULTILINE)[0])
    assert tuple(shipped) == EXTRAS


@pytest.mark.parametrize("name", ["requirements", "build", "sbom"])
def test_a_lock_names_no_index_and_shares_versions(name: str) -> None:
    text = (CONTAINER / f"{name}.lock").read_text()
    assert "://" not in text
    assert "--index" not in text
    everything, locked = versions(ROOT / "requirements.lock"), versions(CONTAINER / f"{name}.lock")
    assert {
        each: version for each, version in locked.items() if everything.get(each, version) != version
    } == {}
    assert all(re.search(rf"^{each}==.*\\\n +--hash=sha256:", text, re.MULTILINE) for each in locked)


def makefile() -> str:
    return (ROOT / "Makefile").read_text()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the build stage makes, in a folder that every user may look into; the environment in which it is found."""
    folder = Path(tempfile.mkdtemp(prefix="bf-image-", dir=TMP))
    folder.chmod(0o755)
    env = environment(tmp_path_factory.mktemp("home"))
    try:
        build_stage(folder, {**env, "PATH": f"{ROOT / '.venv/bin'}:{env['PATH']}"})
        yield {**env, "PATH": f"{folder}/opt/billferry/bin:{env['PATH']}"}
    finally:
        shutil.rmtree(folder)


@ONLY_SOAK
@pytest.mark.timeout(900)
def test_the_steps_of_the_dockerfile_make_a_billferry_that_needs_no_checkout(
    image: dict[str, str], tmp_path: Path
) -> None:
    env = image
    assert ran("billferry", "--version", cwd=tmp_path, env=env).stdout.startswith("billferry ")
    said = ran("billferry", "demo", cwd=tmp_path, env=env).stderr
    assert "18 files are known: nothing of them is sent again" in said
    where = ran("python", "-c", "import pipeline; print(pipeline.__file__)", cwd=tmp_path, env=env).stdout
    assert not Path(where.strip()).is_relative_to(ROOT)


@ONLY_SOAK
@pytest.mark.timeout(900)
def test_the_services_of_compose_load_a_file_with_nothing_writable_but_their_volumes(
    image: dict[str, str],
) -> None:
    with ExitStack() as at_end:
        box = Box(image, at_end)
        probe = subprocess.run(box.words("watch", "true"), capture_output=True, text=True, check=False)
        if probe.returncode:
            pytest.skip(f"nothing can be mounted here: {probe.stderr}")
        for name in box.services:
            if name != "ledger":
                box.up(name)
        shutil.copy(SAMPLE, box.root / "srv/billferry/drop/in")
        box.until(
            lambda: bool((found := box.status())["files"] and found["files"][0]["finished_at"]), "loaded"
        )
        status = box.status()
        assert (status["files"][0]["state"], status["files"][0]["records"]["total"]) == ("loaded", 12)
        assert {"worker-1", "worker-2"} == {each["name"].partition(":")[0] for each in status["workers"]}
        done = box.root / "srv/billferry/drop/done"
        box.until(lambda: any(done.glob(f"{SAMPLE.name}.*")), "moved")
        for process in box.started.values():
            process.send_signal(signal.SIGTERM)
        ends = {name: process.wait(90) for name, process in box.started.items()}
        assert ends == {**dict.fromkeys(ends, 128 + signal.SIGTERM), "sandbox": 0}


@ONLY_SOAK
def test_the_sbom_names_each_package_of_the_lock(tmp_path: Path) -> None:
    env = environment(tmp_path)
    ran(ROOT / ".venv/bin/python", "-m", "venv", tmp_path / "v", cwd=tmp_path)
    python = tmp_path / "v/bin/python"
    ran(
        python,
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "-r",
        CONTAINER / "sbom.lock",
        cwd=tmp_path,
        env=env,
    )
    (line,) = re.findall(r"^\t\$\(BIN\)/python (.*cyclonedx_py.*)$", makefile(), re.MULTILINE)
    line = line.replace("$(CONTAINER)", str(CONTAINER)).replace("dist/sbom.json", str(tmp_path / "sbom.json"))
    ran(python, *shlex.split(line), cwd=ROOT, env=env)
    sbom = json.loads((tmp_path / "sbom.json").read_text())
    assert {each["name"]: each["version"] for each in sbom["components"]} == versions(
        CONTAINER / "requirements.lock"
    )
    assert sbom["metadata"]["component"]["name"] == "billferry"
