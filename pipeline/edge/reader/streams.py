"""Content packed as one stream: gzip, xz, Zstandard. Several streams one after another are one content."""

from __future__ import annotations

import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from pipeline.core.csv_structure import GZIP, XZ, ZSTANDARD
from pipeline.edge.reader.compressed import STEP_BYTES, StreamPacking, refuse_archive, refuse_damaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_READ_BYTES = 1 << 14
"""Read at once. What follows the end of a stream is copied, so that many short streams would be copied often."""
_MAGIC_BYTES = 8
"""More than any stream needs to be known by."""
_MAX_STREAMS = 200_000
"""In one file: 13 GB of what bgzip writes. Each costs time, and may hold nothing."""
_MEMORY_BYTES = 1 << 27
"""128 MiB is what `xz -9` (65 MiB) and `zstd --ultra --long` need to unpack."""
_TOO_MUCH_MEMORY = ("Memory usage limit", "too much memory")
"""How liblzma and libzstd complain of that."""


class _Unpacker(Protocol):
    """Unpacks one stream; `lzma` and `zstd` have it so."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzipper:
    """`zlib` as an `_Unpacker`. Source: RFC 1952."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _unzstd() -> _Unpacker:
    window = {int(zstd.DecompressionParameter.window_log_max): _MEMORY_BYTES.bit_length() - 1}
    return zstd.ZstdDecompressor(options=window)


@dataclass(frozen=True, slots=True)
class _Kind:
    shown: str
    begins: tuple[bytes, ...]
    """How a stream begins, behind another one, too."""
    unpacker: Callable[[], _Unpacker]
    padding_bytes: int = 0
    """Zeros behind a stream come in multiples of so many; 0: there are none."""


_KINDS: dict[StreamPacking, _Kind] = {
    "gzip": _Kind("gzip", (GZIP,), _Gunzipper),
    # Source: The .xz File Format, 2.2 (stream padding).
    "xz": _Kind("xz", (XZ,), lambda: lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES), 4),
    # Source: RFC 8878, 3.1.2: frames to be skipped have sixteen magic numbers.
    "zstd": _Kind(
        "Zstandard", (ZSTANDARD, *(b"%c\x2a\x4d\x18" % byte for byte in range(0x50, 0x60))), _unzstd
    ),
}
_DAMAGE = (zlib.error, lzma.LZMAError, zstd.ZstdError, EOFError)


def streamed(path: Path, packing: StreamPacking, name: str) -> Iterator[bytes]:
    """The content of all streams of a file, in blocks of at most `STEP_BYTES`.

    Raises:
        FileRefused: it is damaged or cut off, something else follows a stream, or it needs too much memory.
        OSError: it cannot be read.
    """
    kind = _KINDS[packing]
    with path.open("rb") as file:
        packed = file.read(_READ_BYTES)
        for _ in range(_MAX_STREAMS):
            unpacker = kind.unpacker()
            while not unpacker.eof:
                block = _step(unpacker, packed, kind, name)
                if block:
                    yield block
                packed = file.read(_READ_BYTES) if unpacker.needs_input and not unpacker.eof else b""
                if not packed and not unpacker.eof and unpacker.needs_input:
                    refuse_damaged(name, f"the {kind.shown} content is cut off")
            packed = _behind(unpacker.unused_data, file, kind)
            if not packed:
                return
            if not packed.startswith(kind.begins):
                refuse_damaged(name, f"bytes follow the end of the {kind.shown} content")
    refuse_damaged(name, f"it is more than {_MAX_STREAMS} {kind.shown} files in one")


def _step(unpacker: _Unpacker, packed: bytes, kind: _Kind, name: str) -> bytes:
    try:
        return unpacker.decompress(packed, STEP_BYTES)
    except _DAMAGE as error:
        if any(text in str(error) for text in _TOO_MUCH_MEMORY):
            problem = f"it takes more than {_MEMORY_BYTES >> 20} MiB of memory to unpack"
            refuse_archive(
                name, "file.archive_too_large", problem, "pack it at a usual level, or send it unpacked"
            )
        refuse_damaged(name, f"the {kind.shown} content is damaged")


def _behind(rest: bytes, file: IO[bytes], kind: _Kind) -> bytes:
    """What follows a stream, without padding; of padding that is not whole, one zero is left."""
    rest = _filled(rest, file)
    zeros = 0
    while kind.padding_bytes and rest.startswith(b"\0"):
        unpadded = rest.lstrip(b"\0")
        zeros += len(rest) - len(unpadded)
        rest = _filled(unpadded, file)
    return b"\0" + rest if kind.padding_bytes and zeros % kind.padding_bytes else rest


def _filled(rest: bytes, file: IO[bytes]) -> bytes:
    """At least enough to tell how the next stream begins, where the file goes on."""
    return rest if len(rest) >= _MAGIC_BYTES else rest + file.read(_READ_BYTES)
