"""Faults that only a TMF641 server can have."""

from __future__ import annotations

from collections.abc import Callable

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, with_header
from conformance.reference.faults.where import at, ids
from conformance.wire import WireResponse, header

_P = "tmf641-service-ordering"
_LISTS = {"listServiceOrder": "order", "listCancelServiceOrder": "cancellation"}


def _looking_at(*names: str) -> Callable[[Profile, str], frozenset[str]]:
    return lambda profile, place: ids(*(f"{_LISTS[place]}.{name}" for name in names))(profile, place)


@fault(
    profile=_P, group="headers", sentence="A list does not tell how many there are.",
    applies=at(*_LISTS), expected=_looking_at("total-told"),
)  # fmt: skip
def list_without_total(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "X-Total-Count", None)


@fault(
    profile=_P, group="headers", sentence="A list does not tell how many it shows.",
    applies=at(*_LISTS), expected=_looking_at("count-told"),
)  # fmt: skip
def list_without_count(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "X-Result-Count", None)


@fault(
    profile=_P, group="headers", sentence="A list tells that it shows one more than it does.",
    applies=at(*_LISTS), expected=_looking_at("count"),
)  # fmt: skip
def count_too_high(seen: Seen) -> WireResponse:
    answer = seen.forward()
    count = header(answer.headers, "X-Result-Count")
    return with_header(answer, "X-Result-Count", str(int(count) + 1)) if count else answer
