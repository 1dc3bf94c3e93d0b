"""The desk at which every command is tried."""

from tests.cli.desk import desk

__all__ = ["desk"]
