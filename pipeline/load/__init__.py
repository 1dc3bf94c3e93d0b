"""Checked file → requests sent, each remembered. Owns the event loop."""

from pipeline.load.file import LoadJob, LoadResult, load

__all__ = ["LoadJob", "LoadResult", "load"]
