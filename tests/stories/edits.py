"""Files with declared totals, and single-character edits of one of their amounts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

HEADER = "customer_reference,account_reference,bill_reference,currency,amount_due"
TRAILER: dict[str, Any] = {
    "kind": "trailer",
    "marker": "T",
    "records": 2,
    "sums": [{"field": 3, "currency": "ZAR"}],
}
SIDECAR: dict[str, Any] = {"kind": "sidecar"}
TYPED = "0123456789.,- +eER\"'\u00a0٣x"


@dataclass(frozen=True)
class Edited:
    """A file one of whose amounts was changed by one character, with the totals of the file as it was."""

    amounts: tuple[str, ...]
    sums: str
    was: str
    now: str

    def content(self, *, trailer: bool) -> str:
        lines = [f"C-{n},A-{n},B-{n},ZAR,{amount}" for n, amount in enumerate(self.amounts)]
        if trailer:
            lines.append(f"T,{len(self.amounts)},{self.sums}")
        return "\n".join([HEADER, *lines]) + "\n"

    @property
    def sidecar(self) -> str:
        return f'{{"records": {len(self.amounts)}, "amounts": {{"ZAR": "{self.sums}"}}}}'


def edited(chance: random.Random) -> Edited:
    """One that is an edit of the amount: `5.0` for `5.00` and `05.00` say the same, and are none."""
    amounts = [f"{chance.randrange(1, 10**6)}.{chance.randrange(100):02d}" for _ in range(4)]
    sums = str(sum(map(Decimal, amounts)))
    place = chance.randrange(len(amounts))
    was = now = amounts[place]
    while is_same(now, was):
        now = one_character_off(chance, was)
    amounts[place] = now
    return Edited(tuple(amounts), sums, was, now)


def one_character_off(chance: random.Random, text: str) -> str:
    """A character inserted, deleted, replaced (a digit by a digit often), or the point moved by one place."""
    place = chance.randrange(len(text))
    match chance.choice(["insert", "delete", "replace", "digit", "move"]):
        case "insert":
            return text[:place] + chance.choice(TYPED) + text[place:]
        case "delete":
            return text[:place] + text[place + 1 :]
        case "replace":
            return text[:place] + chance.choice(TYPED) + text[place + 1 :]
        case "digit":
            place = chance.choice([at for at, letter in enumerate(text) if letter.isdigit()])
            return text[:place] + chance.choice("0123456789") + text[place + 1 :]
        case _:
            whole, _, decimals = text.partition(".")
            return chance.choice(
                [f"{whole[:-1]}.{whole[-1]}{decimals}", f"{whole}{decimals[0]}.{decimals[1]}"]
            )


def every_edit(was: str) -> set[str]:
    """Each text that is one character off, by a character that no field of a CSV needs quoted for."""
    typed = (set(TYPED) | set("0123456789")) - set(',"')
    places = range(len(was) + 1)
    inserted = {was[:place] + letter + was[place:] for place in places for letter in typed}
    replaced = {was[:place] + letter + was[place + 1 :] for place in places[:-1] for letter in typed}
    return inserted | replaced | {was[:place] + was[place + 1 :] for place in places[:-1]}


def is_same(text: str, was: str) -> bool:
    """Whether a text still states the same amount.

    Leading and closing zeros and spaces around it say nothing, nor does one apostrophe before it, with which
    spreadsheets mark what is to stay text.
    """
    plain = text.strip().removeprefix("'").strip()
    return (
        plain.replace(".", "", 1).isascii()
        and plain.replace(".", "", 1).isdigit()
        and (not plain.startswith(".") and not plain.endswith(".") and Decimal(plain) == Decimal(was))
    )
