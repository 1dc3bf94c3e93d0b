"""A Billing API and an SFTP server of our own, on loopback, for the demo and the tests.

Nothing here is shared with the loader: the field rules, the currency table and the error shapes are written a
second time, from the contract, so that both ends cannot be wrong together.

`serve.SandboxApi` and `sftp.SandboxSftp` are the two front doors; `switches.Switches` sets what the contract leaves
open, `faults` breaks things on purpose.
"""
