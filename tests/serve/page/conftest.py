"""A merchant whose page is looked at."""

from tests.stories.conftest import merchant

__all__ = ["merchant"]
