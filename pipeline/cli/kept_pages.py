"""How long freed memory is kept for the next batch of records, by polars' allocator."""

from __future__ import annotations

KEPT_PAGES = ("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,muzzy_decay_ms:10000")
"""An environment variable, which the allocator looks for once, when polars is loaded, and its value: 10 s instead of
half a second. The next batch takes the memory again; cleared anew by the kernel, it took a fifth of a check's time.
"""
