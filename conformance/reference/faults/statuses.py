"""Answers with another status than the documented one."""

from __future__ import annotations

from dataclasses import replace

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, success
from conformance.reference.faults.where import (
    absence_shows,
    both,
    graver,
    not_probe,
    not_the_only_door,
    only_at,
    operations,
    permits_success,
    turns,
)
from conformance.wire import WireResponse

#: Statuses of success in the order in which a wrong one is chosen.
_WRONG = (200, 202, 206)


def _another(profile: Profile, operation: Operation) -> int | None:
    known = {*operation.success, *operation.permitted, *profile.bindings.permitted}
    return next((s for s in _WRONG if s not in known), None)


def _there_still(profile: Profile, place: str) -> frozenset[str]:
    """What deletes again what a delete only marks: it succeeds again, with the same status."""
    resource = profile.bindings.resource_of(place)
    again = only_at(turns("second-delete", when=permits_success), "delete")
    return again(profile, place) if resource and resource.expired else frozenset()


@fault(
    group="status", sentence="Success is told with a status that the contract does not document.",
    applies=operations(lambda profile, operation: _another(profile, operation) is not None),
    expected=both(graver(turns("answer")), _there_still),
)  # fmt: skip
def undocumented_success(seen: Seen) -> WireResponse:
    answer = seen.forward()
    assert seen.operation is not None
    wrong = _another(seen.twin.profile, seen.operation)
    return replace(answer, status=wrong) if success(answer) and wrong else answer


@fault(group="status", sentence="A valid request breaks the server.", applies=operations(), expected=graver(turns("answers")))
def server_error(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return WireResponse(status=500) if success(answer) else answer


@fault(
    group="status",
    sentence="The operation is not there: 404 to everything.",
    applies=operations(absence_shows, not_the_only_door),
    expected=turns("answers"),
)
def operation_absent(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return WireResponse(status=404) if success(answer) else answer


@fault(
    group="status",
    sentence="The method is not offered: 405 to everything.",
    applies=operations(not_the_only_door),
    expected=graver(turns("answers")),
)
def method_not_offered(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return WireResponse(status=405, headers=(("Allow", "OPTIONS"),)) if success(answer) else answer


@fault(group="status", sentence="The connection is closed without an answer.", applies=operations(not_probe), expected=turns("answers"))
def connection_closed(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return WireResponse(status=0) if success(answer) else answer
