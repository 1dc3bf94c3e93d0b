"""Where the ledger is in PostgreSQL: the address in the config.

Nothing is imported for it, so that a config can be read where the driver is not installed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PASSWORD = re.compile(r"(?<=://)([^:@/?]*):[^@/?]*@")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """The database of one merchant's ledger."""

    url: str
    """`postgresql://…`, without a password."""
    password_file: Path | None = None

    def __str__(self) -> str:
        """The address, as messages show it; a password that should not be there is left out."""
        return _PASSWORD.sub(r"\1:…@", self.url)
