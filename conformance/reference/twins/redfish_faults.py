"""Faults that only a Redfish service can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.access import known
from conformance.reference.faults.planting import Seen, fault, json_of, success, with_header, with_request_header
from conformance.reference.faults.where import at, ids, looked_at, service, turns
from conformance.reference.message import write_json
from conformance.reference.places import put
from conformance.wire import WireResponse, header

_P = "dmtf-redfish"


@fault(profile=_P, group="headers", sentence="Answers do not say OData-Version.", applies=service, expected=ids("service.odata-version"))
def no_odata_version(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "OData-Version", None)


@fault(profile=_P, group="headers", sentence="Answers name another OData-Version.", applies=service, expected=ids("service.odata-version"))
def old_odata_version(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "OData-Version", "3.0")


@fault(profile=_P, group="headers", sentence="Answers do not say Cache-Control.", applies=service, expected=ids("service.cache-control"))
def no_cache_control(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Cache-Control", None)


@fault(
    profile=_P, group="headers", sentence="Answers to GET do not list the methods.", applies=service, expected=ids("service.allow-on-get")
)
def no_allow_on_get(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return with_header(answer, "Allow", None) if success(answer) else answer


@fault(profile=_P, group="headers", sentence="Answers to GET name no schema.", applies=service, expected=ids("service.described-by"))
def no_described_by(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "Link", None)


@fault(
    profile=_P, group="state", sentence="The service root has a link that leads nowhere.",
    applies=at("getServiceRoot"), expected=ids("service-root.links-resolve"),
)  # fmt: skip
def dead_link(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: put(body, "/Registries/@odata.id", "/redfish/v1/Nowhere"))


def _collections(profile: Profile) -> list[str]:
    return [p for p in looked_at("links-resolve")(profile) if p != "getServiceRoot"]


@fault(
    profile=_P, group="state", sentence="A collection has a member that does not exist.",
    applies=_collections, expected=turns("links-resolve"),
)  # fmt: skip
def dead_member(seen: Seen) -> WireResponse:
    def edit(body: Any) -> Any:
        members = [*body["Members"], {"@odata.id": body["@odata.id"] + "/no-such-member"}]
        return {**body, "Members": members, "Members@odata.count": len(members)}

    return seen.edited(edit)


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="A reset is accepted and never done.",
    applies=at("resetSystem"), expected=ids("power.state-reached"),
)  # fmt: skip
def reset_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="input validation", sentence="A reset of any type is accepted.",
    applies=at("resetSystem"), expected=ids("power.allowable"),
)  # fmt: skip
def any_reset_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=204) if answer.status == 400 else answer


@fault(
    profile=_P, group="state", sentence="A boot override is accepted and not stored.",
    applies=at("updateSystem"), expected=ids("boot.state-reached"),
)  # fmt: skip
def boot_override_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="authentication", sentence="The token of a session outlives it.",
    applies=service, expected=ids("session.token"),
)  # fmt: skip
def token_outlives_session(seen: Seen) -> WireResponse:
    tokens: dict[str, str] = seen.memory.setdefault("tokens", {})
    given = header(seen.request.headers, "x-auth-token")
    answer = seen.forward()
    if answer.status == 401 and given in tokens.values():
        return known(seen)
    if success(answer) and (token := header(answer.headers, "x-auth-token")):
        tokens[str(len(tokens))] = token
    return answer


@fault(
    profile=_P, group="input validation", sentence="A PATCH with nothing but an unknown property succeeds.",
    applies=at("updateAccount"), expected=ids("account.not-updatable-refused"),
)  # fmt: skip
def unknown_property_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return WireResponse(status=204) if answer.status == 400 and b"PropertyUnknown" in answer.body else answer


@fault(
    profile=_P, group="paging", sentence="Members@odata.count is one too low.",
    applies=looked_at("totals-agree"), expected=turns("totals-agree"),
)  # fmt: skip
def count_too_low(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "Members@odata.count": body["Members@odata.count"] - 1})


def _other_etags(seen: Seen, ours: Callable[[str], str], theirs: Callable[[str], str]) -> WireResponse:
    """Answer with every entity tag in the form of *ours*, and understand it in requests (*theirs* gives it back its form)."""
    request = seen.request
    for name in ("if-match", "if-none-match"):
        tag = header(request.headers, name)
        if tag and tag != "*":
            request = with_request_header(request, name, theirs(tag))
    answer = seen.forward(request)
    tag, body = header(answer.headers, "etag"), json_of(answer)
    if tag:
        answer = with_header(answer, "ETag", ours(tag))
    inside = body.get("@odata.etag") if isinstance(body, dict) else None
    return replace(answer, body=write_json({**body, "@odata.etag": ours(inside)})) if inside else answer


_ETAGS = ids("system.etag-syntax", "chassis.etag-syntax", "manager.etag-syntax", "account.etag-syntax")


@fault(profile=_P, group="concurrency and validators", sentence="Entity tags have no quotes.", applies=service, expected=_ETAGS)
def etags_without_quotes(seen: Seen) -> WireResponse:
    return _other_etags(seen, lambda tag: tag.replace('"', ""), lambda tag: f'"{tag}"')


@fault(profile=_P, group="concurrency and validators", sentence="Entity tags are quoted twice.", applies=service, expected=_ETAGS)
def etags_quoted_twice(seen: Seen) -> WireResponse:
    return _other_etags(seen, lambda tag: f'"{tag}"', lambda tag: tag[1:-1])


@fault(
    profile=_P, group="state", sentence="There is no role Operator in the list.",
    applies=at("listRoles"), expected=ids("role.predefined"),
)  # fmt: skip
def no_operator(seen: Seen) -> WireResponse:
    def edit(body: Any) -> Any:
        members = [m for m in body["Members"] if not m["@odata.id"].endswith("/Operator")]
        return {**body, "Members": members, "Members@odata.count": len(members)}

    return seen.edited(edit)


def _known_part(seen: Seen) -> WireResponse | None:
    """Do what can be done of a PATCH with known and unknown properties; None for any other request."""
    known = {k: v for k, v in seen.sent_members.items() if k != "ConformanceUnknown"}
    return seen.sending(lambda body: known) if known and known != seen.sent_members else None


@fault(
    profile=_P, group="input validation", sentence="What is unknown in a PATCH is left out, and nobody is told.",
    applies=at("updateAccount"), expected=ids("account.change-in-part"),
)  # fmt: skip
def done_in_part_in_silence(seen: Seen) -> WireResponse:
    return _known_part(seen) or seen.forward()


@fault(
    profile=_P, group="state", sentence="A PATCH with an unknown property is refused, and the rest of it is done.",
    applies=at("updateAccount"), expected=ids("account.change-in-part"),
)  # fmt: skip
def done_in_part_and_refused(seen: Seen) -> WireResponse:
    refused = seen.pretend()
    return refused if _known_part(seen) else seen.forward()


def _only_annotations(seen: Seen) -> bool:
    return bool(seen.sent_members) and all("@" in name for name in seen.sent_members)


@fault(
    profile=_P, group="input validation", sentence="A PATCH with nothing but annotations is refused for them.",
    applies=at("updateAccount"), expected=ids("account.annotations-only"),
)  # fmt: skip
def annotations_refused(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b"NoOperation", b"PropertyUnknown")) if _only_annotations(seen) else answer


@fault(
    profile=_P, group="status", sentence="A PATCH with nothing but annotations is answered with 405.",
    applies=at("updateAccount"), expected=ids("account.annotations-only"),
)  # fmt: skip
def annotations_not_allowed(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=405) if _only_annotations(seen) and answer.status == 400 else answer
