"""Ctrl-C during a run: heard at any moment, obeyed where the run can obey it, so that clean-up and footer always come."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Interruption:
    """Runs coroutines in a runner's loop, and hears Ctrl-C for as long as the context lasts.

    The first one ends what is being looked at and whatever would come after it, but nothing else: an exception out of a signal handler
    may land in any line, be lost there, or keep the clean-up from beginning. A second one does not wait: it is raised where it finds us.
    """

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner, self.heard = runner, False
        self._task: asyncio.Task[Any] | None = None
        self._ours = False

    def __enter__(self) -> Self:
        """Hear Ctrl-C from now on, where Python's own handler would have heard it."""
        alone = threading.current_thread() is threading.main_thread()
        self._ours = alone and signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._ours:
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Let Python's own handler hear it again."""
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.heard:
            raise KeyboardInterrupt
        self.heard = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)  # also wakes a loop that waits

    def run(self, flow: Coroutine[Any, Any, T]) -> T:
        """Run *flow* to its end.

        Raises:
            KeyboardInterrupt: Ctrl-C was heard before it began, or ended it.
        """

        async def heeding() -> T:
            self._task = asyncio.current_task()
            try:
                if self.heard:
                    raise asyncio.CancelledError
                return await flow
            finally:
                self._task = None
                flow.close()

        try:
            return self.runner.run(heeding())
        except asyncio.CancelledError:
            if self.heard:
                raise KeyboardInterrupt from None
            raise
