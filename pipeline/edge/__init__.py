"""One outside thing a folder; the rooms do not import each other, and meet in `run/`.

All of them may use `disk` to write below work_dir, `operator_files` to read what operators wrote, and `log`. Rooms
decide nothing about bills: what an answer, a value or a file means is decided in `core`.
"""
