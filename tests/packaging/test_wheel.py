"""The built wheel alone is enough for a demo, and the source distribution builds the same wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.seeds import SOAK

ROOT = Path(__file__).resolve().parents[2]
PASSED_ON = ("PATH", "LANG", "PIP_", "SSL_", "REQUESTS_CA", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
"""What an installation may need to reach the package index, in either case."""


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(PASSED_ON)}
    mine = {"HOME": str(home), "TMPDIR": str(home), "PIP_CACHE_DIR": str(home / "pip")}
    config = Path.home() / ".config" / "pip" / "pip.conf"
    return kept | mine | ({"PIP_CONFIG_FILE": str(config)} if config.exists() else {})


def ran(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=280)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended


def built(source: Path, into: Path, kind: str) -> Path:
    ran(sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", into, source, cwd=into.parent)
    (result,) = into.iterdir()
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_both_packages_and_what_the_demo_needs(wheel: Path) -> None:
    held = names(wheel)
    assert {"pipeline/cli/__init__.py", "schemas/settings.py", "pipeline/_shipped/config.yaml"} <= held
    assert {f"schemas/json/{name}.schema.json" for name in ("result", "summary")} <= held
    samples = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "sample_files").rglob("*") if path.is_file()
    }
    assert {f"pipeline/_shipped/{sample}" for sample in samples} <= held
    pages = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / "pipeline/report/html/templates").iterdir()
    }
    assert len(pages) >= 5
    assert pages <= held
    tops = {name.partition("/")[0] for name in held}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pipeline", "schemas"}


@pytest.mark.skipif(not SOAK, reason="with SOAK: builds twice")
def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "sdist").mkdir()
    with tarfile.open(built(ROOT, tmp_path / "sdist", "sdist")) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.glob("billferry-*")
    for kept in ("Makefile", "requirements.lock", "docs/config.md", "tests/law/house.py", "CONTRIBUTING.md"):
        assert (source / kept).exists(), kept
    (tmp_path / "again").mkdir()
    assert names(built(source, tmp_path / "again", "wheel")) == names(wheel)


@pytest.mark.timeout(600)
def test_the_demo_runs_from_the_wheel_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """In one that has nothing but what the wheel requires; with SOAK, from the package index."""
    home, elsewhere, place = tmp_path / "home", tmp_path / "elsewhere", tmp_path / "venv"
    home.mkdir()
    elsewhere.mkdir()
    env = environment(home)
    venv.create(place)
    install = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        place / "bin" / "python",
        "install",
        "-q",
        "--no-compile",
    )
    if SOAK:
        lock = ROOT / "requirements.lock"  # the versions that were tried, not those of the day
        ran(*install, f"{wheel}[sandbox]", "-c", constraints(lock, tmp_path), cwd=elsewhere, env=env)
    else:
        ran(*install, "--no-deps", "--no-index", wheel, cwd=elsewhere, env=env)
        (packages,) = (place / "lib").glob("python*/site-packages")
        lend_required(wheel, "sandbox", packages)
    left_by_pip = {path.name for path in home.iterdir()}
    said = ran(place / "bin" / "billferry", "demo", cwd=elsewhere, env=env)
    assert "18 files are known: nothing of them is sent again" in said.stderr
    assert "with their dates corrected: 2 records loaded" in said.stderr
    assert "za_ubuntulife_premiums_20261121.csv: held." in said.stderr
    assert "za_ubuntulife_premiums_20261121.csv: 3 records loaded" in said.stderr
    assert len(said.stderr.splitlines()) <= 30, "one screen"
    pages = [
        Path(line.split()[0])
        for line in said.stderr.splitlines()
        if line.startswith("  ") and ".html" in line
    ]
    assert [page.name for page in pages] == ["index.html", "report.html"]
    assert all((elsewhere / page).is_file() for page in pages)
    assert {path.name for path in elsewhere.iterdir()} == {"billferry-demo"}
    assert {path.name for path in home.iterdir()} == left_by_pip
    where = ran(
        place / "bin" / "python", "-c", "import pipeline; print(pipeline.__file__)", cwd=elsewhere, env=env
    )
    assert Path(where.stdout.strip()).is_relative_to(place)


def lend_required(wheel: Path, extra: str, packages: Path) -> None:
    """What a wheel says that it requires, all of it and nothing else, as links to what is installed here."""
    (metadata,) = (name for name in names(wheel) if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        text = message_from_bytes(archive.read(metadata))
    wanted = [(each, extra) for each in text.get_all("Requires-Dist", [])]
    lent = set[tuple[str, str]]()
    while wanted:
        line, of_extra = wanted.pop()
        required = Requirement(line)
        if required.marker and not required.marker.evaluate({"extra": of_extra}):
            continue
        found = distribution(required.name)
        assert required.specifier.contains(found.version, prereleases=True), line
        for each in ("", *required.extras):
            if (required.name, each) not in lent:
                lent.add((required.name, each))
                wanted += [(more, each) for more in found.requires or []]
        for top in {
            path.parts[0] for path in found.files or [] if path.parts[0] not in {"..", "__pycache__"}
        }:
            if not (packages / top).exists():
                (packages / top).symlink_to(str(found.locate_file(top)))


def constraints(lock: Path, folder: Path) -> Path:
    """The lock's versions without its hashes, which a wheel built just now cannot have."""
    path = folder / "constraints.txt"
    lines = [
        line.removesuffix(" \\")
        for line in lock.read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    ]
    assert len(lines) > 30
    path.write_text("\n".join(lines) + "\n")
    return path
