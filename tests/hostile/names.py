"""Some 250 names that somebody may give a file to do harm, made from a few ideas each. Most end so that a feed fits."""

from __future__ import annotations

from tests.servers.hostile_names import HOSTILE_NAMES

ENDING = b".csv"


def _named(*stems: str | bytes) -> list[bytes]:
    return [(stem if isinstance(stem, bytes) else stem.encode()) + ENDING for stem in stems]


CONTROLS = _named(*(f"c{chr(code)}x" for code in [*range(1, 32), *range(127, 160)]))
ANSI = _named("\x1b[31mred", "\x1b]0;title\x07", "\x1b[2Jgone", "\x9b31m", "\x1bc")
INVISIBLE = _named(
    *(
        f"i{chr(code)}x"
        for code in (0xAD, 0x200B, 0x200D, 0x200E, 0x200F, 0x202A, 0x202E, 0x2060, 0x2066, 0xFEFF)
    ),
    *(f"i{chr(code)}x" for code in (0x2028, 0x2029, 0xE000, 0xE0001, 0xFFFE, 0x10FFFF)),
)
TRAVERSAL = [
    b"../x.csv",
    b"../../x.csv",
    b"../../../../../../../../tmp/x.csv",
    b"..",
    b".",
    b"/etc/cron.d/x.csv",
    b"/x.csv",
    b"a/b.csv",
    b"a/../../b.csv",
    b"..\\x.csv",
    b"..\\..\\x.csv",
    b"\\\\server\\share\\x.csv",
    b"C:\\x.csv",
    b"....//x.csv",
    b"%2e%2e%2fx.csv",
    b"..%2fx.csv",
    b"%2e%2e.csv",
    b"%00.csv",
    b"%.csv",
    b"%s%n%d.csv",
    b"{}{0}{name}.csv",
]
SHELL = _named(
    ";rm -rf x",
    "$(touch x)",
    "`touch x`",
    "| touch x",
    "& touch x",
    "> x",
    "-rf",
    "--config",
    "-",
    "--",
    "a'b",
    'a"b',
    "a b",
    " lead",
    "trail ",
    "*",
    "?",
    "[a-z]",
    "~",
    "!!",
    "#x",
    "$HOME",
    "${HOME}",
    "a\u00a0b",
    "a\u3000b",
)
SPREADSHEET = _named(
    "=1+1", "=HYPERLINK(1)", "@x", "+1", "-1", 'x,"y",z', "<script>alert(1)</script>", "&amp;", "'--"
)
TWINS = _named(
    "Straße",
    "STRASSE",
    "strasse",
    "x",
    "X",
    "\u00e9t\u00e9",
    "e\u0301te\u0301",
    "\u212bngstr\u00f6m",
    "\u00c5ngstr\u00f6m",
    "za",
    "z\u0430",
    "\u0437\u0430",
    "\uff41",
    "a",
    "\u0131",
    "\u0130",
    "I",
    "i",
    "\ufb01n",
    "fin",
    "ｆｉｎ",
)
BYTES = _named(
    b"latin\xe9",
    b"\xff",
    b"\xfe\xff",
    b"\xc0\xae\xc0\xae",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf5\x80\x80\x80",
    b"half\xc3",
    b"\x80",
)
LONG = [
    *(
        b"l" * length + ENDING
        for length in (100, 187, 188, 189, 190, 191, 192, 193, 200, 240, 250, 251, 252, 300, 5_000)
    ),
    *("é".encode() * length + ENDING for length in (30, 31, 32, 33, 60, 120, 125, 126, 200)),
    *("\U0001f9fe".encode() * length + ENDING for length in (15, 16, 17, 62, 63)),
    *(b"s" * 240 + b"%d" % digit + ENDING for digit in range(3)),
]
DEVICES = [
    *_named("CON", "con", "NUL", "PRN", "AUX", "COM1", "LPT9", "CON.x", "nul.tar"),
    b"trail.csv.",
    b"trail.csv ",
]
OUR_OWN = [
    *(
        b"summary.json",
        b"results.csv",
        b"rejects.csv",
        b"report.html",
        b"content",
        b"content.part",
        b"lock",
        b"ledger.sqlite",
    ),
    *(
        b"ledger.sqlite-wal",
        b"config.yaml",
        b"landing",
        b"reports",
        b"dry-run",
        b"x.csv.01234567",
        b"x.csv.01234567.2",
    ),
    *(b"x.csv.ctl", b"fetch-abc.csv", b".writing-abc.csv", b".summary.json.part", b"known_hosts", b"api.key"),
]
INJECTIONS = _named(
    'x\n{"level":"error"}',
    "x\r\n06:00 loaded",
    "x\nbillferry: all is well",
    "x\ty",
    "x\x00y",
    "x\\n",
    "\\x1b[31m",
    "[bold]x[/bold]",
)

NAMES: tuple[bytes, ...] = tuple(
    dict.fromkeys(
        name
        for group in (
            CONTROLS,
            ANSI,
            INVISIBLE,
            TRAVERSAL,
            SHELL,
            SPREADSHEET,
            TWINS,
            BYTES,
            LONG,
            DEVICES,
            OUR_OWN,
            INJECTIONS,
            HOSTILE_NAMES,
        )
        for name in group
        if name
    )
)
