"""SFTP server, drop folder or command line → landed files: names matched to feeds, files waited for until they settle.

`collect.collect` looks and `collect.land` fetches. Both read a source through the `Source` protocol, and neither
writes to the ledger: what was seen is returned.
"""
