"""Faults that only a Quality On Demand service can have."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import (
    Seen,
    edited,
    fault,
    success,
    with_header,
    with_request_header,
    without_request_header,
)
from conformance.reference.faults.where import at, ids, service, since
from conformance.reference.store import Instance
from conformance.reference.twins.camara import declared
from conformance.reference.twins.camara_qod import QualityOnDemandTwin
from conformance.wire import WireResponse, header

_P = "camara-quality-on-demand"
_OWN = "Bearer twin-token"


def _session(seen: Seen) -> Instance | None:
    """Return the session that the path of a request names."""
    return seen.twin.store.shelf("session").get(seen.request.target.partition("?")[0].removesuffix("/extend").rsplit("/", 1)[-1])


def _looking_at_codes(profile: Profile, place: str) -> frozenset[str]:
    walks = {
        name for walk in profile.workflows.values() for step in walk.steps if "/code" in str(step.criteria) for name in step.requirements
    }
    return frozenset(r.id for r in profile.requirements if "/code" in str(r.arguments) or r.arguments.get("judges") in walks)


def _missing_device(profile: Profile, place: str) -> frozenset[str]:
    return ids("device.missing" if place == "createSession" else "device.missing-in-retrieve")(profile, place)


# -- headers and errors ----------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="headers", sentence="The x-correlator does not come back.", applies=service, expected=ids("service.correlator-echoed")
)
def correlator_lost(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "x-correlator", None)


@fault(
    profile=_P,
    group="input validation",
    sentence="Any x-correlator is taken.",
    applies=service,
    expected=ids("service.correlator-malformed"),
)
def any_correlator_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    sent = header(seen.request.headers, "x-correlator")
    if answer.status != 400 or sent is None:
        return answer
    taken = seen.forward(without_request_header(seen.request, "x-correlator"))
    return with_header(taken, "x-correlator", sent)


@fault(
    profile=_P, group="error body", sentence="Errors carry the reason phrase as their code.", applies=service,
    expected=_looking_at_codes,
)  # fmt: skip
def reason_phrase_as_code(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b'"code":"', b'"code":"HTTP_')) if answer.status >= 400 else answer


# -- who may see what ------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="authentication", sentence="A session is served to any client.", applies=at("getSession"),
    expected=ids("session.other-client-reads"),
)  # fmt: skip
def shown_to_anyone(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.forward(with_request_header(seen.request, "authorization", _OWN)) if answer.status == 403 else answer


@fault(
    profile=_P, group="authentication", sentence="A session is deleted by any client.", applies=at("deleteSession"),
    expected=ids("session.other-client-deletes"),
)  # fmt: skip
def deleted_by_anyone(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.forward(with_request_header(seen.request, "authorization", _OWN)) if answer.status == 403 else answer


@fault(
    profile=_P, group="authentication", sentence="The sessions of a device are listed for any client.",
    applies=at("retrieveSessionsByDevice"), expected=ids("session.other-client-lists"),
)  # fmt: skip
def listed_for_anyone(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.forward(with_request_header(seen.request, "authorization", _OWN)) if success(answer) else answer


@fault(
    profile=_P, group="query semantics", sentence="The list of sessions is that of one device, whoever is asked for.",
    applies=at("retrieveSessionsByDevice"), expected=ids("device.another", "device.without-sessions"),
)  # fmt: skip
def device_ignored(seen: Seen) -> WireResponse:
    return seen.sending(
        lambda body: {**body, "device": seen.twin.test_data["device"]} if isinstance(body, dict) and "device" in body else body
    )


# -- what a create takes ---------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="A second session for the same flow is made.", applies=at("createSession"),
    expected=ids("session.conflict"),
)  # fmt: skip
def conflict_overlooked(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return (
        seen.sending(lambda body: {**body, "devicePorts": {"ports": [len(seen.twin.store.shelf("session"))]}})
        if answer.status == 409
        else answer
    )


@fault(
    profile=_P, group="input validation", sentence="A profile that does not exist, or is not active, is taken for another.",
    applies=at("createSession"), expected=ids("session.unknown-profile", "session.inactive-profile"),
)  # fmt: skip
def any_profile_taken(seen: Seen) -> WireResponse:
    schema = seen.operation.request_schema if seen.operation else ""
    if not seen.twin.contract.requests.is_valid(schema, seen.sent):
        return seen.forward()
    return seen.sending(lambda body: {**body, "qosProfile": "QOS_E"})


@fault(
    profile=_P, group="input validation", sentence="A sink without TLS is taken.", applies=at("createSession"),
    expected=ids("notification.sink-without-tls"),
)  # fmt: skip
def plain_sink_taken(seen: Seen) -> WireResponse:
    def secured(body: Any) -> Any:
        sink = body.get("sink") if isinstance(body, dict) else None
        return {**body, "sink": sink.replace("http:", "https:")} if isinstance(sink, str) else body

    return seen.sending(secured)


@fault(
    profile=_P, group="input validation", sentence="Any credential of a sink is taken.", applies=at("createSession"),
    expected=ids("notification.credential-type", "notification.token-type"),
)  # fmt: skip
def any_credential_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status != 400 or "sinkCredential" not in seen.sent_members:
        return answer
    return seen.sending(lambda body: {k: v for k, v in body.items() if k != "sinkCredential"})


@fault(
    profile=_P, group="input validation", sentence="A request that names no device is served for some device.",
    applies=at("createSession", "retrieveSessionsByDevice"), expected=_missing_device,
)  # fmt: skip
def some_device_taken(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {"device": seen.twin.test_data["device"], **body} if isinstance(body, dict) else body)


@fault(
    profile=_P, group="input validation", sentence="An unknown device is answered as invalid input.", applies=at("createSession"),
    expected=ids("device.unknown"),
)  # fmt: skip
def unknown_device_is_invalid(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, status=400, body=answer.body.replace(b"404", b"400")) if answer.status == 404 else answer


@fault(
    profile=_P, group="input validation", sentence="Several identifiers of a device are refused.", applies=at("createSession"),
    expected=ids("device.identifiers-differ"),
)  # fmt: skip
def one_identifier_demanded(seen: Seen) -> WireResponse:
    device = seen.sent_members.get("device")
    error = b'{"status":422,"code":"IDENTIFIER_MISMATCH","message":"these are two devices"}'
    several = isinstance(device, dict) and len(device) > 1
    return WireResponse(status=422, headers=(("Content-Type", "application/json"),), body=error) if several else seen.forward()


# -- what is shown ---------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="value fidelity", sentence="All identifiers of a device are shown.", applies=at("createSession"),
    expected=ids("device.one-shown"),
)  # fmt: skip
def all_identifiers_shown(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "device": seen.sent_members["device"]})


@fault(
    profile=_P, group="value fidelity", sentence="A session shows a device that nobody named.", applies=at("getSession"),
    expected=ids("session.shows-what-was-sent"),
)  # fmt: skip
def another_device_shown(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "device": {"phoneNumber": "+4915551234"}})


@fault(
    profile=_P, group="time", sentence="A session that is requested shows when it started.", applies=at("createSession"),
    expected=ids("session.consistent-when-created"),
)  # fmt: skip
def started_before_available(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "startedAt": "2026-01-01T00:00:00Z"})


@fault(
    profile=_P, group="time", sentence="Start and end are exchanged.", applies=at("getSession"), expected=ids("session.times", "session.duration-agrees"),
)  # fmt: skip
def start_and_end_exchanged(seen: Seen) -> WireResponse:
    return seen.edited(
        lambda body: {**body, "startedAt": body["expiresAt"], "expiresAt": body["startedAt"]} if "startedAt" in body else body
    )


@fault(
    profile=_P, group="time", sentence="A session that is over is still shown as available.", applies=at("getSession"),
    expected=ids("session.ends"),
)  # fmt: skip
def never_over(seen: Seen) -> WireResponse:
    def alive(body: Any) -> Any:
        return (
            {**{k: v for k, v in body.items() if k != "statusInfo"}, "qosStatus": "AVAILABLE"}
            if body["qosStatus"] == "UNAVAILABLE"
            else body
        )

    return seen.edited(alive)


# -- extensions ------------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="An extension is answered and not done.", applies=at("extendQosSessionDuration"),
    expected=ids("extend.granted"),
)  # fmt: skip
def extension_forgotten(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="state", sentence="An extension goes beyond the limit of the profile.", applies=at("extendQosSessionDuration"),
    expected=ids("extend.capped"),
)  # fmt: skip
def extension_unlimited(seen: Seen) -> WireResponse:
    return _extended(seen, lambda before, asked: before + asked)


@fault(
    profile=_P, group="state", sentence="An extension replaces the duration.", applies=at("extendQosSessionDuration"),
    expected=ids("extend.kept", "extend.granted", "extend.answers-the-session"),
)  # fmt: skip
def extension_replaces(seen: Seen) -> WireResponse:
    return _extended(seen, lambda before, asked: min(asked, before - 1))


def _extended(seen: Seen, amount: Callable[[int, int], int]) -> WireResponse:
    session, asked = _session(seen), seen.sent_members.get("requestedAdditionalDuration")
    before = session.body["duration"] if session else 0
    answer = seen.forward()
    if not success(answer) or session is None or not isinstance(asked, int):
        return answer
    session.body["duration"] = amount(before, asked)
    return edited(answer, lambda body: {**body, "duration": session.body["duration"]})


@fault(
    profile=_P, group="state", sentence="A session that is over is extended.", applies=at("extendQosSessionDuration"),
    expected=ids("extend.not-when-over"),
)  # fmt: skip
def extended_when_over(seen: Seen) -> WireResponse:
    answer, session = seen.forward(), _session(seen)
    if answer.status != 409 or session is None:
        return answer
    return seen.forward(replace(seen.request, method="GET", target=seen.request.target.removesuffix("/extend"), body=b""))


# -- notifications ---------------------------------------------------------------------------------------------------
def _tell(seen: Seen, session: Instance, **members: str) -> None:
    twin = seen.twin
    assert isinstance(twin, QualityOnDemandTwin)
    told = copy.deepcopy(session)
    told.body |= members
    twin.tell(told, seen.now)


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="A sink is told that a session is available as soon as it is requested.",
    applies=at("createSession"), expected=ids("notification.available-not-early", "notification.once"),
)  # fmt: skip
def told_too_early(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if success(answer):
        _tell(seen, list(seen.twin.store.shelf("session").values())[-1], qosStatus="AVAILABLE")
    return answer


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="A sink is told of the delete of a session that was over.",
    applies=at("deleteSession"), expected=ids("notification.none-when-over"),
)  # fmt: skip
def told_of_every_delete(seen: Seen) -> WireResponse:
    session = copy.deepcopy(_session(seen))
    answer = seen.forward()
    if success(answer) and session and session.body["qosStatus"] == "UNAVAILABLE":
        _tell(seen, session, statusInfo="DELETE_REQUESTED")
    return answer


# -- what the release candidate adds ---------------------------------------------------------------------------------
_UNDECLARED = {
    "createSession": ("body.undeclared", "body.undeclared-deeper"),
    "retrieveSessionsByDevice": ("body.undeclared-in-retrieve",),
    "extendQosSessionDuration": ("body.undeclared-in-extend",),
    "retrieveQoSProfiles": ("body.undeclared-for-profiles",),
}


@fault(
    profile=_P, group="input validation", sentence="Members that are not declared are left out of a request instead of refused.",
    applies=since("body.undeclared", *_UNDECLARED), expected=lambda profile, place: ids(*_UNDECLARED[place])(profile, place),
)  # fmt: skip
def undeclared_dropped(seen: Seen) -> WireResponse:
    schema = seen.operation.request_schema if seen.operation else ""
    return seen.sending(lambda body: declared(seen.twin.contract.document, schema, body))


@fault(
    profile=_P, group="state", sentence="Of several addresses of an application server one is kept.",
    applies=since("session.several-servers", "getSession"), expected=ids("session.several-servers"),
)  # fmt: skip
def one_server_kept(seen: Seen) -> WireResponse:
    def kept(body: Any) -> Any:
        server = body.get("applicationServer", {}) if isinstance(body, dict) else {}
        return {**body, "applicationServer": {"ipv4Address": server["ipAddresses"][0]}} if "ipAddresses" in server else body

    return seen.edited(kept)


@fault(
    profile=_P, group="input validation", sentence="Of an application server that is named in two ways one is taken.",
    applies=since("session.servers-in-two-ways", "createSession"), expected=ids("session.servers-in-two-ways"),
)  # fmt: skip
def one_way_taken(seen: Seen) -> WireResponse:
    def one(body: Any) -> Any:
        server = body.get("applicationServer") if isinstance(body, dict) else None
        both = isinstance(server, dict) and {"ipAddresses", "ipv4Address"} <= set(server)
        return {**body, "applicationServer": {"ipv4Address": server["ipv4Address"]}} if both and server else body

    return seen.sending(one)


@fault(
    profile=_P, group="state", sentence="The access token of a sink is shown.",
    applies=since("notification.token-hidden", "createSession"), expected=ids("notification.token-hidden"),
)  # fmt: skip
def token_shown(seen: Seen) -> WireResponse:
    sent = seen.sent_members.get("sinkCredential")
    return seen.edited(lambda body: {**body, "sinkCredential": sent} if isinstance(body, dict) and sent else body)


@fault(
    profile=_P, group="error body", sentence="A credential that is not configured is refused with a code that does not say so.",
    applies=since("notification.private-key-jwt", "createSession"), expected=ids("notification.private-key-jwt"),
)  # fmt: skip
def not_configured_not_said(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b"PRIVATE_KEY_JWT_NOT_CONFIGURED", b"SERVICE_NOT_APPLICABLE"))
