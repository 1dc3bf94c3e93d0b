"""One outside thing a folder; the rooms do not know each other.

`disk` and `small_files` are what all of them use to write and read files on this machine.
"""
