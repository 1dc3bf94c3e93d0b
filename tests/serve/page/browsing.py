"""The page on a real socket in this process, and requests to it as a browser or somebody else sends them."""

from __future__ import annotations

import html
import http.client
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode

from pipeline.edge.config import load_config
from pipeline.errors import Stopped
from pipeline.serve.listener import free_socket
from pipeline.serve.serve import show_on
from tests.world import World

HEADER, SECRET_HEADER, SECRET = "X-Remote-User", "X-Billferry-Secret", "between proxy and page"
STARTS_WITHIN_S = 30


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def said(self) -> str:
        """What a person reads: without markup, white space as one blank."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.text)).split())

    @property
    def token(self) -> str:
        found = re.search(r'data-token="([0-9a-f]+)"', self.text)
        assert found is not None
        return found[1]


@dataclass
class Visiting:
    """Somebody who uses the page."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, headers: Mapping[str, str] | None = None, **fields: str) -> Answer:
        """Send a form as a browser does from one of our pages, with a fresh token unless one is given."""
        fields = {"token": fields["token"] if "token" in fields else self.get("/").token, **fields}
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": f"http://127.0.0.1:{self.port}",
            "Sec-Fetch-Site": "same-origin",
            **(headers or {}),
        }
        return self.ask("POST", path, urlencode(fields).encode(), sent)

    def put(self, name: str, content: bytes, **query: str) -> Answer:
        """Drop a file as our script does."""
        where = urlencode({"name": name, **query})
        return self.ask("PUT", f"/upload?{where}", content, {"X-Billferry-Token": self.get("/").token})

    def drop(self, files: Mapping[str, bytes], **fields: str) -> Answer:
        """Drop files as a browser without our script does."""
        body, content_type = form_of(files, **{"token": self.get("/").token, **fields})
        return self.ask("POST", "/upload", body, {"Content-Type": content_type})


@dataclass(frozen=True)
class Showing:
    """The page, being served."""

    port: int
    secret: str | None = None

    def visitor(self, name: str | None = None, **headers: str) -> Visiting:
        """Somebody whom the proxy names, or, without a name, the only person there is."""
        named = {} if name is None else {HEADER: name, SECRET_HEADER: self.secret or ""}
        return Visiting(self.port, {**named, **headers})


@contextmanager
def showing(merchant: World, **page: Any) -> Iterator[Showing]:
    """Serve the page of a merchant's work_dir; `page` are keys of that section besides `listen`."""
    secret = merchant.folder / "page.secret"
    secret.touch(mode=0o600)
    secret.write_text(f"{SECRET}\n")
    stops, ready = list[Callable[[Exception], None]](), Event()

    @contextmanager
    def stopping(stop: Callable[[Exception], None]) -> Iterator[None]:
        stops.append(stop)
        ready.set()
        yield

    with free_socket() as listener:
        port = listener.getsockname()[1]
        merchant.settings["page"] = {"listen": f"127.0.0.1:{port}", **page}
        merchant.write_config()
        config = load_config(merchant.config)
        settings = config.settings.page
        assert settings is not None
        thread = Thread(target=show_on, args=(config, settings, listener, stopping), name="page")
        thread.start()
        try:
            assert ready.wait(STARTS_WITHIN_S)
            yield Showing(port, SECRET)
        finally:
            for stop in stops:
                stop(Stopped(signal_name="the end of the test", signal_number=0))
            thread.join()


BY_PROXY: dict[str, Any] = {"identity": {"header": HEADER, "secret_file": "page.secret"}}
"""A proxy names people."""


def form_of(files: Mapping[str, bytes], **fields: str) -> tuple[bytes, str]:
    """A form with files as a browser sends it, and its content type."""
    boundary = "----a-boundary"
    parts = [
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value.encode()
        for name, value in fields.items()
    ]
    parts += [
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/csv\r\n\r\n'.encode()
        + content
        for name, content in files.items()
    ]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + b"--" + boundary.encode() + b"--\r\n", f"multipart/form-data; boundary={boundary}"
