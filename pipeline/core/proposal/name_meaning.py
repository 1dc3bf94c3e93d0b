"""What the name of a column says, in any language of the table `words_by_language.WORDS`.

It is taken apart into words, and words into concepts: `Rechnungsnummer` is BILL and REF, `date d'échéance` DATE and
DUE.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.core.proposal.words_by_language import WORDS
from pipeline.core.values.amount_text import exponents

_LINKS = ("", "s", "n", "en", "e", "er", "es")
"""What German, Dutch and Afrikaans put between the parts of a compound."""
_SHORTEST_PART = 2
_SPELLED = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ł": "l", "ø": "oe", "æ": "ae", "°": "o", "№": "no"}
)


@dataclass(frozen=True, slots=True)
class NameMeaning:
    """What a column's name says."""

    concepts: frozenset[str]
    unknown: int = 0
    """Words that are in no language of the table."""
    numbered: bool = False
    """Whether it has a number in it, as `30 Days` or `Name 1`."""

    def has(self, *concepts: str) -> bool:
        """Whether all of these are in it."""
        return self.concepts.issuperset(concepts)


def without_accents(text: str) -> str:
    """Small letters without accents, as the table is looked up when a word with its accents is not in it."""
    apart = unicodedata.normalize("NFKD", text.lower())
    return "".join(each for each in apart if not unicodedata.combining(each))


@cache
def meaning_of(name: str) -> NameMeaning:
    """What a header's name says, in any of the languages."""
    tokens = _tokens(name)
    concepts: set[str] = set()
    unknown, place = 0, 0
    while place < len(tokens):
        length, found = next(_phrases(tokens[place:]), (1, None))
        found = found if found is not None else _compound(tokens[place])
        if found is None and len(tokens[place]) > 1:
            unknown += 1
        concepts |= found or set()
        place += length
    return NameMeaning(frozenset(concepts - {"NOISE"}), unknown, bool(re.search("[0-9]", name)))


def _phrases(tokens: Sequence[str]) -> Iterator[tuple[int, frozenset[str]]]:
    """The longest phrase first: how many words, and what it means."""
    table = _table()
    for length in range(min(4, len(tokens)), 0, -1):
        for joined in dict.fromkeys(
            (
                "_".join(tokens[:length]),
                _folded("_".join(tokens[:length])),
                without_accents("_".join(tokens[:length])),
            )
        ):
            if joined in table:
                yield length, table[joined]


@cache
def words_by_concept() -> dict[str, frozenset[str]]:
    """The table, without the languages."""
    found: dict[str, set[str]] = {}
    concept = ""
    for line in WORDS.strip().splitlines():
        if line[0] != " ":
            concept = line
            found[concept] = set()
        else:
            is_more = line.startswith("     ")
            for language in line.split("|"):
                found[concept] |= set(language.split()[0 if is_more else 1 :])
    return {concept: frozenset(words) for concept, words in found.items()}


@cache
def _table() -> dict[str, frozenset[str]]:
    """Word or phrase → its concepts; with and without accents."""
    table: dict[str, set[str]] = {}
    for concept, words in words_by_concept().items():
        for word in words:
            spelled = {word, _folded(word)}
            if word != "dû":  # `du` is an article
                spelled.add(without_accents(word))
                spelled.add(
                    re.sub("(a|o|u)e", r"\1", word) if "ae" in word or "oe" in word or "ue" in word else word
                )
            for each in spelled:
                table.setdefault(each, set()).add(concept)
    return {word: frozenset(concepts) for word, concepts in table.items()}


def _folded(word: str) -> str:
    """With ä as ae, as the table has it."""
    return without_accents(word.lower().translate(_SPELLED))


@cache
def _compound(token: str) -> frozenset[str] | None:
    """The concepts of a word that is made of known ones, such as `rechnungsnr`; None where it is not."""
    word, table = _folded(token), _table()
    if len(word) > 40:
        return None
    best: list[tuple[int, frozenset[str]] | None] = [None] * (len(word) + 1)
    best[0] = (0, frozenset())
    for end in range(_SHORTEST_PART, len(word) + 1):
        for start in range(end - _SHORTEST_PART + 1):
            before = best[start]
            if before is None:
                continue
            for link in _LINKS:
                part = word[start:end].removesuffix(link) if link else word[start:end]
                if (link and not word[start:end].endswith(link)) or part not in table:
                    continue
                if len(part) < 3 and (start == 0 or end < len(word)) and part not in ("nr", "no", "id"):
                    continue
                count = before[0] + 1 + bool(link) / 2
                if best[end] is None or count < best[end][0]:  # type: ignore[index]
                    best[end] = (count, before[1] | table[part])  # type: ignore[assignment]
    found = best[-1]
    return found[1] if found else None


def _tokens(name: str) -> list[str]:
    """Words of a header's name, also where capitals part them; a number is not a word, nor is a currency code."""
    name = unicodedata.normalize("NFC", name).replace("'", " ").replace("\u2019", " ")
    name = re.sub(r"(?<=[a-z\u00df-\u00ff])(?=[A-Z\u00c0-\u00de])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    found = re.findall(r"[^\W\d_]+[0-9]?(?![^\W_])|[^\W\d_]+|[#%]|[nN][°º]", name)
    table = _table()
    words = [each.lower() for each in found if each not in exponents() or each.lower() in table]
    return [word if word in table or not word[-1].isdigit() else word[:-1] for word in words]
