"""Zstandard by the name that every supported Python has it under."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd as zstd  # noqa: PLC0414 (handed on)
else:
    from backports import zstd as zstd  # noqa: PLC0414
