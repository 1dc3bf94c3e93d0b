"""Services of compose.yaml as processes on this machine, confined as their containers are, as far as that goes."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from tests.packaging.dockerfile import CONTAINER, TMP, words_of_command
from tests.packaging.test_contrib import need
from tests.packaging.test_wheel import ran
from tests.serve.running import free_port
from tests.servers.postgres import shared_server

USER = 10001
CONFINED = """
set -e
mount --make-rprivate /
{mounts}
mount -o remount,bind,ro /
hostname {host}
cd {work}
export TMPDIR={tmp} HOME={tmp}
exec setpriv --reuid {user} --regid {user} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


class Box:
    """Services of compose.yaml as processes: each writes to its own volumes alone, as the image's user."""

    def __init__(self, env: dict[str, str], at_end: ExitStack) -> None:
        self.env, self.at_end, self.started = env, at_end, dict[str, subprocess.Popen[str]]()
        root = Path(tempfile.mkdtemp(prefix="bf-box-", dir=TMP))
        at_end.callback(shutil.rmtree, root)
        root.chmod(0o755)
        self.root, ports = root, {"8400": free_port(), "8430": free_port()}

        def moved(text: str) -> str:
            for port, free in ports.items():
                text = text.replace(port, str(free))
            return text.replace("/srv/billferry/", f"{root}/srv/billferry/")

        self.services = yaml.safe_load(moved((CONTAINER / "compose.yaml").read_text()))["services"]
        for place in ("srv/billferry/keys", "srv/billferry/var", "srv/billferry/drop/in", "tmp", "python"):
            (root / place).mkdir(parents=True)
        for made in (root / "srv/billferry", *(root / "srv/billferry").rglob("*"), root / "tmp"):
            os.chown(made, USER, USER)
        config = moved((CONTAINER / "config.yaml").read_text())
        config, count = re.subn(
            r"^ledger: \S+", f"ledger: {shared_server().new_database()}", config, flags=re.M
        )
        assert count == 1
        (root / "srv/billferry/config.yaml").write_text(config)

    def _open_python(self) -> list[str]:
        """Mounts after which every user finds the interpreter, which may be in a home that is closed to others."""
        base = Path(sys.base_prefix).resolve()
        closed = next(
            (each for each in reversed(base.parents) if not each.stat().st_mode & stat.S_IXOTH), None
        )
        if closed is None:
            return []
        return [
            f"mount --bind {base} {self.root}/python",
            f"mount -t tmpfs -o mode=755 tmpfs {closed}",
            f"mkdir -p {base}",
            f"mount --bind {self.root}/python {base}",
        ]

    def words(self, name: str, *command: str) -> list[str]:
        service = self.services[name]
        mounts = [*self._open_python(), f"mount -t tmpfs -o mode=1777 tmpfs {self.root}{TMP}"]
        for volume in service["volumes"]:
            _, place, *rights = volume.split(":")
            if place.startswith(f"{self.root}") and not rights:
                mounts.append(f"mount --bind {place} {place}")
        for tmpfs in service["tmpfs"]:
            place, _, options = tmpfs.partition(":")
            if place != TMP:
                mounts.append(f"mount -t tmpfs -o {options} tmpfs {place}")
        script = CONFINED.format(
            mounts="\n".join(mounts),
            user=USER,
            host=service.get("hostname", "box"),
            work=self.root / "srv/billferry",
            tmp=f"{self.root}{TMP}",
        )
        return [need("unshare"), "--mount", "--uts", "/bin/sh", "-c", script, "sh", *command]

    def up(self, name: str) -> None:
        words = self.words(name, "billferry", *self.services[name]["command"])
        process = subprocess.Popen(
            words, env=self.env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        self.started[name] = self.at_end.enter_context(process)
        self.at_end.callback(process.kill)
        self.until(lambda: self.is_healthy(name), name)

    def is_healthy(self, name: str) -> bool:
        asked = words_of_command(self.services[name]["healthcheck"]["test"])
        ended = subprocess.run(self.words(name, *asked), env=self.env, capture_output=True, check=False)
        return ended.returncode == 0

    def status(self) -> dict[str, Any]:
        said = ran(*self.words("watch", "billferry", "status", "--json"), cwd=self.root, env=self.env).stdout
        return dict(json.loads(said))

    def until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + 60
        while not is_so():
            for name, process in self.started.items():
                assert process.poll() is None, (name, process.stderr and process.stderr.read()[-2000:])
            assert time.monotonic() < deadline, what
            time.sleep(0.2)
