"""Where files and folders may be: not where others' files are taken for bill files, swept, or written over.

Compared are real places: links are followed, and where both exist the system is asked whether they are one (a folder
that is mounted twice, a file system without capitals).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from os import path as os_path
from os import stat_result
from pathlib import Path

from pipeline.edge.operator_files import check_secret, shortened, unreadable
from pipeline.errors import ConfigError

_STORE = "store"
"""Key of the folder that hosts share."""
_NEVER_MADE = ("drop.folder", _STORE)
"""Folders that others write into, too: what is missing is not mounted, perhaps."""
DROP_FOLDERS = ("drop.folder", "drop.archive", "drop.quarantine")
"""Keys of folders that bill files are taken from or moved to."""
SECRETS = (
    "api.key_file",
    "ping.url_file",
    "sftp.private_key_file",
    "sftp.passphrase_file",
    "sftp.password_file",
    "page.identity.secret_file",
    "ledger_password_file",
    "s3.credentials_file",
)
"""Keys of files that only their owner may read."""
SECRETS_OF_FEEDS = (".pgp.key_file", ".pgp.passphrase_file")
"""How the keys of such files end that feeds name."""
SECRETS_LISTED = "payments.secret_files."
"""How the keys of such files begin that are in a list."""
FILES = (*SECRETS, *SECRETS_OF_FEEDS, ".pgp.signers_file", "sftp.known_hosts_file", "metrics_file")
"""Keys of all files that a config names; none of them may lie where bill files are taken or our own files are."""
OWN_FOLDERS = ("landing", "reports", "payments", "uploads")
"""Below work_dir."""
OWN_FILES = (
    *(f"{name}.sqlite{of}" for name in ("ledger", "inbox") for of in ("", "-wal", "-shm", "-journal")),
    "lock",
)
"""Below work_dir, those of SQLite beside its database among them. Source: sqlite.org/tempfiles.html."""
DESCRIPTIONS = {
    "landing": "the folder of our copies",
    "reports": "the folder of the reports",
    "payments": "the folder of payments files",
    "uploads": "the folder of files dropped on the page",
    "lock": "the lock",
}
"""Name below work_dir → how a message calls it; the others are the ledger and the inbox of payments."""


def path_mistakes(
    paths: Mapping[str, Path], config: Path, *, folders_may_be_missing: bool = False
) -> Iterator[ConfigError]:
    """What is wrong with the places that a config names, one mistake each.

    Args:
        paths: dotted key → absolute path, only of keys that are set and have the right type.
        config: the config file itself, which must not be taken for a bill file either.
        folders_may_be_missing: whether folders that are not there are no mistake, since nothing is put there.
    """
    for key in ("work_dir", *DROP_FOLDERS, _STORE):
        if key in paths and not folders_may_be_missing:
            yield from folder_mistake(key, paths[key], paths.get("work_dir"))
    yield from _overlaps(paths, config)
    yield from _store_mistakes(paths)
    if "metrics_file" in paths:
        yield from _metrics_mistake(paths["metrics_file"], paths.get("work_dir"))
    for key, path in paths.items():
        if key.endswith((*SECRETS, *SECRETS_OF_FEEDS)) or key.startswith(SECRETS_LISTED):
            try:
                check_secret(path, key)
            except ConfigError as mistake:
                yield mistake


def own_place(path: Path, work_dir: Path) -> str | None:
    """Which part of a work_dir a path is or lies in, as a message calls it; None when in none of them."""
    return _Look().own_place(path, work_dir)


def _own_places(work_dir: Path) -> Iterator[tuple[str, Path]]:
    """Description and path of everything that a run keeps below work_dir."""
    for name in (*OWN_FOLDERS, *OWN_FILES):
        default = "the inbox of payments" if name.startswith("inbox") else "the ledger"
        yield DESCRIPTIONS.get(name, default), work_dir / name


def is_within(inner: Path, outer: Path) -> bool:
    """Whether a place is another one or lies below it."""
    return _Look().is_within(inner, outer)


class _Look:
    """One look at places, each of which is compared with many: the system is asked about a path once."""

    def __init__(self) -> None:
        self._real = cache(lambda path: Path(os_path.realpath(path)))
        self._above = cache(lambda real: (*reversed(real.parents), real))
        self._status = cache(_stat_or_none)

    def own_place(self, path: Path, work_dir: Path) -> str | None:
        return next((what for what, own in _own_places(work_dir) if self.is_within(path, own)), None)

    def is_within(self, inner: Path, outer: Path) -> bool:
        real, other = self._real(inner), self._real(outer)
        place = self._status(other)
        if place is None:
            # What does not exist yet may turn out to be there, where capitals make no difference.
            return _casefolded(real.parts[: len(other.parts)]) == _casefolded(other.parts)
        for each in self._above(real):
            found = self._status(each)
            if found is None:
                return real.is_relative_to(other)
            if os_path.samestat(found, place):
                return True
        return False


def _stat_or_none(path: Path) -> stat_result | None:
    """The status of a path, links followed; None where it is missing or may not be seen."""
    try:
        return path.stat()
    except OSError:
        return None


def _casefolded(parts: tuple[str, ...]) -> list[str]:
    return [part.casefold() for part in parts]


def _overlaps(paths: Mapping[str, Path], config: Path) -> Iterator[ConfigError]:
    """Folders of bill files that share their place with our own files, with each other, or with a file that is
    named.
    """
    look, work_dir = _Look(), paths.get("work_dir")
    for key in DROP_FOLDERS:
        folder = paths.get(key)
        if folder is None or work_dir is None:
            continue
        if look.is_within(work_dir, folder):
            itself = look.is_within(folder, work_dir)
            what = "work_dir itself" if itself else "a folder that work_dir lies in"
            yield ConfigError(
                where=key, problem=f"this is {what}", remedy="give bill files a folder of their own"
            )
            continue
        shared = {
            what
            for what, own in _own_places(work_dir)
            if look.is_within(folder, own) or look.is_within(own, folder)
        }
        if shared:
            problem = f"it shares its place with {' and '.join(sorted(shared))}"
            yield ConfigError(where=key, problem=problem, remedy="name another folder, such as work_dir/drop")
    drop = paths.get("drop.folder")
    for key in DROP_FOLDERS[1:]:
        if drop is None or key not in paths:
            continue
        if look.is_within(paths[key], drop) and look.is_within(drop, paths[key]):
            problem = "archive and quarantine must be other folders than folder, or null: files stay"
            yield ConfigError(where=f"{config}: drop", problem=problem, remedy="correct it")
    named = (each for each in paths.items() if each[0].endswith(FILES) or each[0].startswith(SECRETS_LISTED))
    for key, file in (*named, (str(config), config)):
        if drop is not None and look.is_within(file, drop):
            problem = "this file lies in drop.folder and would be taken for a bill file"
            yield ConfigError(where=key, problem=problem, remedy="put it elsewhere")
        elif work_dir is not None and (owner := look.own_place(file, work_dir)) is not None:
            yield ConfigError(where=key, problem=f"this path belongs to {owner}", remedy="name another file")


def _store_mistakes(paths: Mapping[str, Path]) -> Iterator[ConfigError]:
    """A store that shares its place with what is one host's own."""
    look, store = _Look(), paths.get(_STORE)
    for key in ("work_dir", *DROP_FOLDERS):
        if store is None or key not in paths:
            continue
        if look.is_within(store, paths[key]) or look.is_within(paths[key], store):
            problem, remedy = (
                f"it shares its place with {key}",
                "name a folder of its own, which all hosts have",
            )
            yield ConfigError(where=_STORE, problem=problem, remedy=remedy)


def folder_mistake(key: str, folder: Path, work_dir: Path | None) -> Iterator[ConfigError]:
    """Folders below work_dir are made when needed; any other must be there, or at least the folder it goes into."""
    exists = True
    try:
        try:
            folder.lstat()
        except (FileNotFoundError, NotADirectoryError):
            exists = False
        if folder.is_dir():  # asked last: another command may make it at any moment
            return
    except OSError as error:
        yield unreadable(folder, key, error)
        return
    if work_dir is not None and folder != work_dir and not exists and is_within(folder, work_dir):
        return
    if key not in _NEVER_MADE and not exists and folder.parent.is_dir():
        return
    yield ConfigError(
        where=key, problem=f"folder {shortened(folder)} does not exist", remedy="create it or name another"
    )


def _metrics_mistake(path: Path, work_dir: Path | None) -> Iterator[ConfigError]:
    """It is there for another user to read: not in a folder that only its owner can enter."""
    problem = None
    if path.suffix != ".prom":
        problem = "node_exporter reads files named *.prom alone"
    elif work_dir is not None and is_within(path, work_dir):
        problem = "nobody else can enter work_dir"
    elif not _is_true(path.parent.is_dir):
        problem = f"folder {shortened(path.parent)} does not exist"
    elif not _is_true(lambda: not path.exists() or path.is_file()):
        problem = f"{shortened(path)} is not a file"
    if problem:
        remedy = "name a .prom file in the folder of the textfile collector"
        yield ConfigError(where="metrics_file", problem=problem, remedy=remedy)


def _is_true(check: Callable[[], bool]) -> bool:
    """What a check of the file system finds; False where the system does not let us look."""
    try:
        return check()
    except OSError:
        return False
