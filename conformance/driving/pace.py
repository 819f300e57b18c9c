"""How fast a target wants to be asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

SLOWEST_RATE = 2.0


@dataclass
class Pace:
    """How fast we may send: requests a second (0: no limit); a refusal halves it, calm doubles it again."""

    rate: float
    ceiling: float
    _next: float = 0.0
    _calm: int = 0

    async def turn(self, patience: float = 1.0) -> None:
        """Wait for our turn."""
        if not self.rate:
            return
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + patience / self.rate
        if at > now:
            await asyncio.sleep(at - now)

    def refused(self) -> None:
        """Halve the rate: the target said that it is too much."""
        rate = self.rate or 40.0
        self.rate = min(rate, max(SLOWEST_RATE, rate / 2))
        self._calm = 0

    def answered(self) -> None:
        """Double the rate after twenty answers in calm, up to what the target file allows."""
        self._calm += 1
        if self.rate and self.rate != self.ceiling and self._calm >= 20:
            self._calm = 0
            self.rate = self.rate * 2 if not self.ceiling else min(self.ceiling, self.rate * 2)
            if not self.ceiling and self.rate > 160:
                self.rate = 0.0
