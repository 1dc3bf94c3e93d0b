from __future__ import annotations

import pytest

from pipeline.core.payments.listen_address import ListenAddress, listen_address


@pytest.mark.parametrize(
    ("text", "read", "is_local"),
    [
        ("127.0.0.1:8420", ListenAddress("127.0.0.1", 8420), True),
        ("127.8.0.1:1", ListenAddress("127.8.0.1", 1), True),
        ("[::1]:65535", ListenAddress("::1", 65535), True),
        ("0.0.0.0:8420", ListenAddress("0.0.0.0", 8420), False),  # noqa: S104 (nothing is bound)
        ("[2001:db8::1]:80", ListenAddress("2001:db8::1", 80), False),
        ("unix:/run/billferry/webhooks.sock", ListenAddress(path="/run/billferry/webhooks.sock"), True),
    ],
)
def test_addresses_are_read(text: str, read: ListenAddress, is_local: bool) -> None:
    assert (listen_address(text), listen_address(text).is_local) == (read, is_local)


@pytest.mark.parametrize(
    "text",
    [
        *("", "8420", ":8420", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1"),
        *(
            "localhost:8420",
            "::1:8420",
            "[::1]",
            "[127.0.0.1:80",
            "127.0.0.1:84²",
            "127.0.0.1: 80",
            "unix:a.sock",
        ),
        "unix:",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        listen_address(text)
