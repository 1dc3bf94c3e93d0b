"""Who uses the page, and what they may do.

The page has no log-in of its own. A reverse proxy names the person in a header; nobody else can reach the page, because
it listens on a unix socket, or the proxy sends a secret with every request. On this machine alone, for one person, it
is the user of this process.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.core.release_decisions import Person
from schemas.settings import Page, PageIdentity, PageRole

EVERYBODY = "*"
ALL_ROLES: frozenset[PageRole] = frozenset({"read", "upload", "approve"})
MAX_NAME = 200
"""Characters of a person's name; a longer one is no name."""
WHERE = "the page"
"""What the audit trail and reports say of a person who decided here: `thandi on the page`."""

Headers = Sequence[tuple[bytes, bytes]]
"""Of a request, as ASGI has them: names in small letters."""


class NotIdentified(Exception):
    """Nobody can be told from the request. `str()` says why, in words for the person who set up the proxy."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever sent a request."""

    name: str
    roles: frozenset[PageRole]

    @property
    def person(self) -> Person:
        """As decisions and the audit trail name them."""
        return Person(self.name, WHERE)

    def may(self, role: PageRole) -> bool:
        """Whether they have that role."""
        return role in self.roles


@dataclass(frozen=True, slots=True)
class People:
    """Tells who sends a request."""

    page: Page
    secret: bytes | None
    """What the proxy sends with every request; None: nothing."""
    local_name: str
    """The user of this process, for `identity: local`."""

    def visitor(self, headers: Headers) -> Visitor:
        """Who sent a request. Raises NotIdentified."""
        identity = self.page.identity
        name = self.local_name if identity == "local" else self._named(headers, identity)
        return Visitor(name, roles_of(name, self.page.roles))

    def _named(self, headers: Headers, identity: PageIdentity) -> str:
        if self.secret is not None:
            given = _single(headers, identity.secret_header)
            if given is None or not hmac.compare_digest(given, self.secret):
                raise NotIdentified("the request did not come through the proxy")
        raw = _single(headers, identity.header)
        if raw is None:
            raise NotIdentified(f"the proxy named nobody in {identity.header}")
        try:
            name = raw.decode().strip()
        except UnicodeDecodeError:
            raise NotIdentified(f"the name in {identity.header} is not UTF-8") from None
        if not name or not name.isprintable() or len(name) > MAX_NAME or name == EVERYBODY:
            raise NotIdentified(f"the text in {identity.header} is no name")
        return name


def not_allowed(*roles: PageRole) -> str:
    """What somebody is told who has none of these roles."""
    return (
        f"you may not do that here: it needs the role {' or '.join(roles)}, which the people who run Billferry can"
        " give you"
    )


def roles_of(name: str, roles: Mapping[PageRole, Iterable[str]]) -> frozenset[PageRole]:
    """What a person may do. Without any role in the config everybody may do everything."""
    if not roles:
        return ALL_ROLES
    known = {role for role, names in roles.items() if EVERYBODY in names or name in names}
    return frozenset({*known, "read"}) if known else frozenset()


def _single(headers: Headers, wanted: str) -> bytes | None:
    """The value of a header that is there once.

    Raises NotIdentified where it is there twice, or under a name that another program may take for it (RFC 3875 turns
    dashes into underscores, so `x_remote_user` is `X-Remote-User` to some).
    """
    name = wanted.lower().encode()
    alike = [(each, value) for each, value in headers if each.replace(b"_", b"-") == name]
    if any(each != name for each, _ in alike) or len(alike) > 1:
        raise NotIdentified(f"the request has {wanted} more than once, or under another spelling")
    return alike[0][1] if alike else None
