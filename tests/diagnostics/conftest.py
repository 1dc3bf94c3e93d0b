"""The desk at which every command is tried, and an OpenSSH server."""

from tests.cli.desk import desk
from tests.servers.places import openssh, openssh_place

__all__ = ["desk", "openssh", "openssh_place"]
