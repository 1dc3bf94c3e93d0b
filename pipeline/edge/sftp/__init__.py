"""The SFTP source, and the only room that knows paramiko.

From outside: `source.SftpSource` for runs, `trust` and `known_hosts` for host keys. Inside, `hardened` alone uses
private names of paramiko; `transfer` moves whole files on it, `client` asks for what the source needs, `session` logs
in. Nothing may connect without a pinned key, wait without a limit, or repeat what a server says.
"""
