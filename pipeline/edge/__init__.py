"""One outside thing a folder; the rooms do not import each other, and meet in `run/`.

`disk` and `small_files` are what all of them use to write and read files on this machine, `log` is what every room may
log with. Rooms decide nothing about bills: what an answer, a value or a file means is decided in `core`.
"""
