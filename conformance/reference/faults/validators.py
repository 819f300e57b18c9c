"""Conditional requests that are not conditional, and repetition that is not harmless."""

from __future__ import annotations

from dataclasses import replace

from conformance.reference.faults.planting import Seen, fault, success, without_request_header
from conformance.reference.faults.where import about, has_etag, in_role, operations, permits_success, role, turns
from conformance.reference.message import NotJson, Refused, read_json
from conformance.reference.places import first, put
from conformance.wire import WireResponse, header

_GROUP = "concurrency and validators"


@fault(
    group=_GROUP,
    sentence="If-Match is ignored.",
    applies=operations(role("replace", "update"), has_etag),
    expected=in_role("conditional-write", default="update"),
)
def if_match_ignored(seen: Seen) -> WireResponse:
    return seen.forward(without_request_header(seen.request, "if-match"))


@fault(
    group=_GROUP, sentence="A failed precondition is told, but the write is done.",
    applies=operations(role("replace", "update"), has_etag), expected=in_role("conditional-write", default="update"),
)  # fmt: skip
def written_despite_precondition(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status == 412:
        seen.forward(without_request_header(seen.request, "if-match"))
    return answer


@fault(group=_GROUP, sentence="If-None-Match is ignored.", applies=operations(role("read"), has_etag), expected=turns("conditional-read"))
def if_none_match_ignored(seen: Seen) -> WireResponse:
    return seen.forward(without_request_header(seen.request, "if-none-match"))


@fault(
    group=_GROUP, sentence="304 is answered to whatever tag the client has.",
    applies=operations(role("read"), has_etag), expected=turns("conditional-read"),
)  # fmt: skip
def always_not_modified(seen: Seen) -> WireResponse:
    answer = seen.forward()
    conditional = header(seen.request.headers, "if-none-match") is not None
    return replace(answer, status=304, body=b"") if conditional and success(answer) else answer


@fault(
    group=_GROUP, sentence="The ETag header and the tag in the body are not the same.",
    applies=operations(role("read"), has_etag), expected=turns("etag-agrees"),
)  # fmt: skip
def etags_disagree(seen: Seen) -> WireResponse:
    pointers = [
        r.arguments.get("pointer", "")
        for r in about(seen.twin.profile, seen.operation.id if seen.operation else "")
        if r.check == "etag-agrees"
    ]
    return seen.edited(lambda body: put(body, pointers[0], '"another"') if pointers and first(body, pointers[0]) else body)


@fault(
    group="idempotency", sentence="A second delete breaks the server.",
    applies=operations(role("delete")), expected=turns("second-delete"),
)  # fmt: skip
def second_delete_breaks(seen: Seen) -> WireResponse:
    done: set[str] = seen.memory.setdefault("done", set())
    if seen.request.target in done:
        return WireResponse(status=500)
    answer = seen.forward()
    if success(answer):
        done.add(seen.request.target)
    return answer


@fault(
    group="idempotency", sentence="A second delete is answered like the first, though nothing is there.",
    applies=operations(role("delete")),
    expected=turns("second-delete", when=lambda r: not permits_success(r)),
)  # fmt: skip
def second_delete_succeeds(seen: Seen) -> WireResponse:
    done: dict[str, WireResponse] = seen.memory.setdefault("done", {})
    answer = seen.forward()
    if success(answer):
        done[seen.request.target] = answer
    return done.get(seen.request.target, answer)


@fault(
    group="idempotency", sentence="The value of something deleted can never be given again.",
    applies=operations(role("create")), expected=turns("recreate-after-delete"),
)  # fmt: skip
def names_never_free(seen: Seen) -> WireResponse:
    used: set[str] = seen.memory.setdefault("used", set())
    pointers = [r.arguments.get("pointer") for r in seen.twin.profile.requirements if r.check == "recreate-after-delete"]
    try:
        value = str(first(read_json(seen.request.body), pointers[0])) if pointers and pointers[0] is not None else ""
    except NotJson:
        value = ""
    if value and value in used and success(seen.pretend()):
        return seen.twin.refusal(Refused(409, "this name was given before", kind="uniqueness"), seen.operation)
    answer = seen.forward()
    if success(answer) and value:
        used.add(value)
    return answer
