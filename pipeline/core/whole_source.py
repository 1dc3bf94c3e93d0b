"""Which troubles of one file are those of its whole source, so that no other file of it is tried either."""

from __future__ import annotations

from pipeline.errors import (
    ENDS_THE_RUN,
    BillferryError,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    SourceInterrupted,
    SourceUnauthorised,
    SourceUnreachable,
)


def concerns_whole_source(error: BillferryError) -> bool:
    """Whether an error means that the other files of its source cannot be read either, or no file at all."""
    host_key = (HostKeyUnknown, HostKeyChanged, HostKeyRevoked)
    whole = (SourceUnreachable, SourceUnauthorised, *host_key, *ENDS_THE_RUN)
    return isinstance(error, whole) and not isinstance(error, SourceInterrupted)
