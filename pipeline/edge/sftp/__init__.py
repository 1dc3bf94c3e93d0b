"""The SFTP source, and the only room that knows paramiko.

`source.SftpSource` is the way in for runs, `trust` and `known_hosts` for host keys.
"""
