"""Files that are on this machine already: the drop folder, and files named on the command line."""

from pipeline.edge.folder.drop import DropFolder
from pipeline.edge.folder.reading import modified_at, named_beside, named_blocks

__all__ = ["DropFolder", "modified_at", "named_beside", "named_blocks"]
