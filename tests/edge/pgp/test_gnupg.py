"""GnuPG in a child of its own: nothing of it is left, nothing of ours goes into it, and it cannot run away."""

from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.edge.pgp import gnupg as gnupg_module
from pipeline.edge.pgp.decrypt import Decryption, try_keys
from pipeline.edge.pgp.gnupg import gnupg
from pipeline.errors import ConfigError, FileRefused, GpgFailed
from schemas.pgp import Pgp
from tests.keyring import OTHER, OURS, PASSPHRASE, THEIRS, Keyring

TEXT = b"customer_reference,bill_reference\nC1,B1\n" * 1000


def facts_of(process: Path) -> list[str]:
    """Fields of /proc/PID/stat behind the name: state, parent, group, session."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def sessions(home: Path) -> set[str]:
    """Sessions of which a process works in a folder below `home`; the agent itself works in `/`."""
    found = set()
    for each in Path("/proc").glob("[0-9]*"):
        try:
            if (each / "cwd").readlink().is_relative_to(home):
                found.add(facts_of(each)[3])
        except (OSError, ValueError):
            continue
    return found


def processes(*of: str) -> dict[str, str]:
    """Living processes of sessions, and their programs."""
    found = {}
    for each in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session, *_ = facts_of(each)
            if session in of and state != "Z":
                found[each.name] = (each / "comm").read_text().strip()
        except OSError:
            continue
    return found


def gone(of: set[str], within_s: float) -> bool:
    """Whether all processes of these sessions end in time: the kernel takes a while to end one that is killed."""
    deadline = time.monotonic() + within_s
    while alive := processes(*of):
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return not alive


def decrypted(keyring: Keyring, folder: Path, message: bytes, **pgp: object) -> tuple[bytes, Decryption]:
    keyring.put(folder)
    (folder / "message").write_bytes(message)
    said = Pgp.model_validate({"key_file": folder / "ours.key", **pgp})
    decryption = Decryption(folder / "message", "b.csv.pgp", said, "feeds.bills.pgp")
    return b"".join(decryption.blocks(folder)), decryption


def test_nothing_is_left_of_home_and_agent(keyring: Keyring, tmp_path: Path) -> None:
    content, _ = decrypted(keyring, tmp_path, keyring.encrypted(TEXT))
    assert content == TEXT
    assert {each.name for each in tmp_path.iterdir()} == {"message", "ours.key", "signers.asc"}
    assert sessions(tmp_path) == set()


def test_nothing_is_left_when_nobody_reads_on(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    (tmp_path / "message").write_bytes(keyring.encrypted(os.urandom(1 << 22)))
    decryption = Decryption(tmp_path / "message", "b", Pgp(key_file=tmp_path / "ours.key"), "pgp")
    blocks = decryption.blocks(tmp_path)
    assert next(blocks)
    (home,) = tmp_path.glob("gnupg-*")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(each.stat().st_mode) & 0o077 == 0 for each in home.glob("private-keys*/*"))
    at_work = sessions(tmp_path)
    assert sorted(processes(*at_work).values()) == ["cat", "gpg", "gpg-agent"]
    began = time.monotonic()
    blocks.close()
    assert gone(at_work, within_s=3)
    assert time.monotonic() - began < 3, "sooner than an agent ends by itself"
    assert not list(tmp_path.glob("gnupg-*"))


def test_a_path_may_be_longer_than_that_of_a_socket(keyring: Keyring, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    assert decrypted(keyring, folder, keyring.encrypted(TEXT))[0] == TEXT


def test_children_get_nothing_of_ours_and_no_secret_as_an_argument(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BILLFERRY_API__KEY", "sk_test_secret")
    keyring.put(tmp_path)
    (tmp_path / "pass").touch(mode=0o600)
    (tmp_path / "pass").write_text(PASSPHRASE)
    (tmp_path / "message").write_bytes(keyring.encrypted(os.urandom(1 << 22)))
    pgp = Pgp(key_file=tmp_path / "ours.key", passphrase_file=tmp_path / "pass")
    blocks = Decryption(tmp_path / "message", "b", pgp, "pgp").blocks(tmp_path)
    next(blocks)
    for pid in processes(*sessions(tmp_path)):
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"sk_test_secret" not in environment
        assert str(Path.home()).encode() + b"\0" not in environment
        assert PASSPHRASE.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert "Max core file size        0" in Path(f"/proc/{pid}/limits").read_text()
    blocks.close()


def test_the_agent_ends_when_we_are_killed(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom pipeline.edge.pgp.gnupg import gnupg\n"
        "with gnupg(Path(sys.argv[1])) as gpg:\n"
        "    gpg.run('--import', given=Path(sys.argv[2]).read_bytes())\n    print('up', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path, tmp_path / "ours.key"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        at_work = sessions(tmp_path)
        assert sorted(processes(*at_work).values()) == ["cat", "gpg-agent"]
        process.kill()
    assert gone(at_work, within_s=30)


def test_a_gpg_that_says_nothing_is_ended(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnupg_module, "STALL_S", 3)
    monkeypatch.setattr(gnupg_module, "_program", odd_gpg(tmp_path, "exec sleep 60"))
    with pytest.raises((FileRefused, ConfigError), match=r"too long|not a valid"):
        decrypted(keyring, tmp_path, keyring.encrypted(TEXT))
    assert sessions(tmp_path) == set()


def odd_gpg(folder: Path, instead: str) -> object:
    """gpg that does something else when it is to decrypt; its other programs as they are."""
    real = gnupg_module._program
    script = folder / "gpg"
    script.write_text(f'#!/bin/sh\ncase "$*" in *--decrypt*) {instead};; *) exec {real("gpg")} "$@";; esac\n')
    script.chmod(0o700)
    return lambda name: str(script) if name == "gpg" else real(name)


@pytest.mark.parametrize("ending", ["kill -9 $$", "exit 127", "exit 0"])
def test_a_gpg_that_does_not_work_is_no_fault_of_the_file(
    keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(gnupg_module, "_program", odd_gpg(tmp_path, ending))
    with pytest.raises(GpgFailed, match="the file stays where it is, run again"):
        decrypted(keyring, tmp_path, keyring.encrypted(TEXT))


def test_time_and_memory_of_a_child_are_bounded(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    with gnupg(tmp_path) as gpg, gpg._child(("--import",), stdin=subprocess.PIPE) as child:
        limits = Path(f"/proc/{child.pid}/limits").read_text()
    said = {line[:25].strip(): line[25:].split()[0] for line in limits.splitlines()}
    assert said["Max cpu time"] == str(gnupg_module.CPU_S)
    assert said["Max address space"] == str(gnupg_module.MEMORY_BYTES)
    assert said["Max file size"] == str(gnupg_module.OWN_FILES_BYTES)


def test_a_missing_gpg_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ConfigError, match=r"pgp: the program gpg is not installed; install GnuPG"),
        gnupg(tmp_path),
    ):
        pass


def test_an_old_gpg_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "gpg"
    old.write_text("#!/bin/sh\necho 'gpg (GnuPG) 1.4.23'\n")
    old.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with (
        pytest.raises(ConfigError, match=r"pgp: gpg is of version 1\.4\.23; install GnuPG 2\.2 or later"),
        gnupg(tmp_path),
    ):
        pass


# -- keys --


def test_keys_are_tried_as_a_sender_and_a_run_use_them(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    facts = try_keys(
        Pgp(key_file=tmp_path / "ours.key", signers_file=tmp_path / "signers.asc"), "feeds.b.pgp", tmp_path
    )
    assert facts.fingerprints == (keyring.fingerprint(OURS),)
    assert facts.expires_at is None
    assert facts.signers == ((keyring.fingerprint(THEIRS), None),)


@pytest.mark.parametrize(
    ("files", "keys", "problem"),
    [
        (
            {"ours.key": b"no key"},
            {},
            r"feeds\.b\.pgp\.key_file: .*ours\.key is not a valid secret OpenPGP key",
        ),
        ({"ours.key": b""}, {}, r"feeds\.b\.pgp\.key_file: .*ours\.key is empty"),
        ({"signers.asc": b"no key"}, {}, r"signers_file: .*signers\.asc is not a valid OpenPGP public key"),
        ({}, {"passphrase_file": "gone"}, r"passphrase_file: .*gone cannot be read"),
        ({}, {"key_file": "gone"}, r"key_file: .*gone cannot be read"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_in_one_line(
    keyring: Keyring, tmp_path: Path, files: dict[str, bytes], keys: dict[str, str], problem: str
) -> None:
    keyring.put(tmp_path, **files)
    names = {"key_file": "ours.key", "signers_file": "signers.asc", **keys}
    pgp = Pgp.model_validate({key: tmp_path / name for key, name in names.items()})
    with pytest.raises(ConfigError, match=problem):
        try_keys(pgp, "feeds.b.pgp", tmp_path)


def test_a_public_key_is_no_secret_key(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path, **{"ours.key": keyring.public(OURS)})
    with pytest.raises(ConfigError, match="is not a valid secret OpenPGP key"):
        try_keys(Pgp(key_file=tmp_path / "ours.key"), "feeds.b.pgp", tmp_path)


def test_files_of_keys_that_others_can_read_or_change_are_not_used(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path)
    pgp = Pgp(key_file=tmp_path / "ours.key", signers_file=tmp_path / "signers.asc")
    (tmp_path / "signers.asc").chmod(0o664)
    with pytest.raises(ConfigError, match=r"signers\.asc can be changed by others; run chmod go-w"):
        try_keys(pgp, "feeds.b.pgp", tmp_path)
    (tmp_path / "signers.asc").chmod(0o644)
    try_keys(pgp, "feeds.b.pgp", tmp_path)
    (tmp_path / "ours.key").chmod(0o640)
    with pytest.raises(ConfigError, match=r"ours\.key can be read by others; run chmod 600"):
        try_keys(pgp, "feeds.b.pgp", tmp_path)


def test_a_key_with_a_passphrase_needs_it_right(keyring: Keyring, tmp_path: Path) -> None:
    keyring.new_key("locked@ours.example", passphrase=PASSPHRASE)
    keyring.put(tmp_path, **{"ours.key": keyring.secret("locked@ours.example", passphrase=PASSPHRASE)})
    message = keyring.encrypted(TEXT, to=("locked@ours.example",))
    (tmp_path / "right").touch(mode=0o600)
    (tmp_path / "right").write_text(f"{PASSPHRASE}\n")
    (tmp_path / "wrong").touch(mode=0o600)
    (tmp_path / "wrong").write_text("wrong")
    with pytest.raises(
        ConfigError, match=r"passphrase_file: the secret key has a passphrase; put it into a file"
    ):
        decrypted_by(tmp_path, message)
    with pytest.raises(ConfigError, match=r"passphrase_file: this is not the passphrase of the secret key"):
        decrypted_by(tmp_path, message, passphrase_file=tmp_path / "wrong")
    assert decrypted_by(tmp_path, message, passphrase_file=tmp_path / "right") == TEXT
    locked = Pgp(key_file=tmp_path / "ours.key", passphrase_file=tmp_path / "wrong")
    with pytest.raises(ConfigError, match="this is not the passphrase"):
        try_keys(locked, "feeds.b.pgp", tmp_path)


def decrypted_by(folder: Path, message: bytes, **keys: Path) -> bytes:
    (folder / "message").write_bytes(message)
    pgp = Pgp(key_file=folder / "ours.key", **keys)  # type: ignore[arg-type]
    return b"".join(Decryption(folder / "message", "b", pgp, "feeds.b.pgp").blocks(folder))


def test_several_keys_may_stand_in_one_file(keyring: Keyring, tmp_path: Path) -> None:
    keyring.put(tmp_path, **{"ours.key": keyring.secret(OTHER) + keyring.ours})
    assert decrypted_by(tmp_path, keyring.encrypted(TEXT)) == TEXT
    assert decrypted_by(tmp_path, keyring.encrypted(TEXT, to=(OTHER,))) == TEXT


def test_an_expired_key_still_decrypts_and_is_told_beforehand(keyring: Keyring, tmp_path: Path) -> None:
    long_ago = {"faked-system-time": "20200101T000000!"}
    fingerprint = keyring.new_key("old@ours.example", expires="2020-02-01", **long_ago)
    message = keyring.gpg(
        *("--faked-system-time", "20200102T000000!", "--recipient", fingerprint, "--encrypt"), given=TEXT
    )
    keyring.put(tmp_path, **{"ours.key": keyring.secret("old@ours.example")})
    assert decrypted_by(tmp_path, message) == TEXT
    with pytest.raises(ConfigError, match=r"key_file: no key in it can be encrypted to: expired, revoked"):
        try_keys(Pgp(key_file=tmp_path / "ours.key"), "feeds.b.pgp", tmp_path)


def test_a_limit_does_not_come_between_reading_and_writing_that_of_core_dumps() -> None:
    """gpg writes back the upper bound that it has read; as anybody but root it may not, once that was lowered."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as child:
        gnupg_module._limit(child.pid, 60)
        assert resource.prlimit(child.pid, resource.RLIMIT_CORE) == (0, hard)
        assert resource.prlimit(child.pid, resource.RLIMIT_CPU)[0] == 60
