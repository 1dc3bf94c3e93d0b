"""Two hosts of one merchant, over one ledger in PostgreSQL and one Billing API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.sandbox.serve import SandboxApi
from tests.servers.postgres import shared_server
from tests.stories.merchant import Merchant


@contextmanager
def two_hosts(folder: Path, **settings: Any) -> Iterator[tuple[Merchant, Merchant]]:
    """Each with a work_dir and a drop folder of its own; `settings` are further ones of both."""
    url = shared_server().new_ledger()
    with SandboxApi() as api:
        found = []
        for name in ("one", "other"):
            (folder / name).mkdir()
            host = Merchant(folder / name, api)
            host.settings |= {"ledger": url, **settings}
            found.append(host)
        yield found[0], found[1]
