"""Checked file → requests sent, each remembered. Owns the event loop."""

from pipeline.load.file import LoadJob, LoadResult, load
from pipeline.load.parts import count_to_send

__all__ = ["LoadJob", "LoadResult", "count_to_send", "load"]
