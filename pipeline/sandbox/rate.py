"""The sandbox API's rate limit."""

from dataclasses import dataclass


@dataclass
class TokenBucket:
    """Holds at most one second's worth, starts full. Times are the sandbox clock's monotonic seconds."""

    per_second: float
    tokens: float
    filled_at_s: float

    @classmethod
    def full(cls, per_second: float, now_s: float) -> "TokenBucket":
        return cls(per_second, max(1.0, per_second), now_s)

    def take(self, now_s: float) -> float:
        """0 when a token was there, else the seconds until one will be."""
        room = max(1.0, self.per_second)
        self.tokens = min(room, self.tokens + (now_s - self.filled_at_s) * self.per_second)
        self.filled_at_s = now_s
        if self.tokens < 1:
            return (1 - self.tokens) / self.per_second
        self.tokens -= 1
        return 0.0
