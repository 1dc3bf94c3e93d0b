"""The programs in contrib/notify do what their first lines say, with what Billferry gives them."""

from __future__ import annotations

import json
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.world import ROOT

PROGRAMS = ROOT / "contrib" / "notify"
TOLD = json.dumps({"subject": "billferry citypower (live): held", "text": "june.csv: held (Prüfung)"})


def test_a_mail_goes_to_all_who_are_named(tmp_path: Path) -> None:
    sendmail = tmp_path / "sendmail"
    sendmail.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\ncat > {tmp_path}/mail\n')
    sendmail.chmod(0o755)
    program = tmp_path / "mail-program"
    program.write_text((PROGRAMS / "mail").read_text().replace("/usr/sbin/sendmail", str(sendmail)))
    program.chmod(0o755)
    subprocess.run([program, "a@example.com", "b@example.com"], input=TOLD, text=True, check=True)
    mail = (tmp_path / "mail").read_text()
    assert (tmp_path / "words").read_text() == "-t -oi\n"
    assert "To: a@example.com, b@example.com\n" in mail
    assert "Subject: billferry citypower (live): held\n" in mail
    assert "june.csv: held" in mail


@pytest.mark.parametrize("status", [200, 500])
def test_a_chat_gets_one_message_and_its_refusal_is_a_failure(tmp_path: Path, status: int) -> None:
    got: list[str] = []

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / "chat.url").write_text(f"http://127.0.0.1:{server.server_port}/hook\n")
        ended = subprocess.run(
            [PROGRAMS / "chat", tmp_path / "chat.url"],
            input=TOLD,
            text=True,
            check=False,
            capture_output=True,
        )
        server.shutdown()
    assert got == ["*billferry citypower (live): held*\njune.csv: held (Prüfung)"]
    assert (ended.returncode == 0) is (status == 200)
