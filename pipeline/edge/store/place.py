"""Where a merchant's store is, by the config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.edge.store.folder import FolderStore
from pipeline.errors import ExtraMissing
from schemas.settings import S3, Settings

if TYPE_CHECKING:  # an extra
    from pipeline.edge.store.s3 import BucketStore


def open_store(settings: Settings) -> FolderStore | BucketStore | None:
    """The store that the config names, None where it names none. Nothing is connected yet.

    Raises:
        ConfigError: its credentials cannot be read. ExtraMissing: what speaks to S3 is not installed.
    """
    bound = {"merchant": settings.merchant, "environment": settings.environment}
    match settings.store:
        case None:
            return None
        case Path():
            return FolderStore(settings.store, **bound)
    try:
        from pipeline.edge.store.s3 import BucketStore  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ExtraMissing(name="store", what="a store in S3", package="obstore", extra="s3") from None
    section = settings.s3 or S3()
    return BucketStore(
        settings.store,
        **bound,
        region=section.region,
        endpoint=section.endpoint,
        credentials_file=section.credentials_file,
    )
