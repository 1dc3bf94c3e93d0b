"""Names of months by language, as bill files write them.

Source: Unicode CLDR (Gregorian months, format and stand-alone), and the short forms that spreadsheets and databases
of these languages write.
"""

from __future__ import annotations

import unicodedata
from functools import cache

from schemas.feed import DateLanguage

_FULL: dict[DateLanguage, str] = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar|Jänner Februar|Feber März|Maerz April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre|setiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "af": "Januarie Februarie Maart April Mei Junie Julie Augustus September Oktober November Desember",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
_SHORT: dict[DateLanguage, str] = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep|Sept Oct Nov Dec",
    "de": "Jan|Jän Feb Mär|Mrz Apr Mai Jun Jul Aug Sep|Sept Okt Nov Dez",
    "fr": "janv|jan févr|fév mars|mar avr mai juin juil août|aoû sept|sep oct nov déc",
    "es": "ene feb mar abr may jun jul ago sept|sep|set oct nov dic",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "af": "Jan Feb Mrt Apr Mei Jun Jul Aug Sep|Sept Okt Nov Des",
    "nl": "jan feb mrt|maa apr mei jun jul aug sep|sept okt nov dec",
}
LANGUAGES: tuple[DateLanguage, ...] = tuple(_FULL)


@cache
def months(language: DateLanguage, *, short: bool) -> dict[str, int]:
    """Name → number of the month, as `folded` gives names; with accents, and without, as old systems write them."""
    found: dict[str, int] = {}
    for number, names in enumerate((_SHORT if short else _FULL)[language].split(), start=1):
        for name in map(folded, names.split("|")):
            apart = unicodedata.normalize("NFD", name)
            plain = "".join(letter for letter in apart if not unicodedata.combining(letter))
            found |= dict.fromkeys((name, apart, plain), number)
    return found


def name_of(month: int, language: DateLanguage, *, short: bool) -> str:
    """The usual name of a month."""
    return (_SHORT if short else _FULL)[language].split()[month - 1].partition("|")[0]


def folded(name: str) -> str:
    """A name as it is looked up: in small letters, without the full stop of a short form."""
    return name.lower().removesuffix(".")
