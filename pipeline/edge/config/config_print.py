"""Hashes of a config, to tell in the audit trail that it was changed, and where, without saying what is in it."""

from __future__ import annotations

import hashlib
import json

from schemas.settings import Settings


def config_parts(settings: Settings) -> dict[str, str]:
    """Section, or `feeds.NAME` → hash of what it holds, secrets left out. As the config was in effect: the environment
    is in it, and paths are absolute.
    """
    document = settings.model_dump(
        mode="json", exclude={"api": {"key"}, "ping": {"url"}}, exclude_defaults=True
    )
    feeds = {f"feeds.{feed['name']}": feed for feed in document.pop("feeds")}
    return {name: _hashed(part) for name, part in sorted({**document, **feeds}.items())}


def config_print(parts: dict[str, str]) -> str:
    """SHA-256 (hex) of a whole config, from its parts."""
    return _hashed(parts)


def _hashed(part: object) -> str:
    return hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()
