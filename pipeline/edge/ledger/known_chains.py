"""All chains of a ledger for somebody who looks again and again: after the first look only what has changed is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from pipeline.core.outcomes import FileState
from pipeline.edge.ledger.chain_roots import roots_of
from pipeline.edge.ledger.chains import Chain, Chains
from pipeline.edge.ledger.door import Ledger
from pipeline.edge.ledger.file_changes import FileChanges
from pipeline.edge.ledger.file_rows import FileRow
from pipeline.edge.ledger.files import Files


@dataclass(slots=True)
class KnownChains:
    """Not for several threads at once. Once a look was broken off, begin with a new one."""

    mark: tuple[str, int] = "", 0
    """Another one whenever something has changed."""
    _rows: dict[int, FileRow] = field(default_factory=dict)
    _roots: dict[int, int] = field(default_factory=dict)
    _chains: dict[int, Chain] = field(default_factory=dict)

    def look(self, connection: Ledger) -> Iterator[tuple[Chain | None, Chain | None]]:
        """Every chain that has changed since the last look, as it was then, and as it is; None: there is none.

        All of one moment, if that is within a `snapshot`.
        """
        changes, (identity, seen) = FileChanges(connection), self.mark
        now = changes.last()
        if now[0] != identity or now[1] < seen:  # another ledger is in its place
            yield from ((chain, None) for chain in self._chains.values())
            self._rows, self._roots, self._chains, seen = {}, {}, {}, 0
        self.mark = now
        if now[1] != seen:
            originals = self._read(connection, changes.since(seen))
            made = {chain.original.id: chain for chain in self._made(connection, originals)}
            for each in sorted(originals):
                before = self._chains.pop(each, None)
                if each in made:
                    self._chains[each] = made[each]
                yield before, made.get(each)

    def _read(self, connection: Ledger, changed: Collection[int]) -> set[int]:
        """Read these files again; the originals whose chains that may concern."""
        before = [self._rows[each] for each in changed if each in self._rows]
        after = Files(connection).with_ids(changed)
        self._rows |= {row.id: row for row in after}
        led, self._roots = self._roots, roots_of(self._rows.values())
        elsewhere = {each for each, root in self._roots.items() if led.get(each) != root}
        originals = {
            roots[each] for roots in (led, self._roots) for each in (*changed, *elsewhere) if each in roots
        }
        # A refused file may be closed, or not be any more, by another one of its name.
        named = {(row.feed, row.name) for row in (*before, *after)}
        refused = (row for row in self._rows.values() if row.state == FileState.REFUSED)
        return originals | {self._roots[row.id] for row in refused if (row.feed, row.name) in named}

    def _made(self, connection: Ledger, originals: Collection[int]) -> list[Chain]:
        names = {self._rows[each].name for each in originals}
        rows = [row for row in self._rows.values() if self._roots[row.id] in originals or row.name in names]
        return Chains(connection).with_originals(originals, rows, self._roots)
