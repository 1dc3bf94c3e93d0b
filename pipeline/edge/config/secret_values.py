"""Secrets: from the environment, or from files that nobody else can read; never from config.yaml."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from pipeline.edge.config.addresses import url_mistake
from pipeline.edge.operator_files import read_secret
from pipeline.errors import ConfigError
from schemas.settings import Settings

KEY_PREFIX = {"test": "sk_test_", "live": "sk_"}
"""Environment → how its secret keys begin."""


def api_key(settings: Settings) -> str:
    """The secret API key.

    Raises:
        ConfigError: there is none, it is a public key, one of the other environment, or has characters no header
            may hold.
    """
    api = settings.api
    key, where = _secret("api", "key", api.key, api.key_file, missing="there is no API key")
    if key.startswith("pk_"):
        raise ConfigError(
            where=where,
            problem="this is a public key (pk_), which cannot load bills",
            remedy="use the secret key",
        )
    is_test = key.startswith("sk_test_")
    if not key.startswith("sk_") or is_test != (settings.environment == "test"):
        raise ConfigError(
            where=where,
            problem=f"the key does not fit environment: {settings.environment}",
            remedy=f"use a key that starts with {KEY_PREFIX[settings.environment]}, or change environment",
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            where=where, problem="the key contains characters that no API key has", remedy="copy it again"
        )
    return key


def ping_url(settings: Settings) -> str | None:
    """The URL to call after each run, without a trailing slash; None when no monitor is configured.

    Raises:
        ConfigError: it cannot be read or is no address; the message does not repeat it.
    """
    if settings.ping is None:
        return None
    ping = settings.ping
    url, where = _secret("ping", "url", ping.url, ping.url_file, missing="there is no address")
    mistake = url_mistake(url, where, whose="a monitor", like="https://host/path", shows="the address")
    if mistake is not None:
        raise mistake
    return url.rstrip("/")


def webhook_secrets(settings: Settings) -> list[str]:
    """The signing secrets of webhooks, each of which is valid; empty where payments are not received.

    Raises:
        ConfigError: a file cannot be read, others can read it, or it is empty.
    """
    files = settings.payments.secret_files if settings.payments else []
    return [read_secret(file, f"payments.secret_files.{number}").strip() for number, file in enumerate(files)]


def page_secret(settings: Settings) -> bytes | None:
    """What the proxy in front of the page sends with every request; None where the rights of a unix socket do that, or
    the page is for one person on this machine.

    Raises:
        ConfigError: the file cannot be read, others can read it, or it is empty.
    """
    identity = settings.page.identity if settings.page else "local"
    if identity == "local" or identity.secret_file is None:
        return None
    return read_secret(identity.secret_file, "page.identity.secret_file").strip().encode()


def _secret(
    section: str, key: str, given: SecretStr | None, file: Path | None, *, missing: str
) -> tuple[str, str]:
    """A secret from the environment or from its file, and where it was found. Raises ConfigError."""
    variable = f"BILLFERRY_{section.upper()}__{key.upper()}"
    if given is not None:
        return given.get_secret_value(), variable
    if file is not None:
        return read_secret(file, f"{section}.{key}_file").strip(), f"{section}.{key}_file"
    raise ConfigError(where=section, problem=missing, remedy=f"set {variable} or {section}.{key}_file")
