"""Faults: what an implementation may get wrong, each one function around a twin; where it can be planted and what it must turn red.

A fault is data (`declared`), or is written with `@fault(...)`: it is given what it needs to see (`Seen`) and returns the answer; the twin inside stays right.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from conformance.contract import Operation
from conformance.errors import Problem, UsageError
from conformance.profile import Profile, Resource
from conformance.reference.engine import ResourceTwin
from conformance.reference.message import NotJson, read_json, split_target, write_json
from conformance.twin import GROUPS
from conformance.wire import Headers, Outgoing, WireRequest, WireResponse, deliveries, header

#: Operation ids at which a fault can be planted; "" stands for the whole service.
Applies = Callable[[Profile], Iterable[str]]
#: What becomes of what the twin sends by itself: what was sent until now, the fault's own memory, now.
Calls = Callable[[list[Outgoing], dict[str, Any], float], list[Outgoing]]
#: Ids of the requirements that a fault at an operation must turn red.
Rule = Callable[[Profile, str], frozenset[str]]


@dataclass(kw_only=True)
class Seen:
    """One request as a fault sees it; `memory` is the fault's own and lasts as long as the server."""

    twin: ResourceTwin
    request: WireRequest
    now: float
    operation: Operation | None
    resource: Resource | None
    role: str
    memory: dict[str, Any]

    def forward(self, request: WireRequest | None = None) -> WireResponse:
        """Return what the twin answers, to this request or to another."""
        return self.twin.handle(request or self.request, self.now)

    def pretend(self) -> WireResponse:
        """Return what the twin would answer; nothing of it happens."""
        return self.twin.fork().handle(self.request, self.now)

    def edited(self, change: Callable[[Any], Any]) -> WireResponse:
        """Return the twin's answer with the JSON of a success changed."""
        return edited(self.forward(), change)

    def asking(self, change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> WireResponse:
        """Return the twin's answer to the same request with another query."""
        path, query = split_target(self.request.target)
        text = urlencode(change(query), quote_via=quote)
        return self.forward(replace(self.request, target=f"{path}?{text}" if text else path))

    def leaving_out(self, *names: str) -> WireResponse:
        """Return the twin's answer to the same request without these parameters of its query."""
        return self.asking(lambda query: [(k, v) for k, v in query if k not in names])

    def sending(self, change: Callable[[Any], Any]) -> WireResponse:
        """Return the twin's answer to the same request with another JSON body."""
        try:
            body = read_json(self.request.body)
        except NotJson:
            return self.forward()
        return self.forward(replace(self.request, body=write_json(change(body))))

    @property
    def sent(self) -> Any:
        """The JSON of the request, or None."""
        try:
            return read_json(self.request.body)
        except NotJson:
            return None

    @property
    def sent_members(self) -> dict[str, Any]:
        """The members of the JSON of the request; none where it is no object."""
        sent = self.sent
        return sent if isinstance(sent, dict) else {}

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query of the request."""
        return split_target(self.request.target)[1]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that can be wrong; `profile` is set for a fault that only one standard can have."""

    name: str
    group: str
    sentence: str
    applies: Applies
    expected: Rule
    act: Callable[[Seen], WireResponse]
    profile: str = ""
    calls: Calls | None = None


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A fault at a place; `representative` is the first place of its kind."""

    fault: Fault
    place: str
    expected: frozenset[str]
    representative: bool

    @property
    def name(self) -> str:
        """The fault and where it is."""
        return f"{self.fault.name}@{self.place}" if self.place else self.fault.name

    def twin(self, inner: ResourceTwin) -> FaultyTwin:
        """Return *inner* with this fault."""
        return FaultyTwin(inner, self.fault, self.place)


@dataclass
class FaultyTwin:
    """A twin with one fault."""

    inner: ResourceTwin
    fault: Fault
    place: str
    memory: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        """Be the twin inside in everything else, so that what is wrapped can be wrapped again."""
        if name.startswith("_") or name == "inner":
            raise AttributeError(name)
        return getattr(self.inner, name)

    @property
    def test_data(self) -> Mapping[str, Any]:
        """The test data of the twin inside."""
        return self.inner.test_data

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer as the twin does, but for the fault at its place."""
        self.inner.request = request
        route = self.inner.route(split_target(request.target)[0])
        operation = route.operation(request.method) if route else None
        if self.place and (operation is None or operation.id != self.place):
            return self.inner.handle(request, now)
        bindings = self.inner.bindings
        resource = bindings.resource_of(operation.id) if operation else None
        role = resource.role(operation.id) if resource and operation else ""
        seen = Seen(twin=self.inner, request=request, now=now, operation=operation, resource=resource, role=role, memory=self.memory)
        answer = self.fault.act(seen)
        return replace(answer, body=b"") if request.method == "HEAD" and self.fault.group != "methods" else answer

    def due(self, now: float) -> list[Outgoing]:
        """Return what the twin sends by itself until *now*, or what the fault makes of it."""
        sent = deliveries(self.inner, now)
        return self.fault.calls(sent, self.memory, now) if self.fault.calls else sent


_REGISTRY: dict[str, Fault] = {}


def fault(
    *, group: str, sentence: str, applies: Applies, expected: Rule, profile: str = ""
) -> Callable[[Callable[[Seen], WireResponse]], Callable[[Seen], WireResponse]]:
    """Register a function as a fault; its name is the function's, in slugs."""
    if group not in GROUPS:
        raise ValueError(f"{group!r} is no group of faults")

    def register(act: Callable[[Seen], WireResponse]) -> Callable[[Seen], WireResponse]:
        name = act.__name__.replace("_", "-")
        known = _REGISTRY.get(name)
        if known and known.act.__module__ != act.__module__:
            raise ValueError(f"two faults are called {name}")
        _REGISTRY[name] = Fault(name=name, group=group, sentence=sentence, applies=applies, expected=expected, act=act, profile=profile)
        return act

    return register


def fault_of_callbacks(*, sentence: str, expected: Rule, profile: str = "") -> Callable[[Calls], Calls]:
    """Register a function as a fault of what a server sends by itself; answers stay right. *profile* as for `fault`."""

    def register(calls: Calls) -> Calls:
        name = calls.__name__.replace("_", "-")
        _REGISTRY[name] = Fault(
            name=name, group="asynchrony and callbacks", sentence=sentence, expected=expected, act=lambda seen: seen.forward(), calls=calls,
            applies=lambda profile: [""] if profile.bindings.callbacks else [], profile=profile,
        )  # fmt: skip
        return calls

    return register


def known_faults() -> Mapping[str, Fault]:
    """Return all faults by name: those of every module of this package, and of the modules `*_faults` beside the twins."""
    from conformance.reference import faults, twins

    for package in (faults, twins):
        for module in pkgutil.iter_modules(package.__path__):
            if package is faults or module.name.endswith("_faults"):
                importlib.import_module(f"{package.__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items(), key=lambda item: (GROUPS.index(item[1].group), item[0])))


def planted(profile: Profile) -> list[Planted]:
    """Return every fault at every place of *profile* where it applies, in the order of groups."""
    from conformance.reference.faults.declared import declared

    found: list[Planted] = []
    unseen = _names_for_others(profile)
    known, own = known_faults(), declared(profile)
    if taken := [f.name for f in own if f.name in known]:
        raise UsageError(
            Problem(file=f"{profile.name}/twin.yaml", place=f"faults.{taken[0]}", problem="any service has a fault of this name")
        )
    every = [*known.values(), *own]
    for one in sorted(every, key=lambda fault: (GROUPS.index(fault.group), fault.name)):
        if one.profile and one.profile != profile.name:
            continue
        kinds: set[str] = set()
        for place in dict.fromkeys(p for p in one.applies(profile) if p not in unseen):
            expected = one.expected(profile, place)
            kind = _kind(profile, place)
            found.append(Planted(fault=one, place=place, expected=expected, representative=bool(expected) and kind not in kinds))
            kinds |= {kind} if expected else set()
    return found


def _names_for_others(profile: Profile) -> frozenset[str]:
    """Return operations that no server can tell from another one: found where that one is found."""
    every = list(profile.contract.operations.values())
    found = set()
    for number, one in enumerate(every):
        for other in (o for o in every if o is not one and o.method == one.method and one.address and o.address):
            wider = bool(other.address and one.address and set(other.address.places) < set(one.address.places) and other.address.places)
            if wider or (other.address == one.address and other in every[:number]):
                found.add(one.id)
    return frozenset(found)


def _kind(profile: Profile, place: str) -> str:
    """Return what is alike about operations: their role, or their method."""
    if not place:
        return ""
    resource = profile.bindings.resource_of(place)
    return resource.role(place) if resource else profile.operation(place).method


# -- tools of faults -------------------------------------------------------------------------------------------------
def success(answer: WireResponse) -> bool:
    """Tell whether an answer is a 2xx."""
    return 200 <= answer.status < 300


def json_of(answer: WireResponse) -> Any:
    """Return the JSON of an answer, or None."""
    if "json" not in (header(answer.headers, "content-type") or "") or not answer.body:
        return None
    return read_json(answer.body)


def edited(answer: WireResponse, change: Callable[[Any], Any]) -> WireResponse:
    """Return an answer with its JSON changed, where it is a success and has any."""
    body = json_of(answer) if success(answer) else None
    return answer if body is None else replace(answer, body=write_json(change(body)))


def with_header(answer: WireResponse, name: str, value: str | None) -> WireResponse:
    """Return an answer with a header set, or taken away (None)."""
    rest: Headers = tuple((k, v) for k, v in answer.headers if k.lower() != name.lower())
    return replace(answer, headers=rest if value is None else (*rest, (name, value)))


def without_request_header(request: WireRequest, name: str) -> WireRequest:
    """Return a request without a header."""
    return replace(request, headers=tuple((k, v) for k, v in request.headers if k.lower() != name.lower()))


def with_request_header(request: WireRequest, name: str, value: str) -> WireRequest:
    """Return a request with a header set."""
    clean = without_request_header(request, name)
    return replace(clean, headers=(*clean.headers, (name, value)))
