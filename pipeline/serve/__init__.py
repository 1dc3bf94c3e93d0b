"""What `billferry serve` listens for: webhooks of payments. Needs the extra `serve`.

- `receiver` one request to one answer: verified, kept, acknowledged
- `listener` a server on an address or a unix socket, with limits on slow and large requests
- `serve` opens the inbox, listens until a stop signal comes
"""
