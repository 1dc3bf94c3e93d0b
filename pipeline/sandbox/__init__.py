"""A Billing API and an SFTP server on loopback, for the demo, the `sandbox` command and the tests.

Call `serve.SandboxApi` and `sftp.SandboxSftp`; `switches.Switches` sets what the contract leaves open, `faults` and
`seeded` break things on purpose, `webhooks.Webhook` says where payments are told, and `storm.Storm` makes many.
Nothing else is for outside, and nothing here is shared with the loader: field rules,
currencies and error shapes are written a second time, from the contract, so that both ends cannot be wrong together.
"""
