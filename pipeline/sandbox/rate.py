"""The sandbox API's rate limit, a token bucket: the contract publishes none, so any client must cope with any."""

from dataclasses import dataclass


@dataclass
class TokenBucket:
    """Holds at most one second's worth, starts full. Times are the sandbox clock's monotonic seconds.

    A limit below one a second still holds one token: else no request would ever pass.
    """

    per_second: float
    tokens: float
    filled_at_s: float

    @classmethod
    def full(cls, per_second: float, now_s: float) -> "TokenBucket":
        """A bucket for so many requests a second, with the first second's worth in it."""
        return cls(per_second, max(1.0, per_second), now_s)

    def take(self, now_s: float) -> float:
        """Take a token. 0 when there was one, else the seconds until there will be; nothing is taken or reserved
        then."""
        room = max(1.0, self.per_second)
        self.tokens = min(room, self.tokens + (now_s - self.filled_at_s) * self.per_second)
        self.filled_at_s = now_s
        if self.tokens < 1:
            return (1 - self.tokens) / self.per_second
        self.tokens -= 1
        return 0.0
