"""Faults that only an edge cloud for applications can have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference.faults.planting import Seen, fault, success, with_header
from conformance.reference.faults.where import at, ids, since
from conformance.reference.message import NotJson, read_json, split_target
from conformance.reference.twins.camara import declared
from conformance.reference.twins.edge_apps import EdgeTwin
from conformance.wire import Outgoing, WireResponse, header

_P = "camara-edge-application-management"


def _body(seen: Seen) -> Any:
    try:
        return read_json(seen.request.body)
    except NotJson:
        return None


def _subscribing(seen: Seen, change: Callable[[dict[str, Any]], dict[str, Any]]) -> WireResponse:
    """Forward the request with its subscription changed."""
    name = "subscriptionRequest"
    asks = isinstance(seen.sent_members.get(name), dict)
    return seen.sending(lambda body: {**body, name: change(body[name])}) if asks else seen.forward()


def _last(seen: Seen) -> str:
    return seen.request.target.partition("?")[0].rsplit("/", 1)[-1]


@fault(
    profile=_P, group="state", sentence="An application is removed although its instance runs.",
    applies=at("deleteApp"), expected=ids("app.held-by-instance"),
)  # fmt: skip
def app_removed_while_it_runs(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    if answer.status != 409:
        return seen.forward()
    seen.twin.store.shelf("app").pop(_last(seen), None)
    return WireResponse(status=202)


@fault(
    profile=_P, group="state", sentence="An application that cannot be removed takes its instances with it all the same.",
    applies=at("deleteApp"), expected=ids("app.held-by-instance"),
)  # fmt: skip
def refused_removal_ends_instances(seen: Seen) -> WireResponse:
    answer = seen.forward()
    if answer.status == 409:
        shelf = seen.twin.store.shelf("instance")
        for id in [i for i, one in shelf.items() if one.body["appId"] == _last(seen)]:
            del shelf[id]
    return answer


@fault(
    profile=_P, group="error body", sentence="Conflicts have a code of the provider's own.",
    applies=at("deleteApp", "createAppInstance"), expected=lambda profile, place: ids("app.held-code")(profile, place)
    if place == "deleteApp" else ids("instance.duplicate-code")(profile, place),
)  # fmt: skip
def conflict_of_another_code(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(
        answer, body=answer.body.replace(b"ABORTED", b"BUSY").replace(b"INCOMPATIBLE_STATE", b"BUSY").replace(b"ALREADY_EXISTS", b"TWICE")
    )


#: What looks at the code of an error, by operation.
_CODES = {
    "submitApp": ("error.malformed-code", "app.duplicate-code", "body.undeclared", "body.undeclared-deeper"),
    "getEdgeCloudZones": ("error.unauthenticated-code", "zone.page-below-one", "zone.page-size-out-of-range"),
    "getApp": ("error.not-found-code",),
    "deleteAppInstance": ("instance.not-found-code",),
    "createAppDeployment": ("deployment.duplicate-code", "body.undeclared-for-deployment"),
    "deleteAppDeployment": ("deployment.not-found-code", "deployment.ended-code"),
}


def _looking_at_codes(profile: Profile, place: str) -> frozenset[str]:
    return ids(*_CODES[place])(profile, place)


@fault(
    profile=_P, group="error body", sentence="Errors have a code of the provider's own.",
    applies=at("submitApp", "getEdgeCloudZones", "getApp", "deleteAppInstance"), expected=_looking_at_codes,
)  # fmt: skip
def error_code_of_its_own(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b'"code":"', b'"code":"EDGE_')) if answer.status >= 400 else answer


@fault(
    profile=_P, group="error body", sentence="Errors about deployments have a code of the provider's own.",
    applies=at("createAppDeployment", "deleteAppDeployment"), expected=_looking_at_codes,
)  # fmt: skip
def error_code_of_deployments(seen: Seen) -> WireResponse:
    return error_code_of_its_own(seen)


@fault(
    profile=_P, group="error body", sentence="Errors about deployments are of another shape.",
    applies=at("createAppDeployment", "updateAppDeployment", "deleteAppDeployment"), expected=ids("deployment.error-format"),
)  # fmt: skip
def deployment_error_of_another_shape(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=b'{"error":"something is wrong"}') if answer.status >= 400 else answer


@fault(
    profile=_P, group="input validation", sentence="A sink without TLS is taken.",
    applies=at("createAppInstance"), expected=ids("instance.sink-without-tls"),
)  # fmt: skip
def plain_sink_of_instances_taken(seen: Seen) -> WireResponse:
    return _subscribing(seen, lambda asked: {**asked, "sink": str(asked["sink"]).replace("http:", "https:")})


@fault(
    profile=_P, group="input validation", sentence="Any credential of a sink is taken.",
    applies=at("createAppInstance"), expected=ids("instance.sink-credential-type", "instance.sink-token-type"),
)  # fmt: skip
def any_credential_of_instances_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return answer if answer.status != 400 else _subscribing(seen, lambda asked: {k: v for k, v in asked.items() if k != "sinkCredential"})


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="Events of deployments have a type of the provider's own.",
    applies=at("createAppDeployment"), expected=ids("deployment.event-format"),
)  # fmt: skip
def deployment_events_of_another_type(seen: Seen) -> WireResponse:
    def retyped(one: Outgoing) -> Outgoing:
        body = one.request.body.replace(b".app-deployment-status-change", b".deployment-changed")
        return replace(one, request=replace(one.request, body=body))

    answer = seen.forward()
    seen.twin.store.notes["outbox"] = [(about, retyped(one)) for about, one in seen.twin.store.notes.get("outbox", [])]
    return answer


@fault(
    profile=_P, group="state", sentence="The same instance is started twice in a zone.",
    applies=at("createAppInstance"), expected=ids("instance.duplicate-refused"),
)  # fmt: skip
def instance_started_twice(seen: Seen) -> WireResponse:
    if seen.pretend().status != 409:
        return seen.forward()
    fresh = f"twice_{seen.twin.store.count('twice')}"
    answer = seen.sending(lambda body: {**body, "name": fresh} if isinstance(body, dict) else body)
    return replace(answer, body=answer.body.replace(fresh.encode(), str(_body(seen)["name"]).encode()))


@fault(
    profile=_P, group="value fidelity", sentence="An instance is started in a zone that was not asked for.",
    applies=at("createAppInstance"), expected=ids("instance.accepted-as-sent", "instance.listed"),
)  # fmt: skip
def instance_in_another_zone(seen: Seen) -> WireResponse:
    twin: Any = seen.twin
    zones = [z["edgeCloudZoneId"] for z in twin.zones[:2]]

    def moved(body: Any) -> Any:
        return {**body, "edgeCloudZoneId": zones[1]} if isinstance(body, dict) and body.get("edgeCloudZoneId") == zones[0] else body

    return seen.sending(moved)


@fault(
    profile=_P, group="state", sentence="An instance that was just started ends by itself.",
    applies=lambda profile: at("getAppInstance")(profile) or at("getAppInstances")(profile), expected=ids("instance.settles"),
)  # fmt: skip
def instance_ends_unasked(seen: Seen) -> WireResponse:
    def ended(one: Any) -> Any:
        if isinstance(one, list):
            return [ended(i) for i in one]
        return {**one, "status": "terminating"} if one["status"] == "ready" else one

    return seen.edited(ended)


@fault(
    profile=_P, group="state", sentence="An instance that was ended goes on running.",
    applies=at("deleteAppInstance"), expected=ids("instance.delete-effective"),
)  # fmt: skip
def instance_goes_on(seen: Seen) -> WireResponse:
    return seen.pretend()


@fault(
    profile=_P, group="query semantics", sentence="Instances are listed whatever region is asked for.",
    applies=at("getAppInstances"), expected=ids("instance.filter-by-region"),
)  # fmt: skip
def region_of_instances_ignored(seen: Seen) -> WireResponse:
    return seen.leaving_out("region")


@fault(
    profile=_P, group="query semantics", sentence="Zones are listed whatever status or region is asked for.",
    applies=at("getEdgeCloudZones"), expected=ids("zone.filter-by-status", "zone.filter-by-region"),
)  # fmt: skip
def zone_filters_ignored(seen: Seen) -> WireResponse:
    return seen.asking(lambda query: [])


@fault(
    profile=_P, group="headers", sentence="The correlator of the client does not come back.",
    applies=lambda profile: [""], expected=ids("service.correlator-echoed"),
)  # fmt: skip
def correlator_of_its_own(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "x-correlator", "of-its-own")


@fault(
    profile=_P, group="headers", sentence="The answer to a request for an instance has no Location.",
    applies=at("createAppInstance"), expected=ids("instance.location", "create-app-instance.answer"),
)  # fmt: skip
def instance_without_location(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "location", None)


@fault(
    profile=_P, group="answer shape", sentence="The answer to a submission does not tell the id.",
    applies=at("submitApp"), expected=ids("app.id-returned"),
)  # fmt: skip
def app_id_missing(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {})


@fault(
    profile=_P, group="state", sentence="A change of a deployment replaces what it does not name.",
    applies=at("updateAppDeployment"), expected=ids("deployment.merge-patch"),
)  # fmt: skip
def change_clears_the_zones(seen: Seen) -> WireResponse:
    return seen.sending(lambda body: {"edgeCloudZones": [], **body} if isinstance(body, dict) else body)


@fault(
    profile=_P, group="state", sentence="The zones in a change are added to those that are there.",
    applies=at("updateAppDeployment"), expected=ids("deployment.zones-replaced"),
)  # fmt: skip
def zones_added_up(seen: Seen) -> WireResponse:
    known = seen.twin.store.shelf("deployment").get(_last(seen))
    old = known.body["edgeCloudZones"] if known else []

    def added(body: Any) -> Any:
        return {**body, "edgeCloudZones": [*old, *body["edgeCloudZones"]]} if isinstance(body, dict) and "edgeCloudZones" in body else body

    return seen.sending(added)


@fault(
    profile=_P, group="state", sentence="The same deployment is taken twice.",
    applies=at("createAppDeployment"), expected=ids("deployment.duplicate-refused"),
)  # fmt: skip
def deployment_taken_twice(seen: Seen) -> WireResponse:
    if seen.pretend().status != 409:
        return seen.forward()
    fresh = f"twice_{seen.twin.store.count('twice')}"
    return seen.sending(lambda body: {**body, "appDeploymentName": fresh} if isinstance(body, dict) else body)


@fault(
    profile=_P, group="state", sentence="A deployment that was ended is still listed.",
    applies=at("deleteAppDeployment"), expected=ids("deployment.delete-effective"),
)  # fmt: skip
def deployment_goes_on(seen: Seen) -> WireResponse:
    answer = seen.pretend()
    return answer if success(answer) else seen.forward()


# -- what the main branch adds ---------------------------------------------------------------------------------------
_UNDECLARED = {
    "submitApp": ("body.undeclared", "body.undeclared-deeper"),
    "createAppInstance": ("body.undeclared-for-instance",),
    "createAppDeployment": ("body.undeclared-for-deployment",),
}


def _asked_otherwise(seen: Seen, name: str, change: Callable[[str], str | None]) -> WireResponse:
    """Forward the request with one parameter of its query changed, or without it."""
    changed = [(k, change(v) if k == name else v) for k, v in split_target(seen.request.target)[1]]
    return seen.asking(lambda query: [(k, v) for k, v in changed if v is not None])


@fault(
    profile=_P, group="input validation", sentence="Members that are not declared are left out of a request instead of refused.",
    applies=since("body.undeclared", *_UNDECLARED), expected=lambda profile, place: ids(*_UNDECLARED[place])(profile, place),
)  # fmt: skip
def undeclared_left_out(seen: Seen) -> WireResponse:
    schema = seen.operation.request_schema if seen.operation else ""
    return seen.sending(lambda body: declared(seen.twin.contract.document, schema, body))


@fault(
    profile=_P, group="paging", sentence="Pages of zones have the size that the provider likes.",
    applies=since("zone.page-size", "getEdgeCloudZones"), expected=ids("zone.page-size"),
)  # fmt: skip
def zones_on_one_page(seen: Seen) -> WireResponse:
    return _asked_otherwise(seen, "perPage", lambda value: None if value == "1" else value)


@fault(
    profile=_P, group="paging", sentence="The total of the zones is that of the page.",
    applies=since("zone.total-agrees", "getEdgeCloudZones"), expected=ids("zone.total-agrees"),
)  # fmt: skip
def zones_total_of_the_page(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "pagination": {**body["pagination"], "totalCount": len(body["edgeCloudZones"])}})


@fault(
    profile=_P, group="input validation", sentence="A page below the first is the first.",
    applies=since("zone.page-below-one", "getEdgeCloudZones"), expected=ids("zone.page-below-one"),
)  # fmt: skip
def page_below_one_taken(seen: Seen) -> WireResponse:
    return _asked_otherwise(seen, "page", lambda value: "1" if value == "0" else value)


@fault(
    profile=_P, group="input validation", sentence="A page of too many zones is a page of as many as are allowed.",
    applies=since("zone.page-size-out-of-range", "getEdgeCloudZones"), expected=ids("zone.page-size-out-of-range"),
)  # fmt: skip
def page_size_cut(seen: Seen) -> WireResponse:
    return _asked_otherwise(seen, "perPage", lambda value: "100" if value.isdigit() and int(value) > 100 else value)


@fault(
    profile=_P, group="query semantics", sentence="The zones of any country are listed.",
    applies=since("zone.filter-by-country", "getEdgeCloudZones"), expected=ids("zone.filter-by-country"),
)  # fmt: skip
def country_ignored(seen: Seen) -> WireResponse:
    return _asked_otherwise(seen, "countryCode", lambda value: None)


@fault(
    profile=_P, group="headers", sentence="The Location of what was accepted leads to something else.",
    applies=since("instance.location-leads", "createAppInstance", "createAppDeployment"),
    expected=lambda profile, place: ids("instance.location-leads" if place == "createAppInstance" else "deployment.location-leads")(
        profile, place
    ),
)  # fmt: skip
def location_leads_astray(seen: Seen) -> WireResponse:
    answer = seen.forward()
    place = header(answer.headers, "location")
    return with_header(answer, "location", f"{place.rpartition('/')[0]}/00000000-0000-4000-8000-000000000000") if place else answer


@fault(
    profile=_P, group="state", sentence="The credentials of a repository are shown.",
    applies=since("app.credentials-hidden", "getApp"), expected=ids("app.credentials-hidden"),
)  # fmt: skip
def credentials_shown(seen: Seen) -> WireResponse:
    known = seen.twin.store.shelf("app").get(_last(seen))
    return seen.edited(lambda body: {**body, "appRepo": known.body["appRepo"]} if known else body)


@fault(
    profile=_P, group="asynchrony and callbacks", sentence="Events of deployments come in an array.",
    applies=since("deployment.location-leads", "createAppDeployment"), expected=ids("deployment.event-format"),
)  # fmt: skip
def events_in_an_array(seen: Seen) -> WireResponse:
    assert isinstance(seen.twin, EdgeTwin)
    seen.twin.batches = True
    return seen.forward()
