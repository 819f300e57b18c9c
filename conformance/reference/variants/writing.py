"""The same answers, written in another way."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from conformance.reference.faults.planting import Seen, json_of, with_header
from conformance.reference.message import write_json
from conformance.reference.variants import variant
from conformance.wire import WireResponse, header

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


@variant(sentence="Header names are written in capitals.")
def header_names_in_capitals(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, headers=tuple((k.upper(), v) for k, v in answer.headers))


@variant(sentence="Header names are written in small letters.")
def header_names_in_small_letters(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, headers=tuple((k.lower(), v) for k, v in answer.headers))


@variant(sentence="Answers carry headers that nobody asked for.")
def extra_headers(seen: Seen) -> WireResponse:
    answer = seen.forward()
    number = seen.memory["n"] = seen.memory.get("n", 0) + 1
    extra = (("X-Request-Id", f"request-{number}"), ("Vary", "Accept-Encoding"), ("Strict-Transport-Security", "max-age=60"))
    return replace(answer, headers=(*extra, *answer.headers))


@variant(sentence="The media type says the charset.")
def charset(seen: Seen) -> WireResponse:
    answer = seen.forward()
    told = header(answer.headers, "content-type")
    return with_header(answer, "Content-Type", f"{told}; charset=utf-8") if told and "json" in told else answer


@variant(sentence="JSON is indented, and what is not ASCII is escaped.")
def indented_json(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer)
    return answer if body is None else replace(answer, body=json.dumps(body, indent=2, ensure_ascii=True, sort_keys=True).encode())


@variant(sentence="Objects have members that the standard does not name, where it leaves them open.")
def extra_members(seen: Seen) -> WireResponse:
    answer = seen.forward()
    body = json_of(answer)
    if body is None or seen.operation is None:
        return answer
    more = _more(body, 0)
    documented = seen.operation.documented(answer.status)
    pointer = next((p for p in documented.media.values() if p), "") if documented else ""
    fits = not pointer or seen.twin.contract.responses.is_valid(pointer, more)
    return replace(answer, body=write_json(more)) if fits else answer


def _more(body: Any, depth: int) -> Any:
    """Add a member to the object, and to the objects of its arrays."""
    if isinstance(body, list):
        return [_more(v, depth + 1) for v in body]
    if not isinstance(body, dict) or depth > 1:
        return body
    return {**{k: _more(v, depth) if isinstance(v, list) else v for k, v in body.items()}, "xTwinExtra": {"a": [1]}}


def _times(seen: Seen, change: Any) -> WireResponse:
    answer = seen.forward()
    if json_of(answer) is None:
        return answer
    return replace(answer, body=_TIME.sub(change, answer.body.decode()).encode())


@variant(sentence="Times are written with +00:00 instead of Z.")
def times_with_offset(seen: Seen) -> WireResponse:
    return _times(seen, lambda match: match[0].replace("Z", "+00:00"))


@variant(sentence="Times are written with six digits after the point.")
def times_with_six_digits(seen: Seen) -> WireResponse:
    return _times(seen, lambda match: f"{match[0].rstrip('Z').partition('.')[0]}.{match[0].rstrip('Z').partition('.')[2]:0<6}Z")


@variant(sentence="Location is a path.")
def location_as_path(seen: Seen) -> WireResponse:
    answer = seen.forward()
    location = header(answer.headers, "location")
    return with_header(answer, "Location", urlsplit(location).path) if location else answer


@variant(sentence="Location is an absolute URI.")
def location_absolute(seen: Seen) -> WireResponse:
    answer = seen.forward()
    location = header(answer.headers, "location")
    return with_header(answer, "Location", seen.twin.absolute(location)) if location and location.startswith("/") else answer


@variant(sentence="A 401 offers two schemes in two headers.", applies=lambda profile: profile.bindings.authentication.required)
def two_challenges(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, headers=(*answer.headers, ("WWW-Authenticate", 'Digest realm="twin"'))) if answer.status == 401 else answer
