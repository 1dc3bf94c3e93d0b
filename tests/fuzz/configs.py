"""Configs and environments that something happened to: each seed gives the same ones, for ever.

Each holds secrets where one may have been pasted by mistake, whose texts nothing may repeat.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import Any

import yaml

KEY = "sk_test_4eC39HqLyjWDarjtT1zdp7dc"
WORD = "Xq9-hunter-two"
PLANTED = (KEY, KEY.replace("_", ""), KEY[8:], WORD)
GOOD: dict[str, Any] = {
    "merchant": "citypower",
    "environment": "test",
    "timezone": "Africa/Johannesburg",
    "work_dir": "var",
    "api": {"base_url": "https://api.example.net", "key_file": "api.key", "timeout_s": 30, "max_attempts": 8},
    "sftp": {
        "host": "sftp.example.net",
        "username": "citypower",
        "password_file": "api.key",
        "known_hosts_file": "known_hosts",
        "done_marker": "{name}.done",
    },
    "drop": {"folder": "drop", "archive": "var/archive", "quarantine": None},
    "ignore": ["*.md", "*.txt"],
    "limits": {"max_rejects": 100, "max_reject_ratio": 0.2},
    "retention": {"landing_days": 30},
    "feeds": [
        {
            "name": "bills",
            "match": "*_bills_{date:%Y-%m-%d}.csv",
            "model": "bill",
            "amount": {"unit": "major", "thousands": ","},
            "columns": {
                "customer_reference": "Customer",
                "bill_reference": "{Customer}-{file.date}",
                "currency": {"const": "ZAR"},
                "amount_due": {"debit": "Due", "credit": "Paid"},
                "customer_name": ["Name", "Holder"],
                "metadata.branch": "{Branch} {Town}",
            },
            "reference_replace": {"/": "-"},
            "checks": {"Customer": ["sa_id"]},
            "control": {
                "kind": "trailer",
                "marker": "T",
                "records": 2,
                "sums": [{"field": 3, "currency": "ZAR"}],
            },
            "expect": {"records": [1, 10]},
            "expect_by": "06:00",
        },
        {"name": "more", "match": "more*.csv", "model": "customer_balance", "amount": {"unit": "minor"}},
    ],
}
OF_PATHS = ("work_dir", "folder", "archive", "quarantine", "_file")
"""Messages about a place name it, so only what is known to be a key is planted there."""
RAW = (
    "2026-02-30",
    "2026-11-28",
    "!!int abc",
    f"!!int {KEY}",
    f"!!float {WORD}",
    "!!binary x",
    "!!set {a}",
    "!x y",
    "!!python/name:os.system",
    "9" * 5_000,
    "-0x" + "f" * 60,
    "0b_",
    "1:2:3",
    ".inf",
    ".nan",
    "1e999",
    "~",
    "yes",
    "null",
    "[]",
    "{}",
    "[[[[",
    "{a: {b: {c: 1}}}",
    "[" * 5_000,
    "- " * 3_000 + "x",
    "&a [*a]",
    "*nobody",
    "&a x",
    "{<<: [1]}",
    "{<<: {a: 1}}",
    '"\\ud800"',
    '"\\0"',
    '"\\U00110000"',
    '"\\x01\\e[31m"',
    "~nosuchuser/x",
    "a" * 300,
    "/".join(["a"] * 3_000),
    "../../..",
    "/dev/zero",
    "/proc/self/mem",
    "/",
    "''",
    "'\U0001f4a3'",
    "|\n   x\n   y",
    "? x",
    f"{{{KEY}: 1}}",
    f"[{WORD}]",
    f"{{{WORD}: {{{KEY}: 2}}}}",
    "%Y",
    "{x",
    "{}{}",
    "{file.x}",
    "{x}{x}",
    "{const: 5}",
    "https://[::1",
    "http://a.example",
    f"https://u:{WORD}@a.example",
    "https://\udce9",
    "*" * 50,
    "0",
    "-1",
    "1" + "0" * 30,
)
SOUP = (
    ":",
    ": ",
    "-",
    "- ",
    "#",
    "&a ",
    "*a",
    "!",
    "!!",
    "|",
    ">",
    "%",
    "@",
    "`",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    ",",
    "?",
    "? ",
    "\t",
    "\n",
    "\r",
    "\0",
    "\x85",
    "\u2028",
    "\ufeff",
    "---\n",
    "...\n",
    "<<: ",
    "\\",
    "\x07",
    "é",
    "\U0001f4a3",
)
NAMES = (
    "",
    "_",
    "API",
    "API__KEY",
    "API__KEY_FILE",
    "API__TIMEOUT_S",
    "API__X__Y__Z",
    "MERCHANT",
    "WORK_DIR",
    "SFTP",
    "SFTP__UPLOAD",
    "SFTP__ARCHIVE",
    "DROP__FOLDER",
    "IGNORE",
    "LIMITS",
    "LIMITS__MAX_REJECTS",
    "FEEDS",
    "FEEDS__0__NAME",
    "PING__URL",
    "NOPE",
    "\udce9",
    "TIMEZONE",
    "API" + "__A" * 100,
)
TEXTS = (
    "",
    "null",
    "5",
    "-1",
    "true",
    "[[[[",
    "[" * 20_000,
    '{"a":' * 3_000,
    "{}",
    "[]",
    '["\\ud800"]',
    "NaN",
    "1e999",
    "9" * 5_000,
    "\udce9",
    "~nosuchuser",
    "a" * 300,
    KEY,
    WORD,
    f'{{"{WORD}": "{KEY}"}}',
    f'["{KEY}"]',
    "'",
    '{"a":1,"a":2}',
    "2026-02-30",
)


@dataclass(frozen=True, slots=True)
class ConfigCase:
    """A config.yaml, and what else is in the environment."""

    content: bytes
    environment: dict[str, str]


def case(seed: int) -> ConfigCase:
    """The config of a seed."""
    chance = random.Random(seed)  # noqa: S311
    config = json.loads(json.dumps(GOOD))
    for _ in range(chance.choice([0, 0, 1, 2])):
        _change_structure(config, chance)
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        text = chance.choice([_write_raw, _write_raw, _add_line, _soup, _cut])(text, chance)
    content = text.encode("utf-8", "surrogateescape")
    if chance.random() < 0.05:
        at = chance.randrange(len(content) + 1)
        content = (
            content[:at] + chance.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xfe\xff"]) + content[at:]
        )
    environment = {}
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        prefix = chance.choice(["BILLFERRY_", "BILLFERRY_", "billferry_"])
        name = prefix + chance.choice(NAMES)
        texts = [text for text in TEXTS if not (_is_path(name) and WORD in text)]
        environment[name] = chance.choice(texts)
    return ConfigCase(content, environment)


def _is_path(key: str) -> bool:
    return key.lower().endswith(OF_PATHS)


def _change_structure(config: Any, chance: random.Random) -> None:
    """One key is missing, doubled under another name, or holds something else."""
    at: Any = config
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            return
        key = chance.choice(keys)
        if not isinstance(at[key], dict | list) or chance.random() < 0.2:
            break
        at = at[key]
    match chance.randrange(4):
        case 0:
            del at[key]
        case 1 if isinstance(at, dict):
            at[chance.choice([f"{key}x", "zzz", KEY, WORD, "", "a" * 2_000, str(key).upper()])] = at[key]
        case 2:
            at[key] = chance.choice([[], {}, 5, 1.5, True, [[5]], {"a": 1}, -1, 10**30, [KEY], {KEY: WORD}])
        case _:
            at[key] = (
                KEY
                if isinstance(key, str) and _is_path(key)
                else chance.choice([KEY, WORD, "", " ", "?", "x" * 500])
            )


def _write_raw(text: str, chance: random.Random) -> str:
    """The value of one line is written as something else."""
    lines = text.split("\n")
    number = chance.choice([n for n, line in enumerate(lines) if ":" in line] or [0])
    key, _, _ = lines[number].partition(":")
    raw = chance.choice([each for each in RAW if not (_is_path(key.strip()) and WORD in each)])
    lines[number] = f"{key}: {raw}"
    return "\n".join(lines)


def _add_line(text: str, chance: random.Random) -> str:
    lines = text.split("\n")
    key = chance.choice(
        [KEY, WORD, "? [a, b]\n", "merchant", "<<", "a b", "'x y'", "!!int 5", "2026-01-01", "&k k"]
    )
    lines.insert(
        chance.randrange(len(lines) + 1), " " * chance.choice([0, 0, 2, 4]) + f"{key}: {chance.choice(RAW)}"
    )
    return "\n".join(lines)


def _soup(text: str, chance: random.Random) -> str:
    at = chance.randrange(len(text) + 1)
    return text[:at] + "".join(chance.choices(SOUP, k=chance.choice([1, 1, 2, 5]))) + text[at:]


def _cut(text: str, chance: random.Random) -> str:
    start = chance.randrange(len(text) + 1)
    return text[:start] + text[start + chance.choice([1, 5, 40, 10_000]) :]
