"""The bounds of unpacking, and our plain copy of a file that is packed.

Nothing is unpacked further than `limits` allow: not by what an archive says of itself, and not by what comes out of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, NoReturn

from pipeline.core.csv_structure import PACKED
from pipeline.edge.disk import new_file, remove
from pipeline.errors import BillferryError, FileRefused
from schemas.settings import Limits

StreamPacking = Literal["gzip", "xz", "zstd"]
"""What is packed as one stream."""

STEP_BYTES = 1 << 18
"""Unpacked at once: the most that can come out before the budget is asked."""


FOREIGN = {
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
}
"""First bytes → format that is not read. Source: the format of each packer."""


@dataclass(slots=True)
class UnpackBudget:
    """How much may still come out of one packed file."""

    name: str
    """Of the bill file, for messages."""
    size_bytes: int
    """Of the packed file: the ratio is to this."""
    limits: Limits
    spent_bytes: int = field(default=0)
    """What came out so far."""
    rule: str = "file.archive_too_large"
    grows: str = "it unpacks to"
    remedy: str = "send it unpacked, or raise the limit"

    def spend(self, size_bytes: int) -> None:
        """Count bytes that came out, or that an archive says will. Raises FileRefused when they are too many."""
        self.spent_bytes += size_bytes
        if self.spent_bytes > self.limits.max_decompressed_bytes:
            bound = f"limits.max_decompressed_bytes ({self.limits.max_decompressed_bytes})"
            self._refuse(f"{self.grows} more than {bound}")
        if self.spent_bytes > self.limits.max_decompression_ratio * self.size_bytes:
            ratio = f"limits.max_decompression_ratio ({self.limits.max_decompression_ratio:g})"
            self._refuse(f"{self.grows} more than {ratio} times its size")

    def _refuse(self, problem: str) -> NoReturn:
        refuse_archive(self.name, self.rule, problem, self.remedy)


@contextmanager
def plain_copy(path: Path) -> Iterator[IO[bytes]]:
    """A private file to write our copy into, in place of an earlier one; nothing is left of it after an error."""
    remove(path)
    try:
        with new_file(path, durable=False) as file:
            yield file
    except BaseException:
        with suppress(BillferryError):
            remove(path)
        raise


def refuse_nested(head: bytes, name: str) -> None:
    """Raises FileRefused where what comes out of a packed file begins like another packed one."""
    if head.startswith((*PACKED, *FOREIGN)):
        problem = "what is packed in it is packed again, or is not text"
        refuse_archive(name, "file.archive_nested", problem, "pack it once, or send it unpacked")


def refuse_damaged(name: str, problem: str) -> NoReturn:
    """Raise FileRefused with the rule for archives that cannot be read for certain."""
    refuse_archive(name, "file.archive_damaged", problem, "send it again")


def refuse_archive(name: str, rule: str, problem: str, remedy: str) -> NoReturn:
    """Raise FileRefused.

    Args:
        name: of the bill file.
        rule: a code of the catalogue, `file.…`.
    """
    raise FileRefused(name=name, rule=rule, problem=problem, remedy=remedy)


def within_budget(blocks: Iterator[bytes], allowance: UnpackBudget) -> Iterator[bytes]:
    """The blocks of a packed file as they come. Raises FileRefused where it is packed again, or passes the budget."""
    for number, block in enumerate(blocks):
        if number == 0:
            refuse_nested(block, allowance.name)
        allowance.spend(len(block))
        yield block
