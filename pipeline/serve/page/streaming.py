"""Bodies of requests as blocks, for a thread that works on them while they arrive.

Nothing is kept in memory but one block: whoever sends faster than the disk takes it has to wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

BLOCK_BYTES = 262_144
IDLE_S = 30.0
"""So long nothing may come of a body before it is given up."""
WHOLE_S = 3_600.0
"""So long a whole body may take."""
MAX_PASSED_OVER_BYTES = 16_777_216
"""Of a file that is refused, in a form with others behind it."""
MAX_FIELD_BYTES = 65_536
"""Of a form's field that is no file."""


class NotArrived(Exception):
    """A body ended before it was whole, or came too slowly, or is no form. `str()` says which."""


class ArrivingBody:
    """The body of one request."""

    def __init__(self, request: Request) -> None:
        """In the event loop that receives it."""
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + WHOLE_S
        self._is_whole = False

    def blocks(self) -> Iterator[bytes]:
        """Its content, in a thread of its own. Raises NotArrived."""
        while not self._is_whole:
            if block := asyncio.run_coroutine_threadsafe(self._next(), self._loop).result():
                yield block

    async def _next(self) -> bytes:
        block = bytearray()
        while not self._is_whole and len(block) < BLOCK_BYTES:
            try:
                async with asyncio.timeout_at(min(self._until, self._loop.time() + IDLE_S)):
                    message = await self._request.receive()
            except TimeoutError:
                raise NotArrived("it came too slowly") from None
            if message["type"] == "http.disconnect":
                raise NotArrived("the connection was lost before it was whole")
            block += message.get("body", b"")
            self._is_whole = not message.get("more_body", False)
        return bytes(block)


@dataclass
class FormPart:
    """One field of a form with files. The next part comes once all blocks of this one were taken."""

    name: str
    file_name: str | None
    """None: it is no file."""
    _parts: _Parts = field(repr=False)

    def blocks(self) -> Iterator[bytes]:
        """Its content. Raises NotArrived."""
        return self._parts.data()

    def text(self) -> str:
        """Of a field that is no file. Raises NotArrived: it is too large for one, or not UTF-8."""
        content = bytearray()
        for block in self.blocks():
            content += block
            if len(content) > MAX_FIELD_BYTES:
                raise NotArrived("a field of the form is too large")
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise NotArrived("a field of the form is not UTF-8") from None


def form_parts(blocks: Iterable[bytes], content_type: str) -> Iterator[FormPart]:
    """The fields of a form with files (RFC 7578), in order. Raises NotArrived: it is none, or not whole."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise NotArrived("that is no form with files")
    return _Parts(iter(blocks), boundary).each()


class _Parts:
    """Reads blocks as they are asked for. What the parser tells waits in `_told`: a part begins or ends, or data."""

    def __init__(self, blocks: Iterator[bytes], boundary: bytes) -> None:
        self._blocks = blocks
        self._told: deque[tuple[str, bytes]] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_begin": self._begin_header,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": self._data,
                "on_part_end": lambda: self._told.append(("end", b"")),
                "on_end": lambda: self._told.append(("whole", b"")),
            },
        )

    def each(self) -> Iterator[FormPart]:
        """The parts; what nobody took of the one before is passed over, unless it is very much."""
        passed_over = 0
        while (told := self._next())[0] != "whole":
            passed_over += len(told[1])
            if passed_over > MAX_PASSED_OVER_BYTES:
                raise NotArrived("a file before it is too large")
            if told[0] == "begin":
                passed_over = 0
                _, options = parse_options_header(told[1])
                file_name = options.get(b"filename")
                yield FormPart(
                    options.get(b"name", b"").decode(errors="replace"),
                    None if file_name is None else file_name.decode(errors="surrogateescape"),
                    self,
                )

    def data(self) -> Iterator[bytes]:
        """What is left of the part that began last."""
        while (told := self._next())[0] == "data":
            yield told[1]

    def _next(self) -> tuple[str, bytes]:
        while not self._told:
            block = next(self._blocks, None)
            if block is None:
                raise NotArrived("the form ended before it was whole")
            try:
                self._parser.write(block)
            except MultipartParseError:
                raise NotArrived("that is no form with files") from None
        return self._told.popleft()

    def _begin_header(self) -> None:
        self._name = self._value = b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value

    def _begin_part(self) -> None:
        self._told.append(("begin", self._headers.get(b"content-disposition", b"")))

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._told.append(("data", bytes(data[start:end])))
