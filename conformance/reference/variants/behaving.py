"""Servers that are slow, busy, shared, eventually consistent, or choose another documented way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.examples import creatable, filled
from conformance.reference.faults.planting import Seen, success
from conformance.reference.message import Refused
from conformance.reference.places import without
from conformance.reference.variants import setting, variant
from conformance.wire import WireRequest, WireResponse


@variant(sentence="Each answer takes 700 milliseconds.")
def slow(seen: Seen) -> WireResponse:
    return replace(seen.forward(), delay_s=0.7)


def _permits(*statuses: int) -> Any:
    return lambda profile: all(s in profile.bindings.permitted for s in statuses)


@variant(sentence="Every seventh request is answered 429 with Retry-After.", applies=_permits(429))
def busy(seen: Seen) -> WireResponse:
    return _every(seen, 7, WireResponse(status=429, headers=(("Retry-After", "1"),)))


@variant(sentence="Every ninth request is answered 503 with Retry-After.", applies=_permits(503))
def unavailable_at_times(seen: Seen) -> WireResponse:
    return _every(seen, 9, WireResponse(status=503, headers=(("Retry-After", "1"),)))


@variant(sentence="Every eleventh request is answered 429 without Retry-After.", applies=_permits(429))
def busy_without_a_word(seen: Seen) -> WireResponse:
    return _every(seen, 11, WireResponse(status=429))


def _every(seen: Seen, number: int, instead: WireResponse) -> WireResponse:
    count = seen.memory["count"] = seen.memory.get("count", 0) + 1
    return instead if count % number == 0 else seen.forward()


@variant(sentence="What does not exist is 404, whoever asks.", applies=lambda profile: profile.bindings.authentication.required)
def not_found_before_unauthorised(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 401 or seen.operation is not None:
        return answer
    return seen.twin.refusal(Refused(404, "there is nothing at this path"), None)


@variant(
    sentence="What was deleted reads as 410.",
    applies=lambda profile: any(r.delete and not r.expired and 410 in r.gone for r in profile.bindings.resources.values()),
)
def gone_after_delete(seen: Seen) -> WireResponse:
    answer = seen.forward()
    resource = seen.resource
    if answer.status != 404 or resource is None or 410 not in resource.gone or seen.role != "read":
        return answer
    route = seen.twin.route(seen.request.target.partition("?")[0])
    id = route.values.get(resource.parameter, "") if route else ""
    return replace(answer, status=410) if any(g[0] == resource.name and g[2] == id for g in seen.twin.store.gone) else answer


# -- set up otherwise ------------------------------------------------------------------------------------------------
def _alterable(profile: Profile) -> bool:
    return any(r.check == "read-after-create" and r.arguments.get("altered") for r in profile.requirements)


@variant(sentence="A text that was posted is altered, and the answer shows how.", applies=_alterable)
def altered_when_created(seen: Seen) -> WireResponse:
    if seen.resource is None or seen.operation is None or seen.operation.id != seen.resource.create:
        return seen.forward()
    names = [name for name in seen.resource.changes if f"/{name}" != seen.resource.marker]
    return seen.sending(
        lambda body: (
            {k: f"{v} (altered)" if k in names and isinstance(v, str) else v for k, v in body.items()} if isinstance(body, dict) else body
        )
    )


@setting(sentence="Lists show the newest first.")
def newest_first(twin: ResourceTwin) -> None:
    twin.options.newest_first = True


@setting(sentence="Entity tags are weak.")
def weak_etags(twin: ResourceTwin) -> None:
    twin.options.weak_etags = True


@setting(sentence="A write that changes nothing is a change all the same.")
def touched_by_every_write(twin: ResourceTwin) -> None:
    twin.options.touch = True


def _choices(operation: Operation) -> list[int]:
    documented = [s for s in operation.success if str(s) in operation.answers]
    headers = {n for s in documented if (a := operation.documented(s)) for n, needed in a.headers.items() if needed}
    return [s for s in documented if s not in (201, 202) and s < 300] if not headers else []


@setting(
    sentence="Where the contract documents several statuses of success, another one is used.",
    applies=lambda profile: any(len(_choices(o)) > 1 for o in profile.contract.operations.values()),
)
def another_success(twin: ResourceTwin) -> None:
    for operation in twin.contract.operations.values():
        choices = _choices(operation)
        if len(choices) > 1:
            usual = twin.status_of(operation, empty=operation.method == "DELETE")
            twin.options.statuses = {**twin.options.statuses, operation.id: next(s for s in reversed(choices) if s != usual)}


def _open_ids(profile: Profile) -> bool:
    return any(r.create and r.parameter for r in profile.bindings.resources.values())


@setting(sentence="Ids have characters that a path must escape or may hold as they are.", applies=_open_ids)
def odd_ids(twin: ResourceTwin) -> None:
    usual = twin.fresh_id

    def fresh(resource: Any) -> str:
        number = twin.store.count(f"odd/{resource.name}")
        return f"a.b~{number}:c=d;e@f,g h" if not twin.made_id(resource, "x") else usual(resource)

    twin.fresh_id = fresh  # type: ignore[method-assign]


def _crowded(seen: Seen, number: int) -> None:
    """Let somebody else make things."""
    for resource in creatable(seen.twin.profile):
        body = filled(resource.example, f"someone-else-{number}", seen.now)
        operation = seen.twin.contract.operations[resource.create]
        given = without(body, [*seen.twin.hidden(resource), *seen.twin.owned(resource, operation.id)])
        seen.twin.keep(resource, (), seen.twin.fresh_id(resource), given, seen.now, owner="other")


@variant(sentence="Others have put their own things there.", applies=lambda profile: bool(creatable(profile)))
def foreign_data(seen: Seen) -> WireResponse:
    if not seen.memory:
        for number in range(3):
            _crowded(seen, number)
        seen.memory["done"] = True
    return seen.forward()


@variant(sentence="Others make and remove things all the time.", applies=lambda profile: bool(creatable(profile)))
def foreign_traffic(seen: Seen) -> WireResponse:
    count = seen.memory["count"] = seen.memory.get("count", 0) + 1
    if count % 10 == 0:
        _crowded(seen, count)
        for resource in creatable(seen.twin.profile):
            shelf = seen.twin.store.shelf(resource.name)
            for id in [i.id for i in shelf.values() if i.owner == "other"][:-2]:
                del shelf[id]
    return seen.forward()


# -- eventual consistency --------------------------------------------------------------------------------------------
@dataclass
class Replica:
    """A copy of the twin that takes each write over only after a while."""

    twin: ResourceTwin
    due: list[tuple[float, WireRequest, float]] = field(default_factory=list)

    def catch_up(self, now: float) -> None:
        """Take over the writes that are due."""
        while self.due and self.due[0][0] <= now:
            _, request, at = self.due.pop(0)
            self.twin.handle(request, at)


@variant(
    sentence="What was written is seen a little later, within the time that the bindings grant.",
    applies=lambda profile: any(r.within > 0 for r in profile.bindings.resources.values()),
)
def eventually_consistent(seen: Seen) -> WireResponse:
    replica: Replica = seen.memory.setdefault("replica", None) or Replica(seen.twin.fork())
    seen.memory["replica"] = replica
    replica.catch_up(seen.now)
    within = [r.within for r in seen.twin.bindings.resources.values() if r.within > 0]
    if seen.request.method in ("GET", "HEAD"):
        return replica.twin.handle(seen.request, seen.now) if seen.resource and seen.resource.within else seen.forward()
    answer = seen.forward()
    if success(answer):
        replica.due.append((seen.now + min(within) * 0.5, seen.request, seen.now))
    return answer
