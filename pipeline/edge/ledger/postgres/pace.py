"""The pace that hosts keep together: one row of the ledger's database, with what `core.api.shared_pace` knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.edge.ledger.database import transaction
from pipeline.edge.ledger.door import BESIDE_OTHERS, Ledger

_WITHIN = (
    # What is lost with the server is learned anew. A host that is stopped in here must not keep the others out.
    "SET LOCAL synchronous_commit = off; SET LOCAL idle_in_transaction_session_timeout = '3s'"
)


def change_pace(connection: Ledger, change: Callable[[Mapping[str, Any], float], Mapping[str, Any]]) -> bool:
    """Change what is kept, alone; False: another host does so right now, and nothing was called.

    Args:
        connection: to PostgreSQL.
        change: makes what is kept from what was (at first nothing), and from the database's clock in seconds.

    Raises:
        LedgerUnreachable, LedgerBusy, DiskFull: as `PostgresLedger.execute`.
    """
    with transaction(connection, begin=BESIDE_OTHERS):
        connection.execute(_WITHIN)
        row = connection.execute(
            "SELECT state, CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now"
            " FROM pace WHERE id = 1 FOR UPDATE SKIP LOCKED"
        ).fetchone()
        if row is None:
            connection.execute("INSERT INTO pace (id, state) VALUES (1, '{}') ON CONFLICT DO NOTHING")
            return False
        kept = json.dumps(change(json.loads(row["state"]), row["now"]))
        connection.execute("UPDATE pace SET state = ? WHERE id = 1", (kept,))
    return True
