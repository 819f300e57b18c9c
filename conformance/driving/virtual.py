"""A clock that jumps: the event loop of runs against twins in this process, so that waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors


class _NoWait(selectors.SelectSelector):
    """Never sleeps: where the loop would wait, its clock moves on instead."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            ready = super().select(0.05)  # only a thread or a signal could wake us now
        elif not ready and timeout and timeout > 0:
            self.moved += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time starts at 0 and only passes by waiting."""

    def __init__(self) -> None:
        self._jumping = _NoWait()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return virtual seconds."""
        return self._jumping.moved
