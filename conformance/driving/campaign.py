"""A campaign: every unit of a testbed in a process of its own, several at a time, one at a time on each server; resumable.

The units' own records are the truth; `campaign.json` only says which run of which unit belongs to the campaign. A unit's process
is told what to do in one line on its stdin; the end of stdin tells it to stop in order, so that it never outlives the campaign.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from conformance.claim import Claim
from conformance.driving.session import run_id_of
from conformance.errors import Problem, UsageError
from conformance.loading.records import read_run
from conformance.run import Run
from conformance.scoring import Exit, score
from conformance.target import Target
from conformance.testbed import Pair, ServedTwin, System, Testbed, Unit
from conformance.writers.record import RUN_FILE

CAMPAIGN_FILE, TESTBED_FILE, LOG_FILE = "campaign.json", "testbed.json", "unit.log"
SESSION_FILE = "session.json"
#: How long a unit may take to stop in order: its clean-up has its own limit below this.
STOPPING_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The partner side of a pair session."""

    system: str
    claim: Claim
    target: Target | None
    twin: ServedTwin | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a unit's process is told."""

    system: str
    partner: str
    kind: str
    profile: str
    claim: Claim
    target: Target | None
    twin: ServedTwin | None
    folder: str
    seed: int
    epoch: float
    resume: bool
    profile_dir: str = ""
    spec_dir: str = ""
    partner_side: Side | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a unit's process says while it works: how many requirements there are, each verdict, how it ended, what is wrong."""

    planned: int = 0
    done_before: int = 0
    verdict: str = ""
    failed_must: bool = False
    ended: int = -1
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which run of a unit belongs to the campaign."""

    run: str
    epoch: float


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What `campaign.json` holds."""

    format: int = 1
    testbed: str = ""
    seed: int = 1
    units: Mapping[str, Place] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a unit ended; `problem` says why there is no full record, `skipped` that it was complete before."""

    unit: Unit | Pair
    folder: Path
    exit_code: Exit
    problem: str = ""
    skipped: bool = False
    seconds: float = 0.0


@dataclass(kw_only=True)
class Campaign:
    """A run of a testbed; `tell` hears what each unit says, `over` how it ended."""

    __test__: ClassVar[bool] = False
    testbed: Testbed
    folder: Path
    command: Sequence[str]
    seed: int = 1
    resume: bool = False
    profile_dir: str = ""
    spec_dir: str = ""
    clock: Callable[[], float] = time.time
    tell: Callable[[Unit | Pair, Told], None] = lambda unit, told: None
    over: Callable[[Outcome], None] = lambda outcome: None
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    state: State = field(init=False)
    _last_epoch: float = 0.0

    def begin(self) -> None:
        """Read or begin the campaign's own state, and write the public facts of the testbed.

        Raises:
            UsageError: there is nothing to resume, or its state cannot be read.
        """
        self.state = self._earlier() if self.resume else State(testbed=self.testbed.name, seed=self.seed)
        self.seed = self.state.seed
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self.folder / TESTBED_FILE, msgspec.json.format(msgspec.json.encode(self.testbed.facts()), indent=1) + b"\n")
        self._keep()

    def _earlier(self) -> State:
        file = self.folder / CAMPAIGN_FILE
        try:
            return msgspec.json.decode(file.read_bytes(), type=State)
        except FileNotFoundError:
            raise UsageError(Problem(file=str(self.folder), problem="there is no campaign to resume")) from None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UsageError(Problem(file=str(file), problem=f"not the state of a campaign: {str(error)[:200]}")) from None

    def _keep(self) -> None:
        _replace(self.folder / CAMPAIGN_FILE, msgspec.json.format(msgspec.json.encode(self.state), indent=1) + b"\n")

    def place(self, unit: Unit | Pair) -> tuple[Path, Place]:
        """Return the folder of the unit's run in this campaign, noting it before anything is in it."""
        known = self.state.units.get(unit.name)
        if known is None:
            epoch = max(round(self.clock(), 3), round(self._last_epoch + 0.001, 3))  # the ids of runs are made of it
            self._last_epoch = epoch
            stamp = datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%dT%H%M%SZ")
            known = Place(run=f"{stamp}-{run_id_of(self.seed, epoch, unit.profile, unit.name.rpartition('/')[0])[:8]}", epoch=epoch)
            self.state = replace(self.state, units={**self.state.units, unit.name: known})
            self._keep()
        return self.folder / unit.name / known.run, known

    async def run(self) -> Mapping[str, Outcome]:
        """Run every unit that is not complete; what one of them does stops no other.

        Raises:
            asyncio.CancelledError: interrupted; every unit was told to stop in order, and did or was ended.
        """
        slots = asyncio.Semaphore(self.testbed.in_flight)
        locks = {unit.lock: asyncio.Lock() for unit in self.testbed.units}
        await _all(self._unit(unit, slots, locks[unit.lock]) for unit in self.testbed.units)
        pairs = [pair for pair in self.testbed.pairs if pair.drivable]
        locks = {pair.lock: asyncio.Lock() for pair in pairs}
        await _all(self._pair(pair, slots, locks[pair.lock]) for pair in pairs)
        return self.outcomes

    async def _unit(self, unit: Unit, slots: asyncio.Semaphore, lock: asyncio.Lock) -> None:
        async with lock, slots:
            began = time.monotonic()
            folder, place = self.place(unit)
            before = readable(folder)
            if before is not None and before.complete:
                outcome = Outcome(unit=unit, folder=folder, exit_code=score(before).exit_code, skipped=True)
            else:
                code, problem = await self._process(unit, folder, self._order(unit.system, unit.profile, folder, place, before is not None))
                outcome = Outcome(unit=unit, folder=folder, exit_code=code, problem=problem, seconds=time.monotonic() - began)
            self.outcomes[unit.name] = outcome
            self.over(outcome)

    async def _pair(self, pair: Pair, slots: asyncio.Semaphore, lock: asyncio.Lock) -> None:
        async with lock, slots:
            folder, place = self.place(pair)
            if (folder / SESSION_FILE).is_file():
                outcome = Outcome(unit=pair, folder=folder, exit_code=Exit.PASSED, skipped=True)
            else:
                side = Side(system=pair.b.name, claim=pair.b.claims[pair.profile], target=pair.b.target, twin=pair.b.twin)
                order = replace(self._order(pair.a, pair.profile, folder, place, False), partner_side=side)
                code, problem = await self._process(pair, folder, order)
                outcome = Outcome(unit=pair, folder=folder, exit_code=code, problem=problem)
            self.outcomes[pair.name] = outcome
            self.over(outcome)

    def _order(self, system: System, profile: str, folder: Path, place: Place, resume: bool) -> Order:
        return Order(
            system=system.name, partner=system.partner, kind=system.kind, profile=profile, claim=system.claims[profile], target=system.target,
            twin=system.twin, folder=str(folder), seed=self.seed, epoch=place.epoch, resume=resume, profile_dir=self.profile_dir,
            spec_dir=self.spec_dir,
        )  # fmt: skip

    async def _process(self, unit: Unit | Pair, folder: Path, order: Order) -> tuple[Exit, str]:
        """Run a unit in its process; return its exit code, or BROKEN and why."""
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / LOG_FILE
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, **_apart()
            )
            ended: int = -1
            problems: list[str] = []
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                async for line in process.stdout:
                    told = _told(line)
                    ended = told.ended if told.ended >= 0 else ended
                    problems += [told.problem] if told.problem else []
                    self.tell(unit, told)
                await process.wait()
            except asyncio.CancelledError:
                await _stop(process)
                raise
            except (BrokenPipeError, ConnectionResetError):
                await process.wait()
        if not log.stat().st_size:
            log.unlink()
        if ended < 0:
            code = process.returncode or 0
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Exit.BROKEN, f"the unit's process ended without a word ({how}); see {LOG_FILE}"
        return Exit(ended), "; ".join(problems)


async def _all(units: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of these; when this is cancelled or one of them breaks, all others are told once to stop, and waited for until they have."""
    tasks = [asyncio.create_task(unit) for unit in units]
    try:
        if tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:  # once: a second time would keep it from waiting for its process
            task.cancel()
        if left:
            await asyncio.wait(left)
    for task in tasks:
        task.result()


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Tell a unit to stop in order by the end of its stdin; end it when it takes too long."""
    if process.returncode is not None:
        return
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(STOPPING_S):
            while await process.stdout.read(65_536):
                continue
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _told(line: bytes) -> Told:
    try:
        return msgspec.json.decode(line, type=Told)
    except msgspec.MsgspecError:
        return Told()


def _apart() -> dict[str, Any]:
    """Return how a process is started that Ctrl-C does not reach: the campaign tells it itself, once."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def readable(folder: Path) -> Run | None:
    """Return the run in a folder as far as it went, or None when not even its header was written."""
    file = folder / RUN_FILE
    if not file.is_file() or not file.stat().st_size:
        return None
    with file.open("rb") as lines:
        if not lines.readline(64_000_000).endswith(b"\n"):
            return None
    return read_run(folder)


def _replace(file: Path, text: bytes) -> None:
    """Write a file so that whoever reads it finds the old or the new, never a part."""
    new = file.with_name(file.name + ".new")
    new.write_bytes(text)
    os.replace(new, file)
