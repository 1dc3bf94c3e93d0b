"""OpenSSH with accounts of its own: passwords, chroots and rights as a real server has them.

sshd runs in a mount namespace of its own, in which files of ours stand in place of /etc/passwd, /etc/group and
/etc/shadow; the machine's are not touched. Needs root and the right to mount.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

from tests.servers.openssh import OpenSsh, missing, require_sshd

BILLS, BILLS_UID = "billferry", 20_001
"""Our account."""
UPLOADER_UID = 20_002
"""Whoever puts the files there."""
GROUP_GID = 20_003
"""What both belong to."""
PASSWORD = "correct horse"
_HASH = (
    "$6$billferrysalt$fgw4CiqA.4VftZA3ncW.Nakgq4vls6WabjXYxEU9VhEDa5URK7cWt54EVhk6JpsrMfcBJpOtANDJJdvvNYDms1"
)
"""Of that password, by `openssl passwd -6`."""
_SEEN_AT = "/mnt"
"""Where the server's folder stands in the namespace: a chroot must have nothing writable above it, and /tmp is."""


class AccountSsh(OpenSsh):
    """The account `billferry`, whose "/" (or, with `chroot=False`, `files_at`) is the folder `files`.

    `sftp` are options of internal-sftp, such as `-R` for read-only.
    """

    def __init__(
        self, folder: Path, files: Path, *, sftp: str = "", chroot: bool = True, password: bool = False
    ) -> None:
        inside = Path(_SEEN_AT)
        self.files_at = "" if chroot else f"{inside}/files"
        super().__init__(
            folder,
            options=(
                "LogLevel=DEBUG",
                f"ForceCommand=internal-sftp {sftp}".rstrip(),
                *([f"ChrootDirectory={inside}/files"] if chroot else []),
                *(["PasswordAuthentication=yes", "PubkeyAuthentication=no"] if password else []),
            ),
        )
        self.username = BILLS
        self._files = files
        self._inside = inside
        folder.chmod(0o755)
        (folder / "files").mkdir()
        self.authorized_keys.chmod(0o644)
        self.authorized_keys = inside / "authorized_keys"
        (folder / "passwd").write_text(
            "root:x:0:0::/root:/bin/sh\nsshd:x:109:65534::/run/sshd:/bin/false\n"
            f"{BILLS}:x:{BILLS_UID}:{GROUP_GID}::/:/bin/false\n"
        )
        (folder / "group").write_text(f"root:x:0:\nnogroup:x:65534:\nbills:x:{GROUP_GID}:\n")
        (folder / "shadow").write_text(f"root:*:19000::::::\n{BILLS}:{_HASH}:19000::::::\n")

    def _before(self) -> list[str]:
        folder = shlex.quote(str(self.folder))
        mounts = [f"mount --bind {folder}/{name} /etc/{name}" for name in ("passwd", "group", "shadow")]
        mounts += [
            f"mount --bind {shlex.quote(str(self._files))} {folder}/files",
            f"mount --rbind {folder} {self._inside}",
        ]
        return [*_NAMESPACE, "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh"]


def as_an_admin_would(files: Path) -> None:
    """Who may do what: uploads come into `incoming` and are only read by us, but may be renamed out of it, for which
    the folder itself must be writable; archive, quarantine and reports are ours, and nothing else is."""
    os.chown(files, 0, 0)
    files.chmod(0o755)
    os.chown(files / "incoming", UPLOADER_UID, GROUP_GID)
    (files / "incoming").chmod(0o2770)
    for name in ("archive", "quarantine", "reports"):
        os.chown(files / name, BILLS_UID, GROUP_GID)
        (files / name).chmod(0o750)
    (files / "elsewhere").mkdir(mode=0o755)


def uploaded(path: Path) -> Path:
    """As the uploader's own file, which the group may read."""
    os.chown(path, UPLOADER_UID, GROUP_GID)
    path.chmod(0o640)
    return path


def require_accounts() -> None:
    """Skip where this machine lets nobody mount; in CI that is a failure."""
    require_sshd()
    if os.getuid() != 0:
        missing("accounts for OpenSSH need root")
    tried = subprocess.run(
        [*_NAMESPACE, "mount", "--bind", "/etc/passwd", "/etc/passwd"], capture_output=True, check=False
    )
    if tried.returncode:
        missing("accounts for OpenSSH need the right to mount")


_NAMESPACE = ["unshare", "--mount", "--propagation", "private"]
