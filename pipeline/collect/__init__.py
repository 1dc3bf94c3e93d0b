"""SFTP server, drop folder or command line → landed files: names matched to feeds, files waited for until they settle.

`collect.collect` lists, `collect.land` and `named_files.land_named` fetch; `run` alone calls them. They read a source
through the `Source` protocol, and neither move a file nor write to the ledger: what was seen is returned.
"""
