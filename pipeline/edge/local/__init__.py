"""Files on this machine: the drop folder, files named on the command line, and our own landed copies.

From outside: `DropFolder` as a source, `landing` and `lock` for work_dir, `folder_changes` for `watch`. Nothing here
overwrites or deletes a file that somebody else put there, and a link is followed only where a person typed it.
"""

from pipeline.edge.local.drop_folder import DropFolder
from pipeline.edge.local.file_facts import modified_at, read_beside_named, read_named

__all__ = ["DropFolder", "modified_at", "read_beside_named", "read_named"]
