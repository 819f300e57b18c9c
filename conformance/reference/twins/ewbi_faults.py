"""Faults that only a partner operator of the East-Westbound Interface can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, edited, fault, success
from conformance.reference.faults.where import at, ids, service
from conformance.reference.message import write_json
from conformance.reference.twins.ewbi import FederationTwin
from conformance.wire import WireResponse

_P = "gsma-opg-ewbi"
_JSON = (("Content-Type", "application/json"),)


def _by_place(**names: tuple[str, ...]) -> Callable[[Profile, str], frozenset[str]]:
    return lambda profile, place: ids(*names[place])(profile, place)


def _federation(seen: Seen) -> str:
    return seen.request.target.split("/")[1]


def _refusal(status: int) -> WireResponse:
    return WireResponse(status=status, headers=(("Content-Type", "application/problem+json"),), body=b'{"title":"refused"}')


def _answered(status: int, body: Any = None) -> WireResponse:
    return WireResponse(status=status) if body is None else WireResponse(status=status, headers=_JSON, body=write_json(body))


# -- federations -----------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="A federation is shown after its end.", applies=at("getFederationDetails"),
    expected=ids("federation.delete-is-effective"),
)  # fmt: skip
def federation_outlives_its_end(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if success(answer):
        seen.memory[seen.request.target] = answer
    return seen.memory.get(seen.request.target, answer) if answer.status == 404 else answer


@fault(
    profile=_P, group="state", sentence="All federations have one identifier.", applies=at("createFederation"),
    expected=ids("federation.own-context"),
)  # fmt: skip
def one_context_for_all(seen: Seen) -> WireResponse:
    answer = seen.forward()
    known = seen.memory.setdefault("first", answer) if success(answer) else answer
    return known if success(answer) else answer


@fault(
    profile=_P, group="state", sentence="The end of one federation ends all of them.", applies=at("deleteFederationDetails"),
    expected=ids("federation.kept-apart"),
)  # fmt: skip
def one_end_for_all(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if success(answer):
        seen.twin.store.shelves.clear()
    return answer


@fault(
    profile=_P, group="state", sentence="Zones are subscribed to under a federation that has ended.", applies=at("zoneSubscribe"),
    expected=ids("federation.nothing-below-when-ended"),
)  # fmt: skip
def zones_without_a_federation(seen: Seen) -> WireResponse:
    answer = seen.forward()
    twin, body = seen.twin, seen.sent
    if answer.status != 404 or not isinstance(twin, FederationTwin) or not isinstance(body, dict):
        return answer
    return _answered(200, {"acceptedZoneResourceInfo": [twin.resources(str(z)) for z in body.get("acceptedAvailabilityZones", [])]})


@fault(
    profile=_P, group="state", sentence="A change of network codes moves the service of a federation to another port.", applies=service,
    expected=ids("federation.update-keeps"),
)  # fmt: skip
def update_moves_end_points(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if seen.operation and seen.operation.id == "updateFederation" and success(answer):
        seen.memory[_federation(seen)] = True
    if seen.operation and seen.operation.id == "getFederationDetails" and _federation(seen) in seen.memory:
        return edited(answer, lambda body: {**body, "lcmServiceEndPoint": {**body["lcmServiceEndPoint"], "port": 8080}})
    return answer


@fault(
    profile=_P, group="input validation", sentence="A change of any object is taken for one of network codes.",
    applies=at("updateFederation"), expected=ids("federation.update-unknown-object"),
)  # fmt: skip
def any_object_updated(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {**body, "objectType": "MOBILE_NETWORK_CODES"} if isinstance(body, dict) else body)


# -- zones -----------------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="value fidelity", sentence="The answer to a subscription speaks of another zone.", applies=at("zoneSubscribe"),
    expected=ids("zone.accepted-as-asked"),
)  # fmt: skip
def another_zone_accepted(seen: Seen) -> WireResponse:
    def other(body: Any) -> Any:
        return {**body, "acceptedZoneResourceInfo": [{**z, "zoneId": "edge-elsewhere"} for z in body["acceptedZoneResourceInfo"]]}

    return seen.edited(other)


@fault(
    profile=_P, group="value fidelity", sentence="A zone is shown under another name.", applies=at("getZoneData"),
    expected=ids("zone.shown"),
)  # fmt: skip
def zone_shown_as_another(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "zoneId": "edge-elsewhere"})


@fault(
    profile=_P, group="state", sentence="A zone that was given back stays subscribed to.", applies=at("zoneUnsubscribe"),
    expected=ids("zone.delete-is-effective"),
)  # fmt: skip
def zone_never_left(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="state", sentence="A zone can be subscribed to once and never again.", applies=at("zoneSubscribe"),
    expected=ids("zone.again"),
)  # fmt: skip
def zone_used_up(seen: Seen) -> WireResponse:
    if seen.request.target in seen.memory:
        return _refusal(400)
    answer = seen.forward()
    if success(answer):
        seen.memory[seen.request.target] = True
    return answer


@fault(
    profile=_P, group="input validation", sentence="A zone that is not offered is taken for another.", applies=at("zoneSubscribe"),
    expected=ids("zone.not-offered"),
)  # fmt: skip
def any_zone_accepted(seen: Seen) -> WireResponse:
    def offered(body: Any) -> Any:
        named = body.get("acceptedAvailabilityZones") if isinstance(body, dict) else None
        if not isinstance(named, list):
            return body
        return {**body, "acceptedAvailabilityZones": [z if str(z).startswith("edge-") else "edge-west" for z in named]}

    return seen.sending(offered)


# -- uploads ---------------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="value fidelity", sentence="What was uploaded is shown in another version.", applies=at("getArtefact", "viewFile"),
    expected=_by_place(getArtefact=("artefact.read-after-upload",), viewFile=("file.read-after-upload",)),
)  # fmt: skip
def another_version_shown(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {k: "0.0.1" if k.endswith("VersionInfo") else v for k, v in body.items()})


@fault(
    profile=_P, group="input validation", sentence="An upload that lacks or misnames something is taken.",
    applies=at("uploadArtefact", "uploadFile"),
    expected=_by_place(
        uploadArtefact=("artefact.without-provider", "artefact.unknown-type", "artefact.without-components"),
        uploadFile=("file.without-provider", "file.unknown-type", "file.bad-architecture"),
    ),
)  # fmt: skip
def incomplete_upload_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _answered(200) if answer.status == 400 else answer


# -- applications ----------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="A change of an application is accepted and not done.", applies=at("updateApplication"),
    expected=ids("application.update-shown", "application.latency-updated"),
)  # fmt: skip
def application_never_changes(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="state", sentence="The latency of an application cannot be changed.", applies=at("updateApplication"),
    expected=ids("application.latency-updated"),
)  # fmt: skip
def latency_never_changes(seen: Seen) -> WireResponse:
    body = seen.sent
    asked = body.get("appUpdQoSProfile") if isinstance(body, dict) else None
    return seen.pretend() if isinstance(asked, dict) and "latencyConstraints" in asked else seen.forward()


@fault(
    profile=_P, group="input validation", sentence="A change to a latency that nobody knows is accepted.",
    applies=at("updateApplication"), expected=ids("application.update-refused"),
)  # fmt: skip
def any_latency_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _answered(202) if answer.status == 400 and b"NO_SUCH" in seen.request.body else answer


@fault(
    profile=_P, group="state", sentence="A second one under the same identifier is accepted.",
    applies=at("onboardApplication", "installApp"),
    expected=_by_place(onboardApplication=("application.duplicate-refused",), installApp=("instance.duplicate-refused",)),
)  # fmt: skip
def second_one_accepted(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _answered(202) if answer.status == 409 and b'"EXISTS"' in answer.body else answer


@fault(
    profile=_P, group="state", sentence="The identifier of an application is never free again.", applies=at("onboardApplication"),
    expected=ids("application.again"),
)  # fmt: skip
def application_identifier_used_up(seen: Seen) -> WireResponse:
    body = seen.sent
    key = f"{_federation(seen)}/{body.get('appId') if isinstance(body, dict) else ''}"
    if key in seen.memory and success(seen.pretend()):
        return _refusal(400)
    answer = seen.forward()
    if success(answer):
        seen.memory[key] = True
    return answer


@fault(
    profile=_P, group="state", sentence="The zones of an application stay as they were.",
    applies=at("onboardExistingAppNewZones", "deboardApplication"),
    expected=_by_place(onboardExistingAppNewZones=("application.zone-added",), deboardApplication=("application.zone-left",)),
)  # fmt: skip
def zone_not_added(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="state", sentence="An application that goes to a further zone leaves those it was in.",
    applies=at("onboardExistingAppNewZones"), expected=ids("application.zone-kept"),
)  # fmt: skip
def zones_replaced(seen: Seen) -> WireResponse:
    answer, wanted = seen.forward(), seen.sent
    app = seen.twin.store.shelf("app", (_federation(seen),)).get(seen.request.target.split("/")[-2])
    if success(answer) and app is not None:
        app.body["appDeploymentZones"] = list(wanted)
    return answer


@fault(
    profile=_P, group="state", sentence="A locked zone takes instances.", applies=at("lockUnlockApplicationZone"),
    expected=ids("application.locked"),
)  # fmt: skip
def lock_without_effect(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="state", sentence="A zone that was locked cannot be unlocked.", applies=at("lockUnlockApplicationZone"),
    expected=ids("application.unlocked"),
)  # fmt: skip
def locked_for_ever(seen: Seen) -> WireResponse:
    body = seen.sent
    lifted = isinstance(body, list) and all(isinstance(one, dict) and one.get("forbid") is False for one in body)
    return _refusal(409) if lifted and success(seen.pretend()) else seen.forward()


@fault(
    profile=_P, group="state", sentence="An application that something ran of cannot be removed any more.", applies=service,
    expected=ids("application.free-after-instance"),
)  # fmt: skip
def held_for_ever(seen: Seen) -> WireResponse:
    name = seen.operation.id if seen.operation else ""
    if name == "deleteApp" and f"{_federation(seen)}/{seen.request.target.split('/')[-1]}" in seen.memory and success(seen.pretend()):
        return _refusal(400)
    answer, body = seen.forward(), seen.sent
    if name == "installApp" and success(answer):
        seen.memory[f"{_federation(seen)}/{body['appId']}"] = True
    return answer


# -- instances -------------------------------------------------------------------------------------------------------
def _state(seen: Seen, change: Callable[[str], str]) -> WireResponse:
    return seen.edited(lambda body: {**body, "appInstanceState": change(body["appInstanceState"])})


@fault(
    profile=_P, group="state", sentence="An instance that starts ends by itself.", applies=at("getAppInstanceDetails"),
    expected=ids("instance.settles"),
)  # fmt: skip
def ended_unasked(seen: Seen) -> WireResponse:
    return _state(seen, lambda state: "TERMINATING" if state == "READY" else state)


@fault(
    profile=_P, group="state", sentence="An instance that was ready is pending again.", applies=at("getAppInstanceDetails"),
    expected=ids("instance.stays-ready"),
)  # fmt: skip
def pending_again(seen: Seen) -> WireResponse:
    def change(state: str) -> str:
        seen.memory[seen.request.target] = seen.memory.get(seen.request.target, 0) + (state == "READY")
        return "PENDING" if state == "READY" and seen.memory[seen.request.target] > 2 else state

    return _state(seen, change)


@fault(
    profile=_P, group="answer shape", sentence="The state of an instance is not told.", applies=at("getAppInstanceDetails"),
    expected=ids("instance.state-told"),
)  # fmt: skip
def state_not_told(seen: Seen) -> WireResponse:
    points = [{"interfaceId": "http", "accessPoints": {"port": 80, "fqdn": "edge.partner.example"}}]
    return seen.edited(lambda body: {"accesspointInfo": points})


@fault(
    profile=_P, group="status", sentence="An instance that does not exist is shown as pending.", applies=at("getAppInstanceDetails"),
    expected=ids("instance.unknown"),
)  # fmt: skip
def nobody_is_pending(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _answered(200, {"appInstanceState": "PENDING"}) if answer.status == 404 else answer


@fault(
    profile=_P, group="state", sentence="No instance is listed.", applies=at("getAllAppInstances"), expected=ids("instance.listed"),
)  # fmt: skip
def no_instance_listed(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [])


@fault(
    profile=_P, group="state", sentence="Instances are listed as pending whatever their state.", applies=at("getAllAppInstances"),
    expected=ids("instance.listed-state"),
)  # fmt: skip
def listed_as_pending(seen: Seen) -> WireResponse:
    def pending(zone: Any) -> Any:
        return {**zone, "appInstanceInfo": [{**one, "appInstanceState": "PENDING"} for one in zone["appInstanceInfo"]]}

    return seen.edited(lambda body: [pending(zone) for zone in body])


@fault(
    profile=_P, group="state", sentence="An instance goes on after its end was accepted.", applies=at("removeApp"),
    expected=ids("instance.ended", "instance.delete-is-effective"),
)  # fmt: skip
def instance_never_ends(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="input validation", sentence="Any way to use reserved resources is taken.", applies=at("installApp"),
    expected=ids("instance.unknown-resource-use"),
)  # fmt: skip
def any_resource_use_taken(seen: Seen) -> WireResponse:
    def plain(body: Any) -> Any:
        zone = body.get("zoneInfo") if isinstance(body, dict) else None
        return {**body, "zoneInfo": {k: v for k, v in zone.items() if k != "resourceConsumption"}} if isinstance(zone, dict) else body

    return seen.sending(plain)


@fault(
    profile=_P, group="value fidelity", sentence="The answer to a request for an instance speaks of another zone.",
    applies=lambda profile: ["installApp"] if profile.dialect == "openop" else [], expected=ids("instance.accepted-as-asked"),
)  # fmt: skip
def instance_told_elsewhere(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "zoneId": "edge-elsewhere"})


# -- notifications ---------------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="asynchrony and callbacks", sentence="An instance is told to be ready as soon as it is asked for.",
    applies=at("installApp"), expected=ids("notification.ready-not-early"),
)  # fmt: skip
def ready_told_early(seen: Seen) -> WireResponse:
    answer, twin = seen.forward(), seen.twin
    if success(answer) and isinstance(twin, FederationTwin):
        made = list(twin.store.shelf("instance", (_federation(seen),)).values())[-1]
        twin.tell_instance(replace(made, body={**made.body, "state": "READY"}), seen.now)
    return answer


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="Nobody is told what becomes of an application that is taken off a zone.",
    applies=at("deboardApplication"), expected=ids("notification.off-zone"),
)  # fmt: skip
def off_zone_not_told(seen: Seen) -> WireResponse:
    return _silent(seen)


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="Nobody is told what becomes of an instance that is ended.",
    applies=at("removeApp"), expected=ids("notification.ended"),
)  # fmt: skip
def end_not_told(seen: Seen) -> WireResponse:
    return _silent(seen)


def _silent(seen: Seen) -> WireResponse:
    before = list(seen.twin.store.notes.get("outgoing", []))
    answer = seen.forward()
    seen.twin.store.notes["outgoing"] = before
    return answer


# -- pools and discovery ---------------------------------------------------------------------------------------------
@fault(
    profile=_P, group="state", sentence="The count of a change is added to what is reserved.", applies=at("updateIsvResPool"),
    expected=ids("pool.update-shown"),
)  # fmt: skip
def count_is_added(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: [{**one, "count": one["count"] + 1} for one in body] if success(seen.pretend()) else body)


@fault(
    profile=_P, group="value fidelity", sentence="All pools have one name.", applies=at("viewIsvResPool"), expected=ids("pool.as-reserved"),
)  # fmt: skip
def one_name_for_pools(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: [{**pool, "poolName": "pool"} for pool in body])


@fault(
    profile=_P, group="state", sentence="There are candidates for an application that nobody onboarded.", applies=at("getCandidateZones"),
    expected=ids("edge.unknown-application"),
)  # fmt: skip
def candidates_for_anything(seen: Seen) -> WireResponse:
    answer = seen.forward()
    point = {"port": 443, "fqdn": "latency.partner.example"}
    return _answered(200, [{"zoneId": "edge-north", "latencyServiceEndPoints": point}]) if answer.status == 404 else answer
