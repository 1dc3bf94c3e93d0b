"""From the facts of a page to one self-contained HTML page: escaped, without network, with a strict policy.

The page's only style and script are named by their hashes, so that nothing that came in with a text can run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from jinja2.runtime import Context
from markupsafe import Markup

from pipeline.core.how_many import size_text
from pipeline.core.names import printable
from pipeline.core.plain_text import without_commands
from pipeline.core.redact import is_reference, masked_reference, redact
from pipeline.core.values.amount_text import grouped
from pipeline.report.formulas import defused
from pipeline.report.html.wording import named, records, tone

_TEMPLATES = Path(__file__).with_name("templates")

MAX_SHOWN = 300
"""Characters of a text from outside: longer than any reference the API takes (255)."""
MAX_ODD = 80


def rendered(template: str, context: Mapping[str, Any], *, timezone: str) -> Iterator[bytes]:
    """The page in pieces, in UTF-8, so that its text is never in memory as a whole.

    Args:
        template: its file name in `templates`. A name that the context lacks is an error, not an empty place.
        timezone: an IANA name; `local(moment)` in a template writes an aware time in it.

    The Content-Security-Policy of the page allows one style sheet and one script, each by its SHA-256 (W3C CSP Level
    3).
    """
    assets = {"style": _asset("page.css"), "script": _asset("page.js")}
    hashes = {f"{name}_hash": _hash(text) for name, text in assets.items()}
    return _pieces(_environment(), template, {**context, **assets, **hashes}, timezone)


def rendered_below(
    folder: Path, template: str, context: Mapping[str, Any], *, timezone: str
) -> Iterator[bytes]:
    """A page that is served: the same, but with the templates of `folder` in the place of those of that name here.

    Style and script are not in it, for whoever serves it serves them beside it. In its templates `served` is true.
    """
    return _pieces(_environment(folder), template, context, timezone)


def shared_asset(name: str) -> bytes:
    """`page.css` or `page.js`, for those who serve them beside a page."""
    return _asset(name).encode()


def _pieces(
    environment: jinja2.Environment, template: str, context: Mapping[str, Any], timezone: str
) -> Iterator[bytes]:
    zone = ZoneInfo(timezone)

    def local(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%-d %b %Y, %H:%M}"

    pieces = environment.get_template(template).generate(**context, timezone=timezone, local=local)
    return (piece.encode() for piece in pieces)


def safe_text(text: str, most: int = MAX_SHOWN) -> str:
    """Text from outside: on a screen it cannot hide or turn letters around, in a spreadsheet it cannot run.

    At most `most` characters, cut after escaping, so that a page stays small whatever its texts are made of. HTML is
    not escaped here: the templates do that.
    """
    shown = printable(defused(text))
    return shown if len(shown) <= most else shown[:most] + "…"


def message_text(text: str, most: int = MAX_SHOWN, names: Iterable[str] = ()) -> str:
    """A message, which may come from the API: without what looks like a person's data. `names`: of files; these stay
    as they are.
    """
    return safe_text(redact(text, names), most)


@jinja2.pass_context
def _message(context: Context, text: str, most: int = MAX_SHOWN) -> str:
    return message_text(text, most, _names_in(context))


@jinja2.pass_context
def _message_on_page(context: Context, text: str, most: int = MAX_SHOWN) -> str:
    """The same for people without a shell."""
    return message_text(without_commands(text), most, _names_in(context))


@jinja2.pass_context
def _capitalized(context: Context, text: str) -> str:
    """With a large first letter, unless that is the one of a file's name."""
    return text if text.startswith(tuple(_names_in(context))) else text[:1].upper() + text[1:]


def _names_in(context: Context) -> Sequence[str]:
    """Names of the files that the texts of a page may name, as far as it says so (`names`)."""
    names: Sequence[str] = [each for each in context.get("names", ()) if each]
    return names


def reference(text: str | None) -> str:
    """A reference, or a dash where there is none. One that breaks the rules may be anything, so it is cut early."""
    if not text:
        return "–"
    return safe_text(masked_reference(text), MAX_SHOWN if is_reference(text) else MAX_ODD)


@cache
def _environment(first: Path | None = None) -> jinja2.Environment:
    """`first`: a folder of templates that is looked into before ours."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*([first] if first else []), _TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "capitalize_first": _capitalized,
        "shown": safe_text,
        "plain": printable,
        "message": _message,
        "reference": reference,
        "named": named,
        "tone": tone,
        "grouped": grouped,
        "size": size_text,
        "records": records,
    }
    if first is not None:
        environment.filters["message"] = _message_on_page
    environment.globals["served"] = first is not None
    return environment


@cache
def _asset(name: str) -> Markup:
    """A style sheet or script of the program, as it is: escaping would change the bytes that its hash is of."""
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 (a file of the program)


def _hash(text: str) -> str:
    """As a Content-Security-Policy names a hash: `sha256-` and Base64, of exactly what is between the tags."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
