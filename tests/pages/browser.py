"""A headless Chromium, driven by the DevTools protocol: opens a page and tells what it did and shows."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

WAIT_S = 30
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--process-per-site",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
)
HIDDEN_SIDEWAYS = """
[...document.querySelectorAll("body *")]
  .filter(e => e.checkVisibility() && !e.closest("svg") && !e.closest("thead") && !e.matches("input, select"))
  .filter(e => e.scrollWidth > Math.ceil(e.clientWidth) + 1 && getComputedStyle(e).display !== "inline"
    || e.getBoundingClientRect().right > window.innerWidth)
  .map(e => e.tagName + "." + e.className + ": " + e.textContent.trim().slice(0, 60))
"""
"""Elements with something that can only be seen by scrolling sideways, or not at all."""


def chromium() -> str:
    """Where Chromium is; without it the tests are skipped, and fail where everything must run."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    reason = "Chromium is missing (Debian: apt-get install chromium)"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Opened:
    """One page in the browser, and what was seen of it since it was opened."""

    browser: Browser
    session: str
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, exceptions, and what the page's policy stopped."""
    requests: list[str] = field(default_factory=list)
    """Every address that was asked for, the page's own included."""
    loaded: bool = False

    def value(self, script: str) -> Any:
        """What an expression of JavaScript is, as JSON."""
        said = self.tell("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def texts(self, selector: str) -> list[str]:
        """What is written in the elements that can be seen."""
        return list(
            self.value(
                f"[...document.querySelectorAll({selector!r})].filter(e => e.checkVisibility())"
                ".map(e => e.innerText.trim())"
            )
        )

    def tree(self) -> list[dict[str, Any]]:
        """What a screen reader is told: nodes with `role` and `name`."""
        nodes = self.tell("Accessibility.getFullAXTree")["nodes"]
        return [
            {
                "role": node["role"]["value"],
                "name": node.get("name", {}).get("value", ""),
                "properties": {
                    each["name"]: each["value"].get("value") for each in node.get("properties", ())
                },
            }
            for node in nodes
            if not node.get("ignored")
        ]

    def go(self, address: str, *, wait: bool = True) -> None:
        """Go to an address, and wait until it has loaded."""
        self.loaded = False
        self.tell("Page.navigate", url=address)
        if wait:
            self.until_loaded(address)

    def until_loaded(self, what: str) -> None:
        """Wait for a page that something has begun to load; set `loaded` to false before."""
        until = time.monotonic() + WAIT_S
        while not self.loaded:
            assert time.monotonic() < until, f"{what} does not load"
            self.tell("Page.getFrameTree")

    def until(self, script: str) -> None:
        """Wait until an expression is true, whatever page there is by then."""
        until = time.monotonic() + WAIT_S
        while True:
            with contextlib.suppress(AssertionError):  # the page is just being replaced
                said = self.tell("Runtime.evaluate", expression=script, returnByValue=True)
                if said["result"].get("value"):
                    return
            assert time.monotonic() < until, (script, self.value("document.body.innerText"))
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """As with a mouse, in the middle of what is there, wherever the page was scrolled to."""
        x, y = self.value(
            f"(() => {{ const e = document.querySelector({selector!r});"
            " e.scrollIntoView({block: 'center', behavior: 'instant'});"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.tell("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key: str, code: int, text: str = "") -> None:
        """A key, by its name and its virtual code."""
        self.tell("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, text=text)
        self.tell("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def choose(self, selector: str, *paths: Path) -> None:
        """Choose files in a field for files."""
        found = self.tell("Runtime.evaluate", expression=f"document.querySelector({selector!r})")
        files = [str(path) for path in paths]
        self.tell("DOM.setFileInputFiles", files=files, objectId=found["result"]["objectId"])

    def look(self, **media: str) -> None:
        """`scheme="dark"`, `media="print"`."""
        features = [{"name": "prefers-color-scheme", "value": media.get("scheme", "light")}]
        self.tell("Emulation.setEmulatedMedia", media=media.get("media", ""), features=features)

    def size(self, width: int, height: int) -> None:
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A PNG of the page, of all of it when it is longer than the window."""
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def printed(self, path: Path) -> None:
        """A PDF, in the page's own size of paper."""
        pdf = self.tell("Page.printToPDF", preferCSSPageSize=True, printBackground=True)
        path.write_bytes(base64.b64decode(pdf["data"]))

    def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self.browser.tell(method, parameters, self.session)

    def note(self, method: str, said: Mapping[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(said["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(said["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if said["type"] in {"error", "warning", "assert"}:
                self.complaints.append(str(said["args"]))
            case "Log.entryAdded" if said["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(said["entry"]["text"])
            case "Page.loadEventFired":
                self.loaded = True


class Browser:
    """One Chromium for many pages."""

    def __init__(self, address: str, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._client = loop.run_until_complete(_client())
        self._socket = loop.run_until_complete(self._client.ws_connect(address, max_msg_size=0))
        self._count = 0
        self._pages: dict[str, Opened] = {}
        self._targets: dict[str, str] = {}

    def open(
        self,
        path: Path | str,
        *,
        scripts: bool = True,
        scheme: str = "light",
        wait: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> Opened:
        """Open a page, and wait until it has loaded. `headers`: sent with every request, as a proxy adds them."""
        target = self.tell("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.tell("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Opened(self, session)
        self._targets[session] = target
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.tell(f"{domain}.enable")
        page.size(1280, 900)
        page.look(scheme=scheme)
        page.tell("Emulation.setScriptExecutionDisabled", value=not scripts)
        if headers:
            page.tell("Network.setExtraHTTPHeaders", headers=dict(headers))
        page.requests.clear()
        page.go(path.as_uri() if isinstance(path, Path) else path, wait=wait)
        return page

    def close_pages(self) -> None:
        """Each that is open has a process of its own, which goes on working."""
        while self._pages:
            session, _ = self._pages.popitem()
            self.tell("Target.closeTarget", {"targetId": self._targets.pop(session)})

    def tell(self, method: str, parameters: Mapping[str, Any], session: str | None = None) -> dict[str, Any]:
        return self._loop.run_until_complete(
            asyncio.wait_for(self._tell(method, parameters, session), timeout=WAIT_S)
        )

    async def _tell(self, method: str, parameters: Mapping[str, Any], session: str | None) -> dict[str, Any]:
        self._count += 1
        mine = self._count
        order = {"id": mine, "method": method, "params": parameters}
        await self._socket.send_json(order | ({"sessionId": session} if session else {}))
        while True:
            said = await self._socket.receive_json()
            if said.get("id") == mine:
                assert "error" not in said, (method, said["error"])
                return dict(said["result"])
            if "method" in said and said.get("sessionId") in self._pages:
                self._pages[said["sessionId"]].note(said["method"], said["params"])

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.tell("Browser.close", {})
        self._loop.run_until_complete(self._socket.close())
        self._loop.run_until_complete(self._client.close())


async def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


@contextlib.contextmanager
def started(profile: Path) -> Iterator[Browser]:
    """A browser with a fresh profile."""
    command = [chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    loop = asyncio.new_event_loop()
    try:
        browser = Browser(_address(profile, process), loop)
        yield browser
        browser.close()
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        loop.close()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    told = profile / "DevToolsActivePort"
    until = time.monotonic() + WAIT_S
    while not (told.exists() and len(told.read_text().splitlines()) == 2):
        assert process.poll() is None, "Chromium did not start"
        assert time.monotonic() < until, "Chromium does not answer"
        time.sleep(0.05)
    port, path = told.read_text().splitlines()
    return f"ws://127.0.0.1:{port}{path}"


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with started(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(one_browser: Browser) -> Iterator[Browser]:
    """One browser for all tests, whose pages are closed with the test that opened them."""
    yield one_browser
    one_browser.close_pages()
