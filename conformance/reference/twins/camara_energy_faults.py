"""Faults that only an Energy Footprint Notification service can have: most of them are of what it sends, which is all that it shows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.profile import Profile
from conformance.reference import outgoing
from conformance.reference.faults.planting import Rule, Seen, fault, success, with_header, without_request_header
from conformance.reference.faults.where import ids, service
from conformance.reference.message import read_json, write_json
from conformance.reference.twins.camara import CORRELATOR
from conformance.reference.twins.camara_energy import EVENTS
from conformance.wire import Headers, Outgoing, WireRequest, WireResponse, header

_P = "camara-energy-footprint-notification"
OPERATIONS = {"calculateEnergyConsumption": "energy", "calculateCarbonFootprint": "carbon"}
MEMBERS = {"calculateEnergyConsumption": "energyConsumption", "calculateCarbonFootprint": "carbonFootprint"}
_CALLS, _INPUT, _SHAPE = "asynchrony and callbacks", "input validation", "answer shape"


def _of(*slugs: str) -> Rule:
    """The requirements of the operation at which the fault is, by the end of their slugs."""
    return lambda profile, place: frozenset(i for s in slugs if (i := f"{profile.name}/{OPERATIONS[place]}.{s}") in profile.by_id)


Act = Callable[[Seen], WireResponse]


def _either(group: str, sentence: str, *slugs: str) -> Callable[[Act], Act]:
    """Register a fault that each of the two operations may have."""
    return fault(profile=_P, group=group, sentence=sentence, applies=lambda profile: list(OPERATIONS), expected=_of(*slugs))


def _subscription(body: dict[str, Any]) -> dict[str, Any]:
    found = body.get("subscriptionRequest")
    return found if isinstance(found, dict) else {}


def _overlooking(seen: Seen, repaired: Callable[[dict[str, Any]], dict[str, Any]]) -> WireResponse:
    """Return the answer to what was sent; where that is a refusal, to the body made right."""
    answer, body = seen.forward(), seen.sent_members
    return answer if success(answer) or not body else seen.sending(lambda _: repaired(body))


def _refused(status: int, code: str) -> WireResponse:
    body = write_json({"status": status, "code": code, "message": "refused by a fault"})
    return WireResponse(status=status, headers=(("Content-Type", "application/json"),), body=body)


# -- what it sends ---------------------------------------------------------------------------------------------------
def _planning(seen: Seen, change: Callable[[Outgoing], list[Outgoing]]) -> WireResponse:
    """Answer, and make of the delivery that this request plans what *change* says."""
    store = seen.twin.store
    before = outgoing.take(store, math.inf)
    answer = seen.forward()
    ours = [new for one in outgoing.take(store, math.inf) for new in change(one)]
    for one in (*before, *ours):
        outgoing.plan(store, one.at, one.url, one.request)
    return answer


def _event(seen: Seen, change: Callable[[dict[str, Any]], Any]) -> WireResponse:
    """Answer, and change the event that follows."""
    return _planning(seen, lambda one: [replace(one, request=replace(one.request, body=write_json(change(read_json(one.request.body)))))])


def _data(seen: Seen, **changes: Any) -> WireResponse:
    """Answer, and change members of the data of the event that follows; None takes one away."""

    def changed(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "data": {k: v for k, v in {**event["data"], **changes}.items() if v is not None}}

    return _event(seen, changed)


def _request(seen: Seen, change: Callable[[WireRequest], WireRequest]) -> WireResponse:
    return _planning(seen, lambda one: [replace(one, request=change(one.request))])


def _headed(request: WireRequest, name: str, value: str) -> WireRequest:
    kept: Headers = tuple((k, v) for k, v in request.headers if k.lower() != name)
    return replace(request, headers=(*kept, (name, value)))


@_either(_CALLS, "The result of one operation is never sent.", "delivered", "delivered-without-period")
def result_never_sent(seen: Seen) -> WireResponse:
    return _planning(seen, lambda one: [])


@_either(_CALLS, "No result is sent for a request that names no period.", "delivered-without-period")
def result_of_no_period_never_sent(seen: Seen) -> WireResponse:
    return _planning(seen, lambda one: [one] if "timePeriod" in seen.sent_members else [])


@_either(_CALLS, "Results go to the sink that the server was set up with.", "delivered", "delivered-without-period")
def results_to_a_sink_of_its_own(seen: Seen) -> WireResponse:
    return _planning(seen, lambda one: [replace(one, url="https://sink.example/reports")])


@_either(_CALLS, "The path of a sink is cut off.", "delivered", "delivered-without-period")
def results_to_the_root_of_the_sink(seen: Seen) -> WireResponse:
    return _planning(seen, lambda one: [replace(one, url="/".join(one.url.split("/")[:3]))])


@_either(_CALLS, "The result takes half a minute.", "event-in-time")
def result_late(seen: Seen) -> WireResponse:
    return _planning(seen, lambda one: [replace(one, at=one.at + 30)])


@_either(_CALLS, "The result is sent before the request is answered.", "event-after-answer")
def result_before_the_answer(seen: Seen) -> WireResponse:
    return replace(_planning(seen, lambda one: [replace(one, at=seen.now)]), delay_s=2.0)


@_either(_CALLS, "Every few seconds another event brings the result again.", "event-once", "event-limit")
def result_again_and_again(seen: Seen) -> WireResponse:
    def more(one: Outgoing) -> list[Outgoing]:
        event = read_json(one.request.body)
        copies = [
            replace(one, at=one.at + 2 * n, request=replace(one.request, body=write_json({**event, "id": f"{event['id']}-{n}"})))
            for n in (1, 2)
        ]
        return [one, *copies]

    return _planning(seen, more)


@_either(_CALLS, "A second event comes although one was asked for.", "event-limit")
def event_limit_overlooked(seen: Seen) -> WireResponse:
    config = _subscription(seen.sent_members).get("config")
    limited = isinstance(config, dict) and "subscriptionMaxEvents" in config
    return _planning(seen, lambda one: [one, replace(one, at=one.at + 1)] if limited else [one])


@_either(_CALLS, "The event has the type of the other operation.", "event-type")
def event_of_the_other_type(seen: Seen) -> WireResponse:
    kind = "carbon-footprint" if seen.operation and OPERATIONS[seen.operation.id] == "energy" else "energy"
    return _event(seen, lambda event: {**event, "type": f"{EVENTS}.{kind}"})


@_either(_CALLS, "The event has a type of the server's own.", "event-type")
def event_of_an_own_type(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "type": "com.example.report-ready"})


@_either(_CALLS, "The event is of another version of CloudEvents.", "event-format")
def event_of_another_version(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "specversion": "0.3"})


@_either(_CALLS, "The event has no source.", "event-format")
def event_with_an_empty_source(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "source": ""})


@_either(_CALLS, "The source of the event is no URI.", "event-format")
def event_with_a_source_in_words(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "source": "the operator <platform>"})


@_either(_CALLS, "The event does not say when it happened.", "event-format")
def event_without_time(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {k: v for k, v in event.items() if k != "time"})


@_either(_CALLS, "The time of the event has no time zone.", "event-format")
def event_without_time_zone(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "time": event["time"].rstrip("Z")})


@_either(_CALLS, "The event says that its data is XML.", "event-format")
def event_data_called_xml(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "datacontenttype": "application/xml"})


@_either(_CALLS, "The data of the event is a text that holds JSON.", "event-format", "event-correlated", "event-result")
def event_data_as_text(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "data": write_json(event["data"]).decode()})


@_either(_CALLS, "The result is sent without an event around it.", "event-format", "event-type", "event-correlated", "event-result")
def result_without_event(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: event["data"])


@_either(_CALLS, "The result is sent with PUT.", "event-format")
def result_sent_with_put(seen: Seen) -> WireResponse:
    return _request(seen, lambda request: replace(request, method="PUT"))


@_either(_CALLS, "The event is sent as plain JSON.", "event-media-type")
def event_as_plain_json(seen: Seen) -> WireResponse:
    return _request(seen, lambda request: _headed(request, "content-type", "application/json"))


@_either(_CALLS, "The event is sent in binary mode.", "event-media-type")
def event_in_binary_mode(seen: Seen) -> WireResponse:
    def binary(request: WireRequest) -> WireRequest:
        event = read_json(request.body)
        attributes = tuple((f"ce-{k}", v) for k, v in event.items() if k not in ("data", "datacontenttype"))
        headed = _headed(request, "content-type", "application/json")
        return replace(headed, headers=(*headed.headers, *attributes), body=write_json(event["data"]))

    return _request(seen, binary)


@_either(_CALLS, "The event is sent in a batch.", "event-media-type")
def event_in_a_batch(seen: Seen) -> WireResponse:
    def batched(request: WireRequest) -> WireRequest:
        return replace(_headed(request, "content-type", "application/cloudevents-batch+json"), body=b"[" + request.body + b"]")

    return _request(seen, batched)


@_either(_CALLS, "The event names another request.", "event-correlated")
def event_of_another_request(seen: Seen) -> WireResponse:
    return _data(seen, requestId="6f1c2a54-9a0e-4b3d-8d5c-0a1b2c3d4eff")


@_either(_CALLS, "The event names the request before.", "event-correlated")
def event_of_the_request_before(seen: Seen) -> WireResponse:
    def changed(event: dict[str, Any]) -> dict[str, Any]:
        before, seen.memory["id"] = seen.memory.get("id", "none"), event["data"]["requestId"]
        return {**event, "data": {**event["data"], "requestId": before}}

    return _event(seen, changed)


@_either(_CALLS, "The event names no request.", "event-correlated")
def event_of_no_request(seen: Seen) -> WireResponse:
    return _data(seen, requestId=None)


@_either(_CALLS, "The event brings no result.", "event-result")
def event_without_result(seen: Seen) -> WireResponse:
    return _data(seen, **{MEMBERS[seen.operation.id] if seen.operation else "": None})


@_either(_CALLS, "The result is a text with its unit.", "event-result")
def result_with_its_unit(seen: Seen) -> WireResponse:
    def changed(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "data": {k: v if k == "requestId" else f"{v} kWh" for k, v in event["data"].items()}}

    return _event(seen, changed)


@_either(_CALLS, "The result stands under another name.", "event-result")
def result_under_another_name(seen: Seen) -> WireResponse:
    def changed(event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "data": {k if k == "requestId" else "value": v for k, v in event["data"].items()}}

    return _event(seen, changed)


@_either(_CALLS, "The result is negative.", "event-plausible")
def result_negative(seen: Seen) -> WireResponse:
    return _data(seen, **{MEMBERS[seen.operation.id] if seen.operation else "": -1.5})


@_either(_CALLS, "The sink is sent the token of the client instead of its own.", "event-credential")
def event_with_the_token_of_the_client(seen: Seen) -> WireResponse:
    return _request(seen, lambda request: _headed(request, "authorization", "Bearer twin-token"))


@_either(_CALLS, "The token of the sink is sent with another scheme.", "event-credential")
def event_with_another_scheme(seen: Seen) -> WireResponse:
    def basic(request: WireRequest) -> WireRequest:
        token = dict(request.headers).get("authorization", "").removeprefix("Bearer ")
        return _headed(request, "authorization", f"Basic {token}")

    return _request(seen, basic)


@_either(_CALLS, "All events of the operation have one id.", "event-identity")
def event_id_that_stays(seen: Seen) -> WireResponse:
    return _event(seen, lambda event: {**event, "id": "result"})


# -- what it answers -------------------------------------------------------------------------------------------------
@_either(_SHAPE, "The answer does not say how the request is called.", "request-id")
def request_without_id(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {k: v for k, v in body.items() if k != "requestId"})


@_either(_SHAPE, "All requests have one identifier.", "request-id")
def request_id_that_stays(seen: Seen) -> WireResponse:
    one = "6f1c2a54-9a0e-4b3d-8d5c-0a1b2c3d4eff"
    answer = _data(seen, requestId=one)
    body = read_json(answer.body) if success(answer) else None
    return replace(answer, body=write_json({**body, "requestId": one})) if body else answer


@_either("value fidelity", "The answer shows a sink that nobody named.", "answer-echoes")
def another_sink_shown(seen: Seen) -> WireResponse:
    return seen.edited(
        lambda body: {**body, "subscriptionRequest": {**body["subscriptionRequest"], "sink": "https://sink.example/another"}}
    )


@_either("value fidelity", "The answer shows no application instance.", "answer-echoes")
def no_instance_shown(seen: Seen) -> WireResponse:
    return seen.edited(lambda body: {**body, "service": []})


@_either("value fidelity", "The answer shows another period.", "period-shown")
def another_period_shown(seen: Seen) -> WireResponse:
    period = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-02T00:00:00Z"}
    return seen.edited(lambda body: {**body, "timePeriod": period} if "timePeriod" in body else body)


@_either("headers", "The answer links to nothing.", "location")
def report_without_link(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "location", None)


@fault(
    profile=_P, group="headers", sentence="The x-correlator of a request is forgotten.", applies=service,
    expected=ids("service.correlator-echoed"),
)  # fmt: skip
def correlator_forgotten(seen: Seen) -> WireResponse:
    return with_header(seen.forward(), "x-correlator", None)


@_either(_INPUT, "Whatever stands in x-correlator is taken.", "correlator-malformed")
def every_correlator_taken(seen: Seen) -> WireResponse:
    known = CORRELATOR.fullmatch(header(seen.request.headers, "x-correlator") or "")
    return seen.forward() if known else seen.forward(without_request_header(seen.request, "x-correlator"))


def _of_codes(profile: Profile, place: str) -> frozenset[str]:
    return frozenset(r.id for r in profile.requirements if "/code" in str(r.arguments) and (not place or r.on == place))


@fault(
    profile=_P,
    group="error body",
    sentence="The codes of errors are numbers of the server's own.",
    applies=service,
    expected=_of_codes,
)
def codes_of_its_own(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return replace(answer, body=answer.body.replace(b'"code":"', b'"code":"E-')) if answer.status >= 400 else answer


# -- what it takes ---------------------------------------------------------------------------------------------------
def _with(body: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {**body, "subscriptionRequest": {**_subscription(body), **members}} if _subscription(body) else body


@_either(_INPUT, "An application instance that does not exist consumes nothing.", "unknown-application")
def unknown_instance_taken(seen: Seen) -> WireResponse:
    answer = seen.forward()
    known = [seen.twin.test_data["app_instance"]]
    return seen.sending(lambda body: {**body, "service": known}) if answer.status == 404 else answer


@_either(_INPUT, "An application instance that does not exist is answered as invalid input.", "unknown-application")
def unknown_instance_is_invalid(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _refused(400, "INVALID_ARGUMENT") if answer.status == 404 else answer


@_either(_INPUT, "An application instance that does not exist breaks the server.", "unknown-application")
def unknown_instance_breaks(seen: Seen) -> WireResponse:
    answer = seen.forward()
    return _refused(500, "INTERNAL") if answer.status == 404 else answer


@_either(_INPUT, "A service of several instances is refused.", "several-instances")
def one_instance_demanded(seen: Seen) -> WireResponse:
    service = seen.sent_members.get("service")
    return _refused(400, "OUT_OF_RANGE") if isinstance(service, list) and len(service) > 1 else seen.forward()


@_either(_INPUT, "A period without an end is refused.", "period-open")
def end_demanded(seen: Seen) -> WireResponse:
    period = seen.sent_members.get("timePeriod")
    return _refused(400, "INVALID_ARGUMENT") if isinstance(period, dict) and "endDate" not in period else seen.forward()


@_either(_INPUT, "A request without a period is refused.", "period-unsaid")
def period_demanded(seen: Seen) -> WireResponse:
    body = seen.sent_members
    return _refused(400, "INVALID_ARGUMENT") if body and "timePeriod" not in body else seen.forward()


@_either(
    _INPUT, "Whatever stands as period is taken.", "period-reversed", "period-without-start", "period-malformed", "period-without-zone"
)
def any_period_taken(seen: Seen) -> WireResponse:
    return _overlooking(seen, lambda body: {k: v for k, v in body.items() if k != "timePeriod"})


@_either(_INPUT, "A sink without TLS is taken as it is.", "sink-without-tls")
def sink_without_tls_taken(seen: Seen) -> WireResponse:
    def secured(body: dict[str, Any]) -> dict[str, Any]:
        sink = _subscription(body).get("sink")
        return _with(body, sink=sink.replace("http:", "https:")) if isinstance(sink, str) else body

    return _overlooking(seen, secured)


@_either(_INPUT, "Any protocol of delivery is taken.", "other-protocol")
def any_protocol_taken(seen: Seen) -> WireResponse:
    protocol = _subscription(seen.sent_members).get("protocol")
    known = isinstance(protocol, str) and protocol in ("MQTT3", "MQTT5", "AMQP", "NATS", "KAFKA")
    return _overlooking(seen, lambda body: _with(body, protocol="HTTP") if known else body)


@_either(
    _INPUT, "Whatever stands as credential of a sink is taken.", "credential-type", "credential-without-type", "credential-without-token"
)
def every_credential_taken(seen: Seen) -> WireResponse:
    def bare(body: dict[str, Any]) -> dict[str, Any]:
        rest = {k: v for k, v in _subscription(body).items() if k != "sinkCredential"}
        return {**body, "subscriptionRequest": rest} if rest else body

    return _overlooking(seen, bare)


@_either(_INPUT, "A request without a credential of the sink is refused.", "without-credential")
def credential_demanded(seen: Seen) -> WireResponse:
    subscription = _subscription(seen.sent_members)
    lacking = bool(subscription) and "sinkCredential" not in subscription
    return _refused(400, "INVALID_ARGUMENT") if lacking else seen.forward()


@_either(_INPUT, "A request for no event at all is taken.", "event-limit-none")
def no_event_at_all_taken(seen: Seen) -> WireResponse:
    config = _subscription(seen.sent_members).get("config")
    none = isinstance(config, dict) and "subscriptionMaxEvents" in config
    return _overlooking(seen, lambda body: _with(body, config={"subscriptionDetail": {}}) if none else body)
