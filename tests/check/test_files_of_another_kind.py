"""XML, HTML, EDIFACT and their like are refused by name, however they are packed and however long their lines are."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipeline.errors import FileRefused
from tests.check.short_bills import fetched, refused, short

HTML = b"<!DOCTYPE html><html><body>" + b"<p>Not found</p>" * 10


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HTML, "an HTML page"),
        (b'<?xml version="1.0"?><a><b/></a>', "XML"),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>".encode("utf-16"), "XML"),
        (b"UNA:+.? 'UNB+UNOC:3+A+B+260131:0600+1'", "EDIFACT"),
        (rb"{\rtf1\ansi c,b,a}", "RTF"),
    ],
    ids=["html", "xml", "utf-16", "edifact", "rtf"],
)
def test_it_is_refused_by_its_name_with_what_to_do(
    tmp_path: Path, content: bytes, kind: str, packed: bool
) -> None:
    code, message = refused(short(tmp_path, gzip.compress(content) if packed else content))
    assert code == "file.format"
    assert f"its content is {kind}" in message
    assert "CSV" in message


def test_a_page_on_one_endless_line_is_called_a_page_before_all_of_it_is_fetched(tmp_path: Path) -> None:
    path = tmp_path / "bills.csv"
    path.write_bytes(HTML + b"x" * 200_000)
    with pytest.raises(FileRefused, match="its content is an HTML page"):
        fetched(path, tmp_path / "landing")
