"""Files that are on this machine already: the drop folder, and files named on the command line."""

from pipeline.edge.local.drop_folder import DropFolder
from pipeline.edge.local.file_facts import modified_at, named_beside, named_blocks

__all__ = ["DropFolder", "modified_at", "named_beside", "named_blocks"]
