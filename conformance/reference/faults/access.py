"""Doors that are open, or closed to the wrong people."""

from __future__ import annotations

import base64
from dataclasses import replace

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, with_header, with_request_header, without_request_header
from conformance.reference.faults.where import both, needs_credentials, operations, protected_service, role, turns
from conformance.wire import WireResponse, header

_GROUP = "authentication"


def known(seen: Seen) -> WireResponse:
    """Forward with credentials that are good."""
    clean = seen.request
    for name in ("authorization", seen.twin.options.token_header or "x-auth-token"):
        clean = without_request_header(clean, name)
    user = next(iter(seen.twin.options.users))
    return seen.forward(with_request_header(clean, "authorization", "Basic " + base64.b64encode(user.encode()).decode()))


def _presented(seen: Seen) -> bool:
    return any(header(seen.request.headers, n) for n in ("authorization", seen.twin.options.token_header or "x-auth-token"))


def _read_with_tokens(profile: Profile, place: str) -> frozenset[str]:
    """What presents a token of an ended session at the place."""
    return frozenset(r.id for r in profile.requirements if r.check == "session-token" and r.arguments.get("read") == place)


@fault(group=_GROUP, sentence="Nothing asks for credentials.", applies=protected_service, expected=turns("service-authentication"))
def no_authentication(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return known(seen) if answer.status == 401 else answer


@fault(
    group=_GROUP, sentence="The operation does not ask for credentials.",
    applies=operations(needs_credentials), expected=turns("authentication"),
)  # fmt: skip
def open_operation(seen: Seen) -> WireResponse:
    return seen.forward() if _presented(seen) else known(seen)


@fault(
    group=_GROUP, sentence="The operation takes whatever credentials it is given.",
    applies=operations(needs_credentials), expected=both(turns("authentication"), _read_with_tokens),
)  # fmt: skip
def wrong_credentials_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return known(seen) if answer.status == 401 and _presented(seen) else answer


@fault(
    group=_GROUP, sentence="A request without credentials is refused as if it were wrong in itself.",
    applies=operations(needs_credentials), expected=turns("authentication"),
)  # fmt: skip
def unauthorised_is_400(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=400) if answer.status == 401 else answer


@fault(
    group=_GROUP, sentence="What is open to everyone asks for credentials.",
    applies=lambda profile: profile.bindings.authentication.anonymous if profile.bindings.authentication.required else (),
    expected=turns("anonymous-allowed"),
)  # fmt: skip
def closed_to_everyone(seen: Seen) -> WireResponse:
    if _presented(seen):
        return seen.forward()
    return WireResponse(status=401, headers=(("WWW-Authenticate", seen.twin.challenge()),))


@fault(group=_GROUP, sentence="A 401 does not say which credentials are wanted.", applies=protected_service, expected=turns("challenge"))
def no_challenge(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "WWW-Authenticate", None) if answer.status == 401 else answer


@fault(
    group=_GROUP, sentence="A token that was given out is not accepted.",
    applies=operations(role("list"), needs_credentials), expected=turns("session-token"),
)  # fmt: skip
def token_not_accepted(seen: Seen) -> WireResponse:
    name = seen.twin.options.token_header
    if name and header(seen.request.headers, name) is not None:
        return WireResponse(status=401, headers=(("WWW-Authenticate", seen.twin.challenge()),))
    return seen.forward()
