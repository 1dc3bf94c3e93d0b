"""A real S3 server (moto's) on loopback, as a process of its own, and a bucket on it. It forgets all when it ends."""

from __future__ import annotations

import atexit
import http.client
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import obstore
from obstore.store import S3Store

from tests.serve.running import free_port

HOST = "127.0.0.1"
BUCKET = "bills"
STARTS_WITHIN_S = 20


class S3Server:
    """One server. `kill` ends it as a fault does, and takes what it held."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """With an empty bucket."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self.port)],
            env={"PATH": os.environ["PATH"]},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not self._answers():
            assert time.monotonic() < deadline, "the S3 server did not start"
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Whether it has the bucket by now."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request("PUT", f"/{BUCKET}")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def pause(self) -> None:
        """It takes what it is sent, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _bucket(self, prefix: str) -> S3Store:
        return S3Store(
            BUCKET,
            prefix=prefix,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id="a",
            secret_access_key="b",
            client_options={"allow_http": True},
        )

    def put(self, prefix: str, name: str, content: bytes | None) -> None:
        """Change an object below a prefix, or make one; None: remove it."""
        if content is None:
            obstore.delete(self._bucket(prefix), name)
        else:
            obstore.put(self._bucket(prefix), name, content)

    def objects(self, prefix: str) -> dict[str, bytes]:
        """What is in the bucket below a prefix: name → content."""
        bucket = self._bucket(prefix)
        names = [each["path"] for some in obstore.list(bucket) for each in some]
        return {name: bytes(obstore.get(bucket, name).bytes()) for name in names}

    def settings(self, folder: Path, prefix: str) -> dict[str, Any]:
        """Keys of a config that name it; `folder`: where the file with the credentials is written."""
        credentials = folder / "s3.credentials"
        credentials.touch(mode=0o600)
        credentials.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
        return {
            "store": f"s3://{BUCKET}/{prefix}",
            "s3": {"endpoint": self.endpoint, "region": "us-east-1", "credentials_file": str(credentials)},
        }


@cache
def shared_s3() -> S3Server:
    """One for all tests of this process; each has a prefix of its own."""
    server = S3Server()
    server.start()
    atexit.register(server.kill)
    return server
