"""One run: the only room that knows every stage, opened by `opening`, told in order by `run_pass`.

Called by the command line, and as a library through `library`. What a dry run leaves out is decided in `opening` alone.
Stages never import this room, and nothing here talks to SFTP, HTTP or SQL: that is `edge`'s.
"""
