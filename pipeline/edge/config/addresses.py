"""Addresses and time zones: what no shape can tell of a text."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pipeline.core.payments.listen_address import listen_address
from pipeline.errors import ConfigError
from schemas.settings import BUCKET_ADDRESS, Page

LIKE_A_ZONE = re.compile(r"[A-Z][A-Za-z_]{1,20}/[A-Z][A-Za-z_]{1,20}")
"""Anything else may be something that was pasted by mistake, and is not repeated."""


def url_mistake(
    url: str, where: str, *, whose: str = "an API", like: str = "https://host", shows: str = "the key"
) -> ConfigError | None:
    """What is wrong with an address, without repeating it: that of a monitor is a secret. None when nothing is.

    Args:
        where: the key or variable, as the message names it.
        whose, like, shows: words of the message: whose address it is, an example, what plain HTTP would reveal.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    plain = url.isprintable() and " " not in url  # urlsplit drops line breaks without a word
    if parts.scheme not in {"http", "https"} or not host or parts.username or not plain:
        return ConfigError(
            where=where, problem=f"this is not an address of {whose}", remedy=f"write it like {like}"
        )
    if parts.query or parts.fragment:
        problem = f"an address of {whose} must not contain ? or #, since a path is appended to it"
        return ConfigError(where=where, problem=problem, remedy=f"write it like {like}")
    if parts.scheme == "http" and not _is_loopback(host):
        problem = f"plain HTTP to another host would reveal {shows}"
        return ConfigError(where=where, problem=problem, remedy="use https://")
    return None


def is_address(value: object) -> bool:
    """Whether a value that may be a path is an address instead."""
    return isinstance(value, str) and "://" in value


def store_mistake(store: object, endpoint: object) -> ConfigError | None:
    """What is wrong with the address of a store, and with that of its server; None when nothing is."""
    if isinstance(store, str) and re.search(BUCKET_ADDRESS, store) is None:
        return ConfigError(
            where="store",
            problem="this is not an address of a store",
            remedy="write s3://BUCKET/PREFIX, or a folder",
        )
    if not isinstance(endpoint, str):
        return None
    return url_mistake(endpoint, "s3.endpoint", whose="a server", shows="documents of customers")


def zone_mistake(name: str) -> ConfigError | None:
    """A mistake unless the system knows a time zone of that name. Source: the IANA database, as `zoneinfo` finds it."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        shown = f" {name!r}" if LIKE_A_ZONE.fullmatch(name) else " of that name"
        return ConfigError(
            where="timezone",
            problem=f"there is no time zone{shown}",
            remedy="use a name like Africa/Johannesburg",
        )
    return None


def page_mistake(page: Page) -> ConfigError | None:
    """What is wrong with where the page listens, and who may name themselves there; None when nothing is."""
    if page.listen is None:
        return None
    try:
        address = listen_address(page.listen)
    except ValueError:
        return ConfigError(
            where="page.listen", problem="this is not an address", remedy="write ADDRESS:PORT or unix:/PATH"
        )
    if page.identity == "local":
        if address.path is None and address.is_local:
            return None
        return ConfigError(
            where="page.listen",
            problem="with identity: local everybody who reaches the page would be you",
            remedy="listen on 127.0.0.1, or have a proxy name people (identity: {header: …})",
        )
    if address.path is None and page.identity.secret_file is None:
        return ConfigError(
            where="page.identity",
            problem="whoever reaches the address could name themselves",
            remedy="set page.identity.secret_file, or listen on a unix socket",
        )
    return None


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine, so that plain HTTP to it shows nothing to anybody: for the sandbox."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
