"""The door to a monitor that waits for a sign of life: one short GET, whose failure is told and harms nothing.

The address is a secret, since whoever knows it can say that all is well: it stands in no message and no log.
"""

from __future__ import annotations

import asyncio


def ping(url: str, *, timeout_s: float) -> str | None:
    """Ask for the address; why that did not work, in a few words, or None. Redirects are not followed."""
    return asyncio.run(_ping(url, timeout_s))


async def _ping(url: str, timeout_s: float) -> str | None:
    import aiohttp  # noqa: PLC0415 (only where there is somebody to tell)

    try:
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=timeout_s),
                headers={"User-Agent": "billferry"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            return None if 200 <= answer.status < 300 else f"it answers {answer.status}"
    except TimeoutError:
        return f"no answer within {timeout_s:g} s"
    except (aiohttp.ClientError, OSError, ValueError):
        return "it cannot be reached"  # the error itself may repeat the address
