"""Checked file → requests sent, each remembered. Owns the event loop."""

from pipeline.load.job import LoadJob, LoadResult
from pipeline.load.loader import load_file
from pipeline.load.planner import count_to_send, not_sent

__all__ = ["LoadJob", "LoadResult", "count_to_send", "load_file", "not_sent"]
