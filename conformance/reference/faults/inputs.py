"""Input that is taken although it is wrong, and errors that do not say what they must."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, json_of, success, with_header
from conformance.reference.faults.where import asks_id, both, only_at, operations, takes_json, turns
from conformance.reference.message import NotJson, read_json, write_json
from conformance.reference.places import put
from conformance.requirement import Requirement
from conformance.wire import WireResponse, header


def _refused(answer: WireResponse) -> bool:
    return answer.status in (400, 409, 415, 422)


def _labelled(seen: Seen) -> bool:
    return "json" in (header(seen.request.headers, "content-type") or "json")


def _is_json(seen: Seen) -> bool:
    try:
        read_json(seen.request.body)
    except NotJson:
        return False
    return True


def _provoked(requirement: Requirement) -> bool:
    return "body" in requirement.arguments or "changes" in requirement.arguments


def _refuses_as_input(requirement: Requirement) -> bool:
    granted = requirement.arguments.get("if_refused", False)  # what may be granted is no finding
    return not granted and any(status in (400, 409, 415, 422) for status in requirement.arguments.get("status", ()))


def _spoils(profile: Profile, place: str) -> frozenset[str]:
    """What provokes a refusal of the write that this operation is, to see that nothing changes."""
    resource = profile.bindings.resource_of(place)
    if resource is None:
        return frozenset()
    usual, role = "replace" if resource.replace else "update", resource.role(place)
    return turns("refused-write-changes-nothing", when=lambda r: _provoked(r) and r.arguments.get("write", usual) in (role, place))(
        profile, place
    )


_TAKEN = both(
    turns("refuses"),
    only_at(turns("unique-conflict", "repeat-refused"), "create"),
    only_at(turns("patch-refused"), "update"),
    _spoils,
    turns("request-refused", when=_refuses_as_input),
)


def _gone(profile: Profile, place: str) -> frozenset[str]:
    """What looks whether something deleted is gone."""
    resource = profile.bindings.resource_of(place)
    role = resource.role(place) if resource else ""
    if role == "read" and resource and not resource.expired:
        return both(turns("delete-is-effective"), turns("callback-not-early", when=lambda r: bool(r.arguments.get("gone"))))(profile, place)
    return (
        turns("second-delete", when=lambda r: 200 not in r.arguments.get("status", (200,)))(profile, place)
        if role == "delete"
        else frozenset()
    )


def _gone_breaks(profile: Profile, place: str) -> frozenset[str]:
    """What asks for something deleted, whose id is unknown from then on."""
    resource = profile.bindings.resource_of(place)
    role = resource.role(place) if resource else ""
    if not resource or resource.expired:
        return frozenset()
    return turns({"read": "delete-is-effective", "delete": "second-delete"}.get(role, "errors"))(profile, place)


def _has_cases(profile: Profile, operation: Operation) -> bool:
    return bool(profile.cases.get(operation.id))


@fault(
    group="input validation", sentence="Whatever JSON comes is accepted.",
    applies=operations(takes_json, _has_cases), expected=_TAKEN,
)  # fmt: skip
def anything_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    good = seen.memory.get("good")
    if success(answer):
        seen.memory["good"] = answer
    return good if good is not None and _refused(answer) and _labelled(seen) and _is_json(seen) else answer


@fault(
    group="input validation", sentence="Input that the contract forbids breaks the server.",
    applies=operations(takes_json, _has_cases), expected=_TAKEN,
)  # fmt: skip
def invalid_input_breaks(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return WireResponse(status=500) if _refused(answer) and _labelled(seen) and _is_json(seen) else seen.forward()


@fault(
    group="input validation", sentence="A body that is not JSON breaks the server.",
    applies=operations(takes_json), expected=turns("errors"),
)  # fmt: skip
def broken_json_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=500) if _refused(answer) and _labelled(seen) and not _is_json(seen) else answer


@fault(
    group="input validation", sentence="A body that is not JSON is accepted.",
    applies=operations(takes_json), expected=turns("errors"),
)  # fmt: skip
def broken_json_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    good = seen.memory.get("good")
    if success(answer):
        seen.memory["good"] = answer
    return good if good is not None and _refused(answer) and _labelled(seen) and not _is_json(seen) else answer


def _absent(seen: Seen, answer: WireResponse) -> bool:
    """Tell whether an answer says that something is not there: with 404, or with 403 where the contract knows no 404."""
    return answer.status == 404 or (answer.status == 403 and seen.operation is not None and not seen.operation.documented(404))


@fault(
    group="input validation",
    sentence="An unknown id breaks the server.",
    applies=operations(asks_id),
    expected=both(turns("errors"), _gone_breaks),
)
def unknown_id_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=500) if _absent(seen, answer) else answer


@fault(
    group="input validation", sentence="An unknown id is answered with an empty success.",
    applies=operations(asks_id), expected=both(turns("errors"), _gone),
)  # fmt: skip
def unknown_id_found(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=200, headers=(("Content-Type", "application/json"),), body=b"{}") if _absent(seen, answer) else answer


@fault(
    group="input validation", sentence="A create that names an id that does not exist makes something.",
    applies=lambda profile: [r.create for r in profile.bindings.resources.values() if r.create], expected=turns("unknown-id-on-create"),
)  # fmt: skip
def unknown_id_on_create_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    asked = [r.arguments for r in seen.twin.profile.requirements if r.check == "unknown-id-on-create"]
    statuses = {s for one in asked for s in one.get("status", (404,))} - {409}
    if answer.status not in statuses or not _is_json(seen) or not _is_valid(seen):
        return answer
    names = {one.get("member", "").strip("/") for one in asked}
    done = seen.sending(lambda body: {k: v for k, v in body.items() if k not in names} if isinstance(body, dict) else body)
    if success(done) or seen.operation is None:
        return done
    status = seen.operation.success[0]  # without the id it is refused as well, so nothing is made and a success is told
    return seen.twin.answer(seen.operation, status, seen.twin.document(seen.operation, status, (), seen.now))


def _is_valid(seen: Seen) -> bool:
    schema = seen.operation.request_schema if seen.operation else ""
    return not schema or seen.twin.contract.requests.is_valid(schema, read_json(seen.request.body))


# -- error bodies ----------------------------------------------------------------------------------------------------
def _has_format(profile: Profile) -> list[str]:
    return [""] if profile.bindings.error.schema else []


_must_have_body = turns("service-error-format", when=lambda r: not r.arguments.get("may_be_empty"))


@fault(group="error body", sentence="Errors come without a body.", applies=_has_format, expected=_must_have_body)
def error_empty(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(with_header(answer, "Content-Type", None), body=b"") if answer.status >= 400 else answer


@fault(group="error body", sentence="Errors are plain text.", applies=_has_format, expected=turns("service-error-format"))
def error_as_text(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(with_header(answer, "Content-Type", "text/plain"), body=b"something is wrong") if answer.status >= 400 else answer


@fault(group="error body", sentence="Errors are JSON of another shape.", applies=_has_format, expected=turns("service-error-format"))
def error_of_another_shape(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=write_json(["something is wrong", {"code": 17}])) if answer.status >= 400 and answer.body else answer


def _repeats_status(profile: Profile) -> list[str]:
    return [""] if profile.bindings.error.status else []


@fault(
    group="error body",
    sentence="The status in the error is not that of the answer.",
    applies=_repeats_status,
    expected=turns("service-error-format"),
)
def error_status_differs(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer) if answer.status >= 400 else None
    if body is None:
        return answer
    pointer = seen.twin.bindings.error.status
    told: Any = "418" if isinstance(body.get(pointer.strip("/")), str) else 418
    return replace(answer, body=write_json(put(body, pointer, told)))


@fault(
    group="error body", sentence="The reason of a refusal is not told in the word that the standard has for it.",
    applies=lambda profile: [""] if any(r.arguments.get("error") for r in profile.requirements) else [],
    expected=both(turns("unique-conflict", "invalid-filter", "patch-refused", when=lambda r: bool(r.arguments.get("error")))),
)  # fmt: skip
def error_without_reason(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer) if answer.status >= 400 else None
    if not isinstance(body, dict):
        return answer
    named = [r.arguments["error"] for r in seen.twin.profile.requirements if isinstance(r.arguments.get("error"), dict)]
    gone = {p.strip("/") for one in named for p in one}
    return replace(answer, body=write_json({k: v for k, v in body.items() if k not in gone}))
