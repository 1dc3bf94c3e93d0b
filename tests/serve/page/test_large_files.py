"""A file that is larger than what the server may keep in memory: taken in as it comes, and its preview is there."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import pytest

from tests.seeds import SOAK, cases
from tests.serve.page.browsing import form_of
from tests.serve.page.served import Served, served, until
from tests.stories.merchant import Merchant

NAME = "za_bills_2026-11-01.csv"
MIB = 1 << 20
SIZE_BYTES = cases(20, soak=200) * MIB
MOST_MORE_BYTES = 16 * MIB
"""Of memory that the server may take for it: a few blocks of each of its threads, not the file."""
HEAD = b"customer_reference,account_reference,bill_reference,amount_due,metadata.note\n"


def blocks(size_bytes: int) -> Iterator[bytes]:
    """A sound file of about that size."""
    yield HEAD
    made, number, note = len(HEAD), 0, "n" * 400
    while made < size_bytes:
        rows = [
            f"C-{n % 5000},A-{n % 5000},B-{n},{n % 900 + 1}.00,{note}\n" for n in range(number, number + 500)
        ]
        number += 500
        block = "".join(rows).encode()
        made += len(block)
        yield block


def memory_bytes(pid: int) -> tuple[int, int]:
    """What a process has in memory, and the most that it had since `forget_peak`."""
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) for name in ("VmRSS", "VmHWM"))  # type: ignore[index]
    return now * 1024, most * 1024


def forget_peak(pid: int) -> None:
    """Let the peak be what it has now. Source: proc(5), `clear_refs`."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def sent(server: Served, way: str) -> int:
    """Send a file as it is made, by our script or in a form; the status of the answer."""
    token = server.me.get("/").token
    content: Iterable[bytes] = blocks(SIZE_BYTES)
    method, path, headers = "PUT", f"/upload?name={NAME}", {"X-Billferry-Token": token}
    if way == "form":
        form, content_type = form_of({NAME: b"\0"}, token=token)
        begin, end = form.split(b"\0")
        method, path, headers = "POST", "/upload", {"Content-Type": content_type}
        content = chain((begin,), content, (end,))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    connection.request(method, path, content, headers, encode_chunked=True)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("way", "status"), [("script", 200), ("form", 303)])
def test_a_large_file_is_taken_in_block_by_block(merchant: Merchant, way: str, status: int) -> None:
    with served(merchant) as server:
        server.me.put("first_bills_2026-11-01.csv", HEAD + b"C,A,B,1.00,\n")
        forget_peak(server.pid)
        before, _ = memory_bytes(server.pid)
        began = time.monotonic()
        assert sent(server, way) == status
        taken_s, peak = time.monotonic() - began, memory_bytes(server.pid)[1]
        print(f"{SIZE_BYTES // MIB} MiB in {taken_s:.1f} s, {(peak - before) / MIB:.1f} MiB more")  # noqa: T201
        assert peak - before < MOST_MORE_BYTES
        _, (sha256, size_bytes) = merchant.ledger("SELECT sha256, size_bytes FROM files ORDER BY id")
        assert size_bytes >= SIZE_BYTES
        if SOAK:
            server.me.get(f"/files/{sha256}/")
            began = time.monotonic()
            until(
                lambda: "A preview: nothing was sent" in server.me.get(f"/files/{sha256}/").said, within_s=300
            )
            peak = memory_bytes(server.pid)[1]
            print(f"its preview in {time.monotonic() - began:.1f} s, {(peak - before) / MIB:.1f} MiB more")  # noqa: T201
            assert peak - before < MOST_MORE_BYTES
