"""The door to a monitor that waits for a sign of life: one short GET, whose failure is reported and harms nothing.

The address is a secret, since whoever knows it can report that all is well: it is in no message and no log. A run must
not wait for a monitor longer than it is configured to, and no client can give up looking for the address of a name. So
it is asked for in a thread that is left behind when the time is over.
"""

from __future__ import annotations

from threading import Thread
from urllib.parse import quote, urlsplit

SAFE = "/%:@!$&'()*+,;=~"
"""What a path may hold beside letters and digits. Source: RFC 3986, 3.3."""


def ping(url: str, *, timeout_s: float) -> str | None:
    """Ask for the address. Redirects are not followed.

    Args:
        url: http or https, from `config.ping_url`; it is repeated nowhere.
        timeout_s: for all of it, the look-up of the name included.

    Returns:
        Why that did not work, in a few words; None when the answer was 2xx.
    """
    problems: list[str | None] = []
    asking = Thread(target=lambda: problems.append(_problem(url, timeout_s)), name="ping", daemon=True)
    asking.start()
    asking.join(timeout_s)
    return problems[0] if problems else f"no answer within {timeout_s:g} s"


def _problem(url: str, timeout_s: float) -> str | None:
    """The same, without a bound on the look-up of the name."""
    from http.client import HTTPConnection, HTTPException, HTTPSConnection  # noqa: PLC0415 (only where a monitor is configured)

    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    try:
        connection = connect(parts.hostname or "", parts.port, timeout=timeout_s)
        try:
            connection.request(
                "GET", quote(parts.path, safe=SAFE) or "/", headers={"User-Agent": "billferry"}
            )
            status = connection.getresponse().status
        finally:
            connection.close()
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (HTTPException, OSError, ValueError):
        return "it cannot be reached"  # the error itself may repeat the address
    return None if 200 <= status < 300 else f"it answers {status}"
