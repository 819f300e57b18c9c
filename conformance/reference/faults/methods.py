"""Methods that are not what HTTP says, and time that stands still."""

from __future__ import annotations

from dataclasses import replace

from conformance.reference.faults.planting import Seen, fault, success, with_header
from conformance.reference.faults.where import asks_with, operations, reads, service, turns
from conformance.wire import WireResponse, header


@fault(
    group="methods", sentence="A method that is not supported is answered with success.",
    applies=service, expected=turns("unsupported-method", when=lambda r: "header" not in r.arguments),
)  # fmt: skip
def unsupported_method_succeeds(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=200) if answer.status in (405, 501) and seen.operation is None else answer


@fault(
    group="methods", sentence="A method that is not supported breaks the server.",
    applies=service, expected=turns("unsupported-method", when=lambda r: "header" not in r.arguments),
)  # fmt: skip
def unsupported_method_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=500) if answer.status in (405, 501) and seen.operation is None else answer


@fault(
    group="methods", sentence="A 405 does not say which methods are supported.",
    applies=service, expected=turns("unsupported-method", when=lambda r: "header" in r.arguments),
)  # fmt: skip
def no_allow(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "Allow", None) if answer.status == 405 else answer


@fault(group="methods", sentence="HEAD is answered with another status than GET.", applies=operations(reads), expected=turns("head-agrees"))
def head_has_another_status(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=204) if seen.request.method == "HEAD" and success(answer) else answer


@fault(
    group="methods", sentence="HEAD is answered with another media type than GET.", applies=operations(reads), expected=turns("head-agrees")
)
def head_has_other_headers(seen: Seen) -> WireResponse:
    answer = seen.forward()
    told = header(answer.headers, "content-type")
    return with_header(answer, "Content-Type", "text/plain") if seen.request.method == "HEAD" and told else answer


@fault(
    group="time", sentence="Time does not pass: states stay as they were made.",
    applies=service, expected=turns("issued-ends", when=asks_with("by", "expiry")),  # elsewhere no standard says how soon: slow is not wrong
)  # fmt: skip
def time_stands_still(seen: Seen) -> WireResponse:
    first_now = seen.memory.setdefault("now", seen.now)
    return seen.twin.handle(seen.request, first_now)
