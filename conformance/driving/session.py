"""One run against one target, from the first look to the footer: what pytest's items call, one requirement at a time."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from conformance import __version__
from conformance.api import Api
from conformance.checks.discovery import DISCOVERY, FirstLook, first_look
from conformance.checks.registry import known_checks
from conformance.claim import Claim
from conformance.driving.cleanup import CLEAN_UP, clean_up
from conformance.driving.credentials import Credentials, resolve_reference
from conformance.driving.driver import Driver
from conformance.driving.editions import edition_notes, edition_spoken
from conformance.driving.exploring import explore
from conformance.driving.ledger import LEDGER_FILE, Ledger, read_ledger
from conformance.driving.live import Live
from conformance.driving.place import url_origin
from conformance.driving.sink import Sink, TwinSink
from conformance.driving.versions import versions
from conformance.driving.wires import HttpWire, NoAnswer, TwinWire, Wire
from conformance.errors import Problem, UsageError
from conformance.exchange import Trouble
from conformance.flow import drive
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.planning.editions import changes
from conformance.planning.examine import examination, judged, needed, unlooked
from conformance.planning.plan import Answers, Plan, Test, fitted, make_plan, questions_of
from conformance.planning.rejudge import gap_between, rejudge
from conformance.profile import Profile
from conformance.redaction import Redactor
from conformance.run import Exploration, Footer, Gap, Header, Leftover, Look, Result, Run
from conformance.scoring import leaves_nothing, score
from conformance.target import Reference, Target
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from conformance.writers.record import EXCHANGES_FILE, RUN_FILE, RecordWriter

#: Requirement id under which the question for the edition is recorded.
EDITION = "edition"
#: How many looks are under way beside the one that is awaited, and how far they may be ahead of it.
LOOK_AHEAD, FURTHEST = 12, 96
CLEAN_UP_SECONDS = 60.0
#: How the reason of what a budget left out begins: a resumed run looks at it.
SPENT = "the budget of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is to be made."""

    seed: int = 1
    budget_s: float = 0.0
    resume: bool = False
    selected: str = ""
    run_by: str = "self"
    system: str = ""
    partner: str = ""
    system_kind: str = ""
    sink_url: str = ""
    look_ahead: int = LOOK_AHEAD
    explore_s: float = 0.0
    patience: float = 1.0


def run_id_of(seed: int, started: float, profile: str, system: str = "") -> str:
    """Return the id of a run: everything fresh in it is derived from this, and its markers carry it."""
    return hashlib.sha256("|".join((str(seed), repr(started), profile, *([system] if system else []))).encode()).hexdigest()[:16]


def tools_for(profile: Profile, header: Header, test_data: Mapping[str, Any]) -> Callable[[str], Api]:
    """Return the maker of check tools: the same header and place give the same tools, live and offline."""
    allowed, speaks = frozenset(header.allowed), fitted(profile, test_data)
    return lambda place: Api(
        profile=speaks,
        run_id=header.run_id,
        started=header.started,
        test_data=test_data,
        allowed=allowed,
        place=place,
        sink_url=header.sink_url,
        nonce=header.nonce,
        url=str(header.target.get("url", "")),
    )


@dataclass
class Session:
    """The state of a run; `start` looks first, `result_of` looks at one requirement, `finish` cleans up and signs off."""

    profile_name: str
    target: Target
    claim: Claim
    folder: Path
    options: Options
    epoch: float
    shelf: Shelf | None = None
    wire: Wire | None = None
    on_result: Callable[[Result], None] | None = None
    on_planned: Callable[[], None] | None = None
    results: dict[str, Result] = field(default_factory=dict)
    plan: Plan = field(init=False)
    profile: Profile = field(init=False)
    header: Header = field(init=False)
    driver: Driver = field(init=False)
    look: FirstLook = field(init=False)
    exploration: Exploration | None = None
    order: list[str] = field(default_factory=list)
    _tasks: dict[str, asyncio.Task[Result]] = field(default_factory=dict)
    _left: list[Leftover] = field(default_factory=list)
    _awaited: str = ""
    _writer: RecordWriter = field(init=False)
    _done_before: float = 0.0

    # -- the beginning -------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Open the record, ask the server for its edition, take the first look, and plan."""
        before = self._earlier()
        self._writer = RecordWriter(self.folder, resume=before is not None)
        self.profile = load_profile(self.profile_name, self.shelf, self.claim.beside)
        started = before.header.started if before else self.epoch
        run_id = before.header.run_id if before else run_id_of(self.options.seed, started, self.profile.name, self.options.system)
        self._make_driver(run_id, bool(before))
        declared = self.profile_name.partition("@")[2] or self.claim.edition or self.profile.edition_in(self.claim.dialect)
        says, found = "", ""
        self.header = self._header(run_id, started, self.profile)
        if self.profile.bindings.identify and before is None:
            says, found = await edition_spoken(
                self.profile, self.shelf, lambda one: tools_for(one, self.header, self._test_data)(EDITION), Live(self.driver, EDITION)
            )
        wanted = declared or found or self.profile.edition
        if wanted != self.profile.edition:
            self.profile = load_profile(f"{self.profile.name}@{wanted}", self.shelf, self.claim.beside)
        notes = self._notes(declared, found, says, asked=before is None)
        sink_url = await self._open_sink(before)
        self.header = (
            before.header
            if before
            else replace(
                self._header(run_id, started, self.profile),
                edition_declared=declared,
                server_says=says,
                notes=notes,
                sink_url=sink_url,
                nonce=secrets.token_hex(16) if sink_url else "",
            )
        )
        if before is None:
            self._writer.line(self.header)
        if before is not None:
            self._left = await clean_up(self.driver)  # fresh values are the same as before: what was left would be in their way
            for leftover in self._left:
                self._writer.line(leftover)
        await self._first_look()
        self.results = {r.requirement: r for r in before.results if not r.reason.startswith(SPENT)} if before else {}
        if self.on_planned:
            self.on_planned()

    def _earlier(self) -> Run | None:
        """Return the run in the folder to resume; an earlier one that is not resumed is moved aside, never lost."""
        if not (self.folder / RUN_FILE).exists():
            if self.options.resume:
                raise UsageError(Problem(file=str(self.folder), problem="there is no run to resume"))
            return None
        if self.options.resume:
            run = read_run(self.folder)
            if run.footer is not None and run.footer.ended == "complete":
                raise UsageError(Problem(file=str(self.folder), problem="this run came to its end: there is nothing to resume"))
            self.profile_name = f"{run.header.profile}@{run.header.edition}"
            self._done_before = max((r.ended_s for r in run.results), default=0.0)
            return run
        aside = self.folder / "earlier" / secrets.token_hex(4)
        aside.mkdir(parents=True)
        for name in (RUN_FILE, EXCHANGES_FILE, LEDGER_FILE, "report.html", "junit.xml"):
            if (self.folder / name).exists():
                shutil.move(str(self.folder / name), str(aside / name))
        return None

    def _make_driver(self, run_id: str, resumed: bool) -> None:
        redactor = Redactor(secrets.token_bytes(32))
        wire = self.wire or HttpWire(self.target)
        wrong = hashlib.sha256(f"wrong|{run_id}".encode()).hexdigest()[:32]

        async def send(url: str, request: WireRequest) -> WireResponse:
            if not self.driver.reachable(url):
                raise NoAnswer(Trouble.OFF_ORIGIN, "the token endpoint is not on an origin of the target", sent=False)
            parts = urlsplit(url)
            full = replace(request, target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
            return await wire.fetch(url_origin(url), full)

        credentials = Credentials(self.target, redactor, send, wrong)
        credentials.check()
        ledger = read_ledger(self.folder) if resumed else Ledger(self.folder)
        self.driver = Driver(
            target=self.target, wire=wire, redactor=redactor, credentials=credentials, ledger=ledger, tools=self.tools,
            record=lambda requirement, exchange: self._writer.exchange(requirement, exchange), started_at=asyncio.get_running_loop().time() - self._done_before,
            patience=self.options.patience,
        )  # fmt: skip

    def tools(self, place: str) -> Api:
        """Return check tools for a place of this run."""
        return tools_for(self.profile, self.header, self._test_data)(place)

    @property
    def _test_data(self) -> Mapping[str, Any]:
        """The target's test data as it is recorded: secrets among them as placeholders."""
        told = msgspec.json.encode({name: self._datum(name, value) for name, value in self.target.test_data.items()}).decode()
        return dict(msgspec.json.decode(self.driver.redactor.text(told)))

    def _datum(self, name: str, value: Any) -> Any:
        """Return a test datum; one that is a reference (`{env: NAME}`, `{file: PATH}`) leads to a secret, of which we show a placeholder."""
        if not (isinstance(value, Mapping) and len(value) == 1 and set(value) <= {"env", "file"}):
            return value
        secret = resolve_reference(Reference(**value), f"test_data.{name}")
        self.driver.redactor.learn(secret)
        return self.driver.redactor.placeholder(secret)

    def _header(self, run_id: str, started: float, profile: Profile) -> Header:
        return Header(
            suite=__version__, run_id=run_id, started=started, seed=self.options.seed, profile=profile.name, edition=profile.edition, dialect=profile.dialect, title=profile.title,
            interface=profile.interface, tier=profile.tier, state=profile.state, digests=profile.digests, versions=versions(),
            target=self._public_target(), claim=msgspec.to_builtins(self.claim), allowed=self.target.allow, selected=self.options.selected,
            run_by=self.options.run_by, system=self.options.system, partner=self.options.partner, system_kind=self.options.system_kind,
        )  # fmt: skip

    def _public_target(self) -> dict[str, Any]:
        """Return the target for the record: references to secrets stay, secrets do not."""
        raw = msgspec.json.encode(msgspec.to_builtins(self.target)).decode()
        told: dict[str, Any] = {**msgspec.json.decode(self.driver.redactor.text(raw)), "test_data": self._test_data}
        if self.target.proxy:  # whoever replays brings the proxy's password again
            told["proxy"] = url_origin(self.target.proxy)
        told["headers"] = {k: self.driver.redactor.headers(((k, v),))[0][1] for k, v in told.get("headers", {}).items()}
        return told

    def _notes(self, declared: str, found: str, says: str, *, asked: bool) -> tuple[str, ...]:
        notes = edition_notes(self.profile, declared, found, says, asked=asked)
        if not self.target.tls.verify and self.target.url.startswith("https"):
            notes.append("the server's certificate was not verified (the target file says so)")
        return tuple(notes)

    async def _open_sink(self, before: Run | None) -> str:
        """Listen for callbacks where the profile has any and the target can reach us; return the sink's URL, or ''."""
        wanted = self.options.sink_url or (before.header.sink_url if before else "")
        local = urlsplit(self.target.url).hostname in ("127.0.0.1", "::1", "localhost")
        bound = self.profile.bindings.callbacks
        if bound is None or "write" not in self.target.allow:
            return ""
        if isinstance(self.wire, TwinWire):
            self.driver.sink = TwinSink(now=self.driver.now, answer=bound.answer, collect=self.wire.outgoing, began=self.driver.started_at)
            await self.driver.sink.start()
            return self.driver.sink.public_url
        if not (wanted or local) or self.wire is not None:
            return ""
        port = urlsplit(wanted).port or 0
        sink = Sink(now=self.driver.now, answer=bound.answer, host="127.0.0.1" if local else "0.0.0.0", port=port, public_url=wanted)
        try:
            await sink.start()
        except OSError as error:
            raise UsageError(Problem(file="--sink-url", problem=f"cannot listen on port {port}: {error.strerror}")) from None
        sink.write_ca(self.folder)
        self.driver.sink = sink
        return sink.public_url

    async def _first_look(self) -> None:
        self.look = await drive(first_look(self.tools(DISCOVERY), questions_of(self.profile)), Live(self.driver, DISCOVERY))
        self.plan = planned(self.profile, self.claim, self.header, self._test_data, self.look.answers)
        scope = {s.feature: {"state": s.state, "reason": s.reason} for s in self.plan.scope.values()}
        self._writer.line(Look(trouble=self.look.trouble, scope=scope))
        self._began = self.driver.now()

    async def abandon(self) -> None:
        """Close what `start` had opened when it could not go on: nothing was looked at."""
        if hasattr(self, "_writer"):
            self._writer.close()
        if hasattr(self, "driver"):
            self.driver.ledger.close()
            await self.driver.wire.close()
            if self.driver.sink:
                await self.driver.sink.close()

    # -- one requirement -----------------------------------------------------------------------------------------
    def ahead(self, requirement: str) -> None:
        """Keep looks under way: at this requirement, and at the next ones that touch only their own; call inside the loop."""
        self._awaited, position = requirement, self.order.index(requirement)
        under_way = sum(not t.done() for t in self._tasks.values())
        for other in self.order[position : position + FURTHEST]:
            test = self.plan.by_id[other]
            alone = test.isolation == "exclusive" and test.settled is None
            if (alone or under_way > self.options.look_ahead) and other != requirement:
                break
            if other not in self._tasks and other not in self.results:
                self._tasks[other] = asyncio.create_task(self._look_at(test))
                self._tasks[other].add_done_callback(self._go_on)
                under_way += 1
            if alone:
                break

    def _go_on(self, done: asyncio.Task[Result]) -> None:
        if not done.cancelled() and not self.driver.leaving.is_set():
            self.ahead(self._awaited)

    async def result_of(self, requirement: str) -> Result:
        """Return the result of one requirement, recorded; what was begun ahead is awaited here."""
        if requirement in self.results:
            return self.results[requirement]
        test = self.plan.by_id[requirement]
        if test.isolation == "exclusive":
            await asyncio.gather(*[t for i, t in self._tasks.items() if i != requirement], return_exceptions=True)
        self.ahead(requirement)
        result = await self._tasks[requirement]
        self.results[requirement] = result
        self._writer.line(result)
        if self.on_result:
            self.on_result(result)
        return result

    async def _look_at(self, test: Test) -> Result:
        if test.settled is not None:
            return unlooked(test, *test.settled, self.profile)
        if self.look.trouble:
            return unlooked(test, Verdict.NOT_TESTED, self.look.trouble, self.profile)
        if self.options.budget_s and self.driver.now() - self._began > self.options.budget_s:
            return unlooked(test, Verdict.NOT_TESTED, f"{SPENT} {self.options.budget_s:g} s is spent", self.profile)
        for other in needed(test, self.profile):
            result = self.results.get(other) or (
                await self._tasks[other] if other in self._tasks and other != test.requirement.id else None
            )
            if result is not None and leaves_nothing(result, test.requirement.level, test.requirement.draft):
                return unlooked(test, Verdict.NOT_TESTED, f"needs {other}", self.profile)
        await asyncio.gather(*[self._tasks[other] for other in self._rivals(test)], return_exceptions=True)
        answer = Live(self.driver, test.requirement.id)
        examined = await drive(examination(test, self.tools), answer)
        return judged(test, examined, answer.seen, self.look.control, self.profile)

    def _rivals(self, test: Test) -> list[str]:
        """Return the looks begun earlier that send the same invalid values to the same resource: a unique member may hold one only once."""
        if test.requirement.family != "refuses":
            return []
        resource = self.profile.bindings.resource_of(test.requirement.on)
        earlier = self.order[: self.order.index(test.requirement.id)]
        return [
            other
            for other in earlier
            if resource is not None
            and other in self._tasks
            and self.plan.by_id[other].requirement.family == "refuses"
            and self.profile.bindings.resource_of(self.plan.by_id[other].requirement.on) is resource
        ]

    async def explored(self) -> None:
        """Explore beyond the requirements, as the options ask: advisory, so what the target refused from the start is left alone."""
        if self.options.explore_s and not self.look.trouble:
            bound = {n: str(self._test_data.get(p.test_data, p.default) or "") for n, p in self.profile.bindings.parameters.items()}
            options = self.options
            self.exploration = await explore(self.profile, self.driver, bound, seed=options.seed, seconds=options.explore_s)
            self._writer.line(self.exploration)

    # -- the end -------------------------------------------------------------------------------------------------
    async def finish(self, ended: str) -> Run:
        """Stop what was begun ahead, remove what was made, write the footer, and return the run."""
        self.driver.leaving.set()
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        leftovers: list[Leftover] = []
        try:
            limits, count = self.target.limits, len(self.driver.ledger.open_entries())
            async with asyncio.timeout(CLEAN_UP_SECONDS + 3 * count * limits.timeout / limits.in_flight):
                leftovers = await clean_up(self.driver)
        except TimeoutError:
            leftovers = [
                Leftover(resource=e.resource, where=e.link or e.target, state="clean-up took too long")
                for e in self.driver.ledger.open_entries()
            ]
        for leftover in leftovers:
            self._writer.line(leftover)
        gap = self._gap() if ended == "complete" and not self.options.selected else None
        if gap:
            self._writer.line(gap)
        footer = Footer(ended=ended, ended_s=self.driver.now(), requests=self.driver.requests, exit_code=0)
        run = replace(self.run([*self._left, *leftovers], footer), gap=gap)
        footer = replace(footer, exit_code=int(score(run).exit_code))
        self._writer.line(footer)
        self._writer.close()
        self.driver.ledger.close()
        await self.driver.wire.close()
        if self.driver.sink:
            await self.driver.sink.close()
        return replace(run, footer=footer)

    def _gap(self) -> Gap | None:
        """Judge what was seen by the newest edition, where another one was tested."""
        newest = self.profile.edition_in(self.profile.dialect) or self.profile.editions[-1]
        if newest == self.profile.edition or self.look.trouble:
            return None
        profile = load_profile(f"{self.profile.name}@{newest}", self.shelf, self.claim.beside)
        run = self.run()
        again = rejudge(run, read_exchanges(self.folder), profile, replace(self.claim, edition=""), known_checks())
        return gap_between(run, again, changes(self.profile, profile))

    def run(self, leftovers: Iterable[Leftover] = (), footer: Footer | None = None) -> Run:
        """Return the run as far as it went, in the order of the plan."""
        look = Look(trouble=self.look.trouble, scope={s.feature: {"state": s.state, "reason": s.reason} for s in self.plan.scope.values()})
        results = tuple(self.results[t.requirement.id] for t in self.plan.tests if t.requirement.id in self.results)
        return Run(
            header=self.header,
            look=look,
            results=results,
            leftovers=tuple(leftovers),
            exploration=self.exploration,
            footer=footer,
            folder=str(self.folder),
        )


def planned(profile: Profile, claim: Claim, header: Header, test_data: Mapping[str, Any], answers: Answers) -> Plan:
    """Return the plan of a run: the same live and offline."""
    return make_plan(profile, claim, known_checks(), allowed=frozenset(header.allowed), test_data=test_data, answers=answers)


async def clean_up_after(folder: Path, target: Target, shelf: Shelf | None, epoch: float, wire: Wire | None = None) -> list[Leftover]:
    """Remove what a run that was cut short left behind (`conformance cleanup`)."""
    run = read_run(folder)
    session = Session(
        f"{run.header.profile}@{run.header.edition}", target, Claim(), folder, Options(seed=run.header.seed), epoch, shelf, wire
    )
    session.profile = load_profile(session.profile_name, shelf, str(run.header.claim.get("beside", "")))
    session.header = run.header
    session._writer = RecordWriter(folder, resume=True)
    session._make_driver(run.header.run_id, True)
    leftovers = await clean_up(session.driver)
    await session.driver.wire.close()
    session.driver.ledger.close()
    session._writer.close()
    return leftovers


__all__ = ["CLEAN_UP", "Options", "Session", "clean_up_after", "planned", "run_id_of", "tools_for"]
