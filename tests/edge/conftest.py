"""SFTP servers for the tests of the edges."""

from tests.servers.places import openssh, openssh_place, place, sandbox_place

__all__ = ["openssh", "openssh_place", "place", "sandbox_place"]
