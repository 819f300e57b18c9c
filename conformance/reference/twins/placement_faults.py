"""Faults that only a Placement service can have: microversions that are mixed up, and requests under another name."""

from __future__ import annotations

from conformance.reference.faults.planting import Seen, fault, success, with_header, with_request_header, without_request_header
from conformance.reference.faults.where import at, ids
from conformance.reference.message import Refused
from conformance.wire import WireResponse, header

_P = "openstack-placement"
_NAME = "openstack-api-version"


def _asked(seen: Seen) -> str:
    return header(seen.request.headers, _NAME) or ""


def _of_another(seen: Seen) -> bool:
    """Tell whether a request names only a microversion of another service."""
    return bool(_asked(seen)) and not _asked(seen).startswith("placement")


@fault(
    profile=_P, group="headers", sentence="Without a microversion the answer is that of the greatest.",
    applies=at("getResourceProvider"), expected=ids("microversion.none"),
)  # fmt: skip
def greatest_unasked(seen: Seen) -> WireResponse:
    return seen.forward() if _asked(seen) else seen.forward(with_request_header(seen.request, _NAME, "placement latest"))


@fault(
    profile=_P, group="status", sentence="A request without a microversion is refused.",
    applies=at("getResourceProvider"), expected=ids("microversion.none"),
)  # fmt: skip
def microversion_demanded(seen: Seen) -> WireResponse:
    return seen.forward() if _asked(seen) else seen.twin.refusal(Refused(400, "name a microversion"), seen.operation)


@fault(
    profile=_P, group="headers", sentence="Only answers to a microversion say that they depend on it.",
    applies=at("getResourceProvider"), expected=ids("microversion.none-vary"),
)  # fmt: skip
def vary_only_if_asked(seen: Seen) -> WireResponse:
    return seen.forward() if _asked(seen) else with_header(seen.forward(), "Vary", None)


@fault(
    profile=_P, group="status", sentence="A microversion of another service is refused.",
    applies=at("getResourceProvider"), expected=ids("microversion.of-another-service"),
)  # fmt: skip
def other_service_refused(seen: Seen) -> WireResponse:
    return seen.twin.refusal(Refused(406, "this is another service"), seen.operation) if _of_another(seen) else seen.forward()


@fault(
    profile=_P, group="headers", sentence="A microversion of another service is taken for one of this.",
    applies=at("getResourceProvider"), expected=ids("microversion.of-another-service"),
)  # fmt: skip
def other_service_taken(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), _NAME, f"placement {_asked(seen).split()[-1]}") if _of_another(seen) else seen.forward()


@fault(
    profile=_P, group="status", sentence="The latest microversion is refused.",
    applies=at("getResourceProvider"), expected=ids("microversion.latest"),
)  # fmt: skip
def latest_refused(seen: Seen) -> WireResponse:
    latest = _asked(seen).endswith("latest")
    return seen.twin.refusal(Refused(400, "this is no microversion"), seen.operation) if latest else seen.forward()


@fault(
    profile=_P, group="headers", sentence="The latest microversion is the least.",
    applies=at("getResourceProvider"), expected=ids("microversion.latest"),
)  # fmt: skip
def latest_is_least(seen: Seen) -> WireResponse:
    return seen.forward(without_request_header(seen.request, _NAME)) if _asked(seen).endswith("latest") else seen.forward()


@fault(
    profile=_P, group="error body", sentence="An error names another request than its header.",
    applies=at("getResourceProvider"), expected=ids("error.request-id"),
)  # fmt: skip
def another_request_id(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return answer if success(answer) else with_header(answer, "X-Openstack-Request-Id", "req-another")
