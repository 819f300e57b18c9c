"""No profile does more than it may: reads only without consent, nothing disruptive unnamed, nothing left behind that can be removed."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, claim_of_twin, target_of_twin
from conformance.driving.cleanup import NAMELESS, UNLISTED
from conformance.driving.session import Options, Session, clean_up_after
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import Shelf, load_profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.twins import twin_for
from conformance.requirement import pick
from conformance.run import Leftover
from conformance.verdict import Effect
from conformance.wire import WireRequest, WireResponse

SHELF = Shelf.standard()
NAMES = sorted(SHELF.profiles)
WRITTEN = [n for n in NAMES if any(r.create for r in load_profile(n, SHELF).bindings.resources.values())]
SHORT = ("alertmanager-v2", "camara-quality-on-demand", "openstack-placement")
#: When the second process begins: the server's clock has gone on.
LATER_S = 7200.0


class Killed(TwinWire):
    """A way to a twin on which our process dies in the middle: the server has done the last request, and nobody heard the answer."""

    def __init__(self, twin: Any, epoch: float, after: int = 0) -> None:
        super().__init__(twin, epoch)
        self.after, self.sent = after, list[WireRequest]()
        self.dead = False

    async def fetch(self, origin: str, request: WireRequest) -> WireResponse:
        """Hand the request to the twin."""
        if self.dead:
            raise asyncio.CancelledError
        self.sent.append(request)
        answer = await super().fetch(origin, request)
        if self.after and len(self.sent) >= self.after:
            self.dead = True
            raise asyncio.CancelledError
        return answer


def session(name: str, twin: Any, folder: Path, wire: TwinWire, **changes: Any) -> Session:
    """Return a session of a profile against a twin in this process."""
    profile = load_profile(name, SHELF)
    options = Options(resume=changes.pop("resume", False))
    target = replace(target_of_twin(profile, twin, "http://twin.invalid", folder), **changes)
    return Session(name, target, claim_of_twin(profile), folder, options, EPOCH, SHELF, wire)


def effects(twin: ResourceTwin, sent: list[WireRequest]) -> dict[str, Effect]:
    """Return the bound effect of every operation that was sent, and of methods that no edition's contract names.

    A POST that only reads stays one beside its path, where nothing is: that is how a first look tells an answer from any other.
    """
    profile = twin.profile
    editions = [load_profile(f"{profile.name}@{edition}", SHELF) for edition in profile.editions]
    reads = [(o.method, o.path) for p in editions for o in p.contract.operations.values() if o.effect is Effect.READ]
    found: dict[str, Effect] = {}
    for request in sent:
        path = request.target.partition("?")[0]
        if any(request.method == method and path.startswith(place) for method, place in reads if "{" not in place):
            continue
        route = twin.route(path)
        operation = route.operation(request.method) if route else None
        if operation:
            found[operation.id] = operation.effect
        elif request.method not in ("GET", "HEAD", "OPTIONS"):
            found[f"{request.method} {request.target}"] = Effect.OWN
    return found


@pytest.mark.parametrize("name", NAMES)
def test_reads_only_without_consent(name: str, tmp_path: Path) -> None:
    """No request whose bound effect is more than reading leaves the driver."""
    twin = twin_for(load_profile(name, SHELF))
    wire = Killed(twin, EPOCH)
    execute(session(name, twin, tmp_path, wire, allow=()), new_loop=VirtualLoop)
    assert wire.sent
    assert {o: e for o, e in effects(twin, wire.sent).items() if e is not Effect.READ} == {}


DISRUPTIVE = [n for n in NAMES if any(o.effect is Effect.DISRUPTIVE for o in load_profile(n, SHELF).contract.operations.values())]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [(n, c) for n in DISRUPTIVE for c in ({"allow": ("write",)}, {"allow": ("write", "disruptive"), "test_data": {}})],
    ids=lambda x: x if isinstance(x, str) else "-".join(x),
)
def test_nothing_disruptive_without_consent_and_a_name(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    """Consent alone is not enough, and neither is a named resource."""
    twin = twin_for(load_profile(name, SHELF))
    wire = Killed(twin, EPOCH)
    execute(session(name, twin, tmp_path, wire, **changes), new_loop=VirtualLoop)
    assert Effect.DISRUPTIVE not in effects(twin, wire.sent).values()
    assert Effect.OWN in effects(twin, wire.sent).values()


def left_at(twin: ResourceTwin) -> dict[str, str]:
    """Return what was made and is still there and in force, of what the standard lets a client remove: id -> resource."""
    found = {}
    for resource in twin.bindings.resources.values():
        for one in twin.store.everywhere(resource.name) if resource.create and resource.delete else ():
            over = resource.expired is not None and resource.expired.equals in pick(one.body, resource.expired.pointer)
            if not (one.seeded or over):
                found[one.id] = resource.name
    return found


def unlisted(twin: ResourceTwin, leftovers: tuple[Leftover, ...] | list[Leftover]) -> dict[str, str]:
    """Return what is left at a twin and not told: where it is, or how many there are of what cannot be found."""
    told = [left.where for left in leftovers]
    left = {id: name for id, name in left_at(twin).items() if not any(id in where for where in told)}
    lost = Counter(one.resource for one in leftovers if one.state in (NAMELESS, UNLISTED))
    return {id: name for id, name in left.items() if Counter(left.values())[name] > lost[name]}


@pytest.mark.parametrize("name", [n if n in SHORT else pytest.param(n, marks=pytest.mark.slow) for n in WRITTEN])
def test_a_whole_run_leaves_nothing(name: str, tmp_path: Path) -> None:
    """What the standard lets a client remove is gone."""
    twin = twin_for(load_profile(name, SHELF))
    run = execute(session(name, twin, tmp_path, Killed(twin, EPOCH)), new_loop=VirtualLoop)
    assert unlisted(twin, run.leftovers) == {}


def killed(name: str, twin: ResourceTwin, folder: Path, after: int) -> None:
    """Run a profile until our process dies after so many requests; nothing of it is closed in order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is cut off is never awaited
        _killed(session(name, twin, folder, Killed(twin, EPOCH, after)))
        gc.collect()


def _killed(made: Session) -> None:
    try:
        with pytest.raises(asyncio.CancelledError):
            _every_look(made)
    finally:
        made.driver.ledger.close()
        made._writer.close()
        made._tasks.clear()


def _every_look(made: Session) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(made.start())
        made.order = [t.requirement.id for t in made.plan.tests]
        for requirement in made.order:
            runner.run(made.result_of(requirement))


@pytest.mark.parametrize("after", [70, 86, 160])
@pytest.mark.parametrize("name", [n if n in SHORT else pytest.param(n, marks=pytest.mark.slow) for n in WRITTEN])
def test_cleanup_after_a_kill_leaves_nothing(name: str, after: int, tmp_path: Path) -> None:
    """Killed with answers unheard: `cleanup` removes what was made, and lists the rest."""
    twin = twin_for(load_profile(name, SHELF))
    killed(name, twin, tmp_path, after)
    target = target_of_twin(twin.profile, twin, "http://twin.invalid", tmp_path)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        leftovers = runner.run(clean_up_after(tmp_path, target, SHELF, EPOCH, TwinWire(twin, EPOCH + LATER_S)))
    assert unlisted(twin, leftovers) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITTEN)
def test_a_resumed_run_leaves_nothing(name: str, tmp_path: Path) -> None:
    """Killed and resumed: it ends as a run that nobody killed."""
    twin = twin_for(load_profile(name, SHELF))
    killed(name, twin, tmp_path, 160)
    wire = Killed(twin, EPOCH + LATER_S)
    run = execute(session(name, twin, tmp_path, wire, resume=True), new_loop=VirtualLoop)
    assert run.footer is not None
    assert run.footer.ended == "complete"
    assert unlisted(twin, run.leftovers) == {}
