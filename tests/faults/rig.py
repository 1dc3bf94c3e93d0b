"""A merchant for the fault tests: drop folder, config, ledger and a Billing API; runs in this process or another."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import Any

from pipeline.sandbox.faults import NoFaults, Received
from tests.faults import files
from tests.faults.audit import audit
from tests.faults.files import BillFile, Model
from tests.warm import Process
from tests.world import Row, Said, World, feed

NAMES: dict[Model, str] = {
    "bill": "bills_{}.csv",
    "account_balance": "accounts_{}.csv",
    "customer_balance": "balances_{}.csv",
}
MOST_ROUNDS = 25
KILLED = -signal.SIGKILL


@dataclass
class Rig(World):
    """Keeps what was given, so that `audit` can say whether the API holds that and nothing else."""

    given: list[BillFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        feeds = [feed(NAMES[model].split("_")[0], model, NAMES[model].format("*")) for model in NAMES]
        self.set_up(
            feeds, folders=("drop", "given"), timeout_s=0.3, max_in_flight=16, max_attempts=6, max_retry_s=10
        )
        self.settings["drop"]["quarantine"] = "quarantine"
        self.settings["limits"] = {"max_reject_ratio": 1.0}
        self.write_config()

    # -- files --

    def drop_rows(self, model: Model, given: list[str], name: str = "1") -> BillFile:
        """Rows of a model (see `files.HEADERS`) as a file in the drop folder."""
        path = self.folder / "given" / NAMES[model].format(name)
        path.write_text(files.text(model, given))
        (self.drop / path.name).write_bytes(path.read_bytes())
        file = BillFile(path, model)
        self.given.append(file)
        return file

    def drop_many(self, model: Model, count: int, seed: int, name: str = "1") -> BillFile:
        return self.drop_rows(model, files.rows(model, count, seed), name)

    # -- runs --

    def run(self, *words: str) -> Said:
        return self.json_command("run", *words)

    def load(self, file: BillFile, *words: str) -> Said:
        """The same file by hand, whatever stands in the drop folder."""
        return self.json_command("load", file.path, *words)

    def run_until_done(self, rounds: int = MOST_ROUNDS) -> list[Said]:
        """Runs until nothing is left to do. Fails when that is not so after that many rounds."""
        ran: list[Said] = []
        while len(ran) < rounds:
            ran.append(self.run())
            if ran[-1].exit_status in {0, 1}:
                return ran
            assert ran[-1].exit_status == 3, ran[-1].stderr
        raise AssertionError(f"not done after {rounds} runs: {ran[-1].stderr} {self.api.faults}")

    # -- what came of it --

    def audit(self, **allowed: Any) -> list[str]:
        return audit(self.given, self.api.snapshot(), self.work_dir, self.ledger, **allowed)

    def calm(self) -> None:
        """No more faults."""
        self.api.faults = NoFaults()

    def results(self, file: BillFile) -> list[Row]:
        return self.reported(file.name)

    def outcomes(self, file: BillFile) -> list[str]:
        return [row["outcome"] for row in self.results(file)]


class Killer:
    """Runs a client in a process of its own and lets the API kill it: `kill` is for `faults.callback`."""

    def __init__(self) -> None:
        self._client: Process | None = None

    def run(self, rig: Rig) -> int:
        """The exit status of the run, `KILLED` when it was killed."""
        self._client = rig.start("run")
        return finish(self._client)

    def kill(self, _: Received) -> None:
        assert self._client is not None
        self._client.kill()
        self._client.wait(10)


def finish(client: Process) -> int:
    """Waits for a client's end. Fails when it ends in a way that no run may."""
    _, said = client.communicate(timeout=60)
    assert client.returncode in {KILLED, 0, 1, 3}, said
    return client.returncode
