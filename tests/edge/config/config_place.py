"""A folder with a good config, to make mistakes in."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.cli import run_command
from tests.world import unstamped

TEST_KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
LIVE_KEY = "sk_9fLk2mNq8vXz3bTr6wYp1sDa"
PUBLIC_KEY = "pk_test_7hGf5dSa2qWe9rTy4uIo1pLk"
PASSWORD = "hunter2-Xq9"
SECRETS = (TEST_KEY, LIVE_KEY, PUBLIC_KEY, PASSWORD, "7dc", "1sDa", "1pLk")
RUN_LINES = re.compile("run [0-9a-f]{8} begins: |no file was finished; exit status 2$")
"""What a run says of itself where the mistake is found only once it has begun."""

BILLS = {"name": "bills", "match": "*_bills_*.csv", "model": "bill", "amount": {"unit": "major"}}
GOOD: dict[str, Any] = {
    "merchant": "citypower",
    "environment": "test",
    "work_dir": "var",
    "api": {"base_url": "https://api.example.net", "key_file": "api.key"},
    "drop": {"folder": "drop"},
    "feeds": [BILLS],
}
AS_JSON = 'write a list like ["a", "b"] and a section like {"key": 1}'
SFTP = {"host": "sftp.example.net", "username": "citypower", "known_hosts_file": "known_hosts"}


class Place:
    """A folder with a good config, to make mistakes in."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self.setenv = monkeypatch.setenv
        self._capsys = capsys
        (folder / "drop").mkdir()
        self.secret("api.key", TEST_KEY)
        self.write(GOOD)

    def write(self, config: dict[str, Any] | str) -> None:
        text = config if isinstance(config, str) else yaml.safe_dump(config)
        (self.folder / "config.yaml").write_text(text)

    def change(self, **changes: Any) -> None:
        """Change keys of the good config: `api__timeout_s=3`; None leaves a key out."""
        config = json.loads(json.dumps(GOOD))
        for path, value in changes.items():
            *above, last = path.split("__")
            at = config
            for part in above:
                at = at[part]
            if value is None:
                del at[last]
            else:
                at[last] = value
        self.write(config)

    def feed(self, **changes: Any) -> None:
        feed = {name: value for name, value in {**BILLS, **changes}.items() if value is not None}
        self.write({**GOOD, "feeds": [feed]})

    def secret(self, name: str, text: str, mode: int = 0o600) -> None:
        path = self.folder / name
        path.write_text(text + "\n")
        path.chmod(mode)

    def says(self, *words: str) -> str:
        """The one line of a command that ends with 2."""
        (line,) = self.says_all(*words)
        return line

    def says_all(self, *words: str) -> list[str]:
        """The lines of a command that ends with 2, one for each mistake."""
        status = run_command(list(words or ("run",)))
        said = self._capsys.readouterr()
        assert status == 2, said.err
        assert said.out == ""
        assert not any(secret in said.err for secret in SECRETS)
        lines = [line for line in unstamped(said.err).splitlines() if not RUN_LINES.match(line)]
        assert all(line.startswith("billferry: ") for line in lines), said.err
        return [line.removeprefix("billferry: ") for line in lines]
