"""Headers and media types that are missing or wrong."""

from __future__ import annotations

from dataclasses import replace

from conformance.contract import Operation
from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, success, with_header
from conformance.reference.faults.where import answers_json, both, graver, operations, role, turns
from conformance.wire import WireResponse, header


def _required(profile: Profile, operation: Operation) -> list[str]:
    """Return the headers that every documented success must have (202 promises something else)."""
    found = [operation.documented(s) for s in operation.success if s != 202]
    required = [{name for name, needed in one.headers.items() if needed} for one in found if one]
    return sorted(set.intersection(*required)) if required else []


def _gives_location(profile: Profile, operation: Operation) -> bool:
    resource = profile.bindings.resource_of(operation.id)
    return resource is not None and resource.create == operation.id and (resource.location or "Location" in _required(profile, operation))


@fault(
    group="headers", sentence="A header that must be there is missing.",
    applies=operations(lambda p, o: bool(_required(p, o))),
    expected=turns("answer"),
)  # fmt: skip
def required_header_missing(seen: Seen) -> WireResponse:
    answer = seen.forward()
    assert seen.operation is not None
    if not success(answer):
        return answer
    return with_header(answer, _required(seen.twin.profile, seen.operation)[0], None)


@fault(
    group="headers", sentence="Location of what was created leads nowhere.",
    applies=operations(_gives_location), expected=turns("location-resolves"),
)  # fmt: skip
def location_leads_nowhere(seen: Seen) -> WireResponse:
    answer = seen.forward()
    location = header(answer.headers, "location")
    return with_header(answer, "Location", location + "-elsewhere") if location and success(answer) else answer


@fault(
    group="headers", sentence="An answer lacks the ETag that the standard wants.",
    applies=operations(role("read")),
    expected=both(
        turns("header-present", when=lambda r: r.arguments.get("header") == "ETag" and not r.arguments.get("optional")),
        turns("etag-agrees", when=lambda r: not r.arguments.get("optional")),
    ),
)  # fmt: skip
def no_etag(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "ETag", None)


def _media(profile: Profile, place: str) -> frozenset[str]:
    """The requirement of the service, which looks at the core where there is one; elsewhere the answer is looked at."""
    features = {r.on: r.feature for r in profile.requirements if r.family == "answers"}
    service = features.get(place) == "core" or "core" not in features.values()
    return turns("service-media-type" if service else "answer")(profile, place)


@fault(
    group="media type", sentence="JSON is labelled as text/html.",
    applies=operations(answers_json), expected=_media,
)  # fmt: skip
def json_as_html(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "Content-Type", "text/html") if success(answer) and answer.body else answer


@fault(
    group="media type",
    sentence="A body comes without a media type.",
    applies=operations(answers_json),
    expected=_media,
)
def no_media_type(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "Content-Type", None) if success(answer) and answer.body else answer


@fault(
    group="media type", sentence="An HTML page stands where JSON should be.",
    applies=operations(answers_json), expected=both(graver(turns("answer")), _media),
)  # fmt: skip
def html_page(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if not success(answer) or not answer.body:
        return answer
    return replace(with_header(answer, "Content-Type", "text/html"), body=b"<html><body>It works!</body></html>")
