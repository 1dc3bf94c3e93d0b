"""The pace that hosts keep together: one row of the ledger's database, with what `core.api.shared_pace` knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.edge.ledger.door import Ledger

_LOOK = (
    "SELECT state, changes, CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now"
    " FROM pace WHERE id = 1"
)
_CHANGE = (
    # Not behind the lock of writers, and without a sync: what is lost with the server is learned anew.
    "WITH loose AS (SELECT set_config('synchronous_commit', 'off', true)), changed AS"
    " (UPDATE pace SET state = ?1, changes = changes + 1 WHERE id = 1 AND changes = ?2 RETURNING 1)"
    " SELECT (SELECT count(*) FROM changed) AS number FROM loose"
)


def change_pace(connection: Ledger, change: Callable[[Mapping[str, Any], float], Mapping[str, Any]]) -> bool:
    """Change what is kept; False: another host did so meanwhile, and nothing was changed.

    Nobody is waited for, and nothing is locked between the two statements: a host may be stopped there for long.

    Args:
        connection: to PostgreSQL.
        change: makes what is kept from what was (at first nothing), and from the database's clock in seconds.

    Raises:
        LedgerUnreachable, LedgerBusy, DiskFull: as `PostgresLedger.execute`.
    """
    row = connection.execute(_LOOK).fetchone()
    if row is None:
        connection.execute("INSERT INTO pace (id, state, changes) VALUES (1, '{}', 0) ON CONFLICT DO NOTHING")
        return False
    kept = json.dumps(change(json.loads(row["state"]), row["now"]))
    return bool(connection.execute(_CHANGE, (kept, row["changes"])).fetchone()["number"])
