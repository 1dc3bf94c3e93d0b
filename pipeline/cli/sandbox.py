"""`sandbox`: the built-in test servers where config.yaml points, with the keys it names.

So the shipped config works unchanged against them: this writes the API key, the login's key pair and the pinned host
key to the paths that the config has for them.
"""

from __future__ import annotations

import ipaddress
import time
from base64 import b64encode
from pathlib import Path
from secrets import token_bytes
from urllib.parse import urlsplit
from uuid import uuid4

from pipeline.cli.printing import say
from pipeline.edge.config import Config
from pipeline.edge.disk import private_folders, replaced_file
from pipeline.errors import Stopped, UsageError
from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from pipeline.sandbox.sftp import SandboxSftp, write_key_pair
from pipeline.sandbox.webhooks import RetrySchedule, Webhook
from pipeline.signals import stoppable
from schemas.settings import Settings, Sftp

RETRY_FIRST_S = 1.0
"""Soon: somebody waits for it at a terminal."""


def serve_sandbox(config: Config) -> int:
    """Serve until a signal comes; returns 0, the exit status of a clean stop.

    Raises:
        UsageError: the config is for the live environment, `api.base_url` is not this machine, or a port is taken.
    """
    settings = config.settings
    url = urlsplit(require_this_machine(settings))
    root = settings.work_dir / "sandbox"
    private_folders(settings.work_dir)
    try:
        # It forgets all when it is stopped, and a ledger does not: with a salt of its own, an id of before is unknown
        # rather than another entity's.
        with (
            stoppable(),
            SandboxApi(
                keys=(TEST_KEY,),
                host=url.hostname or "127.0.0.1",
                port=url.port or 80,
                salt=uuid4().hex,
                merchant=settings.merchant,
            ) as api,
        ):
            if settings.api.key_file is not None:
                write_private(settings.api.key_file, TEST_KEY + "\n")
            say(f"Billing API   {api.url}   (its state: {api.url}/sandbox/state)", err=True)
            if (told := tell_payments(settings, api)) is not None:
                say(f"Webhooks      {told}   (billferry sandbox pay REFERENCE AMOUNT)", err=True)
            _serve_sftp(settings, root, api)
    except Stopped:
        say("stopped", err=True)
    except OSError as error:
        raise UsageError(
            problem=f"the sandbox cannot serve where {config.path} says ({error.strerror})",
            remedy="stop what serves there, or change the ports of api.base_url and sftp.port",
        ) from error
    return 0


def require_this_machine(settings: Settings) -> str:
    """The sandbox's address. Raises UsageError: the config is for the live environment, or for another machine."""
    if settings.environment != "test":
        raise UsageError(
            problem=f"the sandbox has no environment: {settings.environment}",
            remedy="set environment: test; release: first in a feed holds its first file there as in live",
        )
    if not _is_loopback(urlsplit(settings.api.base_url).hostname or ""):
        raise UsageError(
            problem="the sandbox serves this machine only",
            remedy="set api.base_url to http://127.0.0.1:PORT, for example in a config of its own",
        )
    return settings.api.base_url.rstrip("/")


def tell_payments(settings: Settings, api: SandboxApi) -> str | None:
    """Have payments told where `billferry serve` listens, signed with the config's first secret, which is made if need
    be; returns that address. Not to a unix socket: the vendor could not reach it either.

    Raises UsageError: the secret is damaged.
    """
    payments = settings.payments
    if payments is None or payments.listen is None or payments.listen.startswith("unix:"):
        return None
    secret_file = payments.secret_files[0]
    if not secret_file.exists():
        write_private(secret_file, f"whsec_{b64encode(token_bytes(24)).decode()}\n")
    url = f"http://{payments.listen}{payments.path}"
    secret = secret_file.read_text().strip()
    try:
        api.send_webhooks(Webhook(url, (secret,), schedule=RetrySchedule(first_s=RETRY_FIRST_S)))
    except ValueError:
        raise UsageError(
            problem=f"{secret_file}: what follows whsec_ is not base64",
            remedy="write the secret as it was given, or remove the file for a new one",
        ) from None
    return url


def _serve_sftp(settings: Settings, root: Path, api: SandboxApi) -> None:
    """Serve SFTP as well, where the config has it; returns never, a signal raises `Stopped`."""
    if settings.sftp is None:
        _wait()
        return
    with sandbox_sftp(settings.sftp, root, settings.sftp.port) as served:
        api.put_reports_into(served.root / settings.sftp.incoming.lstrip("/"))
        write_private(settings.sftp.known_hosts_file, served.known_hosts_line + "\n")
        say(f"SFTP server   {served.host}:{served.port}   put files into {served.root}/incoming", err=True)
        say("Ready. Run billferry run in another terminal. Press Ctrl-C to stop.", err=True)
        _wait()


def sandbox_sftp(settings: Sftp, root: Path, port: int) -> SandboxSftp:
    """The sandbox SFTP server with the folders and keys that the config names, not started yet.

    Args:
        root: gets `sftp`, the folder that is served as `/`, and `host_key`, kept so that a pinned key stays right.
        port: 0 takes a free one.
    """
    files = root / "sftp"
    for folder in settings.folders():
        if folder is not None:
            private_folders(files / folder.lstrip("/"))
    key = None
    if settings.private_key_file is not None:
        private_folders(settings.private_key_file.parent)
        key = write_key_pair(settings.private_key_file)
    password = settings.password_file.read_text().strip() if settings.password_file else None
    return SandboxSftp(
        files,
        settings.username,
        password=password,
        authorized_key=key,
        host_key_file=root / "host_key",
        port=port,
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in a folder of its own if need be."""
    private_folders(path.parent)
    with replaced_file(path, durable=False) as file:
        file.write(text.encode())


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine alone (127.0.0.0/8, ::1, `localhost`): its keys are known to everybody."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wait() -> None:
    while True:
        time.sleep(3600)
