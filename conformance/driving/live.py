"""The third answerer: the steps of a check, answered by the target."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from conformance.driving.driver import Driver
from conformance.driving.handshake import greet
from conformance.exchange import Path
from conformance.flow import Answer, Asked, Callback, Flow, Handshake, Wait, outcome


class Live(Answer):
    """Answers the steps of one requirement from the target."""

    def __init__(self, driver: Driver, requirement: str) -> None:
        super().__init__()
        self.driver, self.requirement = driver, requirement

    async def __call__(self, at: Path, step: Asked) -> Any:
        if isinstance(step, Wait):
            return await asyncio.sleep(step.seconds * (self.driver.patience if step.grace else 1.0))
        if isinstance(step, Callback):
            return await self.driver.delivery(self.requirement, at, step)
        if isinstance(step, Handshake):
            return await greet(self.driver, self.requirement, at, step)
        return await self.driver.exchange(self.requirement, at, step)

    async def join(self, branches: Sequence[Flow[Any]]) -> list[tuple[Any, Exception | None]]:
        """Run all branches side by side to their end; outcomes in branch order."""
        return list(await asyncio.gather(*[outcome(b) for b in branches]))
