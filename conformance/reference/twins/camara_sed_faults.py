"""Faults that only a Simple Edge Discovery service can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, edited, fault, success, with_header, without_request_header
from conformance.reference.faults.where import at, ids, service
from conformance.reference.twins.camara_sed import ZONES
from conformance.wire import WireResponse

_P = "camara-simple-edge-discovery"
_ASK = at("readClosestEdgeCloudZone")
_KNOWN = {"phoneNumber": "+4915550001"}


def _looking_at_codes(profile: Profile, place: str) -> frozenset[str]:
    """The requirements on codes that two-legged tokens can reach."""
    return frozenset(r.id for r in profile.requirements if "/code" in str(r.arguments) and r.feature != "three-legged")


def _anyway(seen: Seen, where: Callable[[dict[str, Any]], bool]) -> WireResponse:
    """Answer a request for a device like one for another device, where the body is such."""
    return seen.sending(lambda body: {"device": _KNOWN} if isinstance(body, dict) and where(body) else body)


def _has(*names: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: isinstance(body.get("device"), dict) and body["device"].keys() == set(names)


@fault(
    profile=_P, group="headers", sentence="The x-correlator does not come back.", applies=service, expected=ids("service.correlator-echoed")
)
def zone_correlator_lost(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "x-correlator", None)


@fault(
    profile=_P, group="input validation", sentence="Any x-correlator is taken.", applies=service, expected=ids("service.correlator-malformed"),
)  # fmt: skip
def zone_for_any_correlator(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.forward(without_request_header(seen.request, "x-correlator")) if answer.status == 400 else answer


@fault(
    profile=_P, group="error body", sentence="Errors carry the reason phrase as their code.", applies=service, expected=_looking_at_codes
)
def zone_reason_as_code(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b'"code":"', b'"code":"HTTP_')) if answer.status >= 400 else answer


@fault(profile=_P, group="state", sentence="Another zone is told each time.", applies=_ASK, expected=ids("zone.same-again"))
def zones_in_turn(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if not success(answer):
        return answer
    seen.memory["turn"] = 1 - seen.memory.get("turn", 0)
    id, name = list(ZONES.values())[seen.memory["turn"]]
    return edited(answer, lambda body: {**body, "edgeCloudZoneId": id, "edgeCloudZoneName": name})


@fault(
    profile=_P, group="input validation", sentence="Without a device some zone is told.", applies=_ASK,
    expected=ids("device.missing", "device.empty"),
)  # fmt: skip
def zone_without_device(seen: Seen) -> WireResponse:
    return _anyway(seen, lambda body: not body.get("device"))


@fault(
    profile=_P, group="input validation", sentence="A malformed phone number is read as well as it can be.", applies=_ASK,
    expected=ids("device.malformed-number"),
)  # fmt: skip
def zone_for_local_number(seen: Seen) -> WireResponse:
    return _anyway(seen, lambda body: _has("phoneNumber")(body) and not str(body["device"]["phoneNumber"]).startswith("+"))


@fault(
    profile=_P, group="input validation", sentence="An address is enough, and any port will do.", applies=_ASK,
    expected=ids("device.address-alone", "device.port-out-of-range"),
)  # fmt: skip
def zone_for_any_address(seen: Seen) -> WireResponse:
    return _anyway(seen, _has("ipv4Address"))


@fault(profile=_P, group="state", sentence="A device that nobody knows is in some zone.", applies=_ASK, expected=ids("device.unknown"))
def zone_for_the_unknown(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return seen.sending(lambda body: {"device": _KNOWN}) if answer.status == 404 else answer


@fault(
    profile=_P, group="input validation", sentence="An identifier that may not be used yet is used.", applies=_ASK,
    expected=ids("device.unsupported"),
)  # fmt: skip
def zone_for_access_identifier(seen: Seen) -> WireResponse:
    return _anyway(seen, _has("networkAccessIdentifier"))


@fault(
    profile=_P, group="input validation", sentence="Several identifiers are held against each other.", applies=_ASK,
    expected=ids("device.identifiers-differ"),
)  # fmt: skip
def identifiers_compared(seen: Seen) -> WireResponse:
    device = seen.sent_members.get("device")
    return (
        seen.sending(lambda body: {"device": {"phoneNumber": "+4915559999"}})
        if isinstance(device, dict) and len(device) > 1
        else seen.forward()
    )


@fault(
    profile=_P,
    group="value fidelity",
    sentence="All identifiers are shown.",
    applies=_ASK,
    expected=ids("device.one-shown", "device.used-shown"),
)
def identifiers_all_shown(seen: Seen) -> WireResponse:
    device = seen.sent_members.get("device")
    return edited(seen.forward(), lambda body: {**body, "device": device} if device else body)


@fault(
    profile=_P,
    group="value fidelity",
    sentence="The identifier that was used is not shown.",
    applies=_ASK,
    expected=ids("device.used-shown"),
)
def identifier_not_shown(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {k: v for k, v in body.items() if k != "device"})


@fault(
    profile=_P, group="value fidelity", sentence="The answer tells the phone number of whoever is asked for.", applies=_ASK,
    expected=ids("device.as-sent", "device.one-shown"),
)  # fmt: skip
def number_told(seen: Seen) -> WireResponse:
    return edited(seen.forward(), lambda body: {**body, "device": {"phoneNumber": "+4915550003"}})
