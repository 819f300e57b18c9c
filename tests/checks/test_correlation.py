"""Callbacks belong to their request: type, id, result, order and identity are each judged by themselves, with nothing to read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conformance.checks.discovery import first_look
from conformance.driving.sink import Sink
from conformance.flow import drive, now
from conformance.profile import Profile
from conformance.run import Result
from conformance.verdict import Verdict
from conformance.wire import Outgoing, WireRequest, WireResponse
from tests.checks.support import InProcess, _tools, answer, profile_of, run_check

_REPORT = {"type": "object", "properties": {"id": {"type": "string"}}}
_EVENT = {
    "type": "object", "required": ["id", "source", "specversion", "type"],
    "properties": {"data": {"type": "object"}, "specversion": {"enum": ["1.0"]}},
}  # fmt: skip
_RESULT = {
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"required": ["result"], "properties": {"result": {"type": "number"}}}},
}
_DOCUMENT = {
    "info": {"title": "Reports", "version": "1"},
    "paths": {"/reports": {"post": {
        "operationId": "askReport", "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
        "responses": {
            "201": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Report"}}}},
            "404": {"description": ""},
        },
    }}},
    "components": {"schemas": {"Report": _REPORT, "Event": _EVENT, "Result": _RESULT}},
}  # fmt: skip


def reports(**callbacks: Any) -> Profile:
    """Return the profile of a standard whose one operation has its result at a sink."""
    bound = {
        "subscribe": {"to": {"sink": "{sink.report}"}}, "credential": "/to/token", "format": "cloudevents", "modes": ["structured"],
        "media": ["application/cloudevents+json"], "schema": "Event", "within": 20, **callbacks,
    }  # fmt: skip
    example = {"what": "{unique}", "to": {"sink": "{sink.report|https://sink.invalid/}", "token": "{secret}"}}
    resource = {"create": "askReport", "id": "/id", "example": example}
    bindings = {"probe": "askReport", "operations": {"askReport": {"effect": "own"}}, "resources": {"report": resource}, "callbacks": bound}
    return profile_of(_DOCUMENT, bindings)


Edit = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Reports:
    """A server that sends a result two seconds after it was asked; `edit` and `headed` make events wrong, `answered` answers."""

    edit: Edit = lambda event: event
    headed: Callable[[WireRequest], WireRequest] = lambda request: request
    answered: Edit = lambda body: body
    after: float = 2.0
    takes: float = 0.0
    number: int = 0
    sent: list[Outgoing] = field(default_factory=list)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Take a request."""
        if request.method != "POST":
            return answer(404, {"nothing": "here"})
        body = json.loads(request.body)
        self.number += 1
        id = f"report-{self.number}"
        data = {"report": id, "result": 1.5}
        event = self.edit({"id": f"e{self.number}", "source": "/reports", "specversion": "1.0", "type": "report.ready", "data": data})
        headers = (("content-type", "application/cloudevents+json"), ("authorization", f"Bearer {body['to']['token']}"))
        told = self.headed(WireRequest(method="POST", target="", headers=headers, body=json.dumps(event).encode()))
        self.sent.append(Outgoing(at=now + self.after, url=body["to"]["sink"], request=told))
        return replace(answer(201, self.answered({"id": id, "what": body["what"]})), delay_s=self.takes)

    def due(self, now: float) -> list[Outgoing]:
        """Return what was sent until now."""
        due = [one for one in self.sent if one.at <= now]
        self.sent = [one for one in self.sent if one.at > now]
        return due


TYPE = {"says": {"/type": "report.ready"}}
SAME = {"same": {"/data/report": "/id"}}
RESULT = {"schema": "Result"}
#: What is looked at: check and arguments, right for the faultless server.
LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "delivered": ("callback-delivered", {"event": {}}),
    "type": ("callback-says", TYPE),
    "same": ("callback-says", SAME),
    "result": ("callback-says", RESULT),
    "media": ("callback-format", {"look": "media"}),
    "body": ("callback-format", {"look": "body"}),
    "order": ("callback-after-answer", {}),
    "identity": ("callback-ids-differ", {}),
    "credential": ("callback-credential", {}),
    "id": ("created-ids-differ", {}),
    "shown": ("answer-shows", {"pointers": ["/what"]}),
}


def _media(value: str) -> Callable[[WireRequest], WireRequest]:
    return lambda r: replace(r, headers=(("content-type", value), *[h for h in r.headers if h[0] != "content-type"]))


def _data(**changes: Any) -> Edit:
    return lambda event: {**event, "data": {**event["data"], **changes}}


#: What is wrong -> how the server is made, and the looks that find it.
FAULTS: dict[str, tuple[Callable[[], Reports], set[str]]] = {
    "another type": (lambda: Reports(edit=lambda e: {**e, "type": "report.lost"}), {"type"}),
    "another version": (lambda: Reports(edit=lambda e: {**e, "specversion": "0.3"}), {"body"}),
    "another request": (lambda: Reports(edit=_data(report="report-0")), {"same"}),
    "no request": (lambda: Reports(edit=lambda e: {**e, "data": {"result": 1}}), {"same"}),
    "a text as result": (lambda: Reports(edit=_data(result="1.5 kWh")), {"result"}),
    "no data": (lambda: Reports(edit=lambda e: {k: v for k, v in e.items() if k != "data"}), {"same", "result"}),
    "plain JSON": (lambda: Reports(headed=_media("application/json")), {"media"}),
    "a batch": (lambda: Reports(headed=_media("application/cloudevents-batch+json")), {"media"}),
    "another method": (lambda: Reports(headed=lambda r: replace(r, method="PUT")), {"body"}),
    "cut short": (lambda: Reports(headed=lambda r: replace(r, body=r.body[:-3])), {"body"}),
    "before the answer": (lambda: Reports(after=0.1, takes=3.0), {"order"}),
    "one id": (lambda: Reports(edit=lambda e: {**e, "id": "1"}), {"identity"}),
    "no id of the request": (lambda: Reports(answered=lambda body: {"what": body["what"]}), {"id"}),
    "one id of all requests": (lambda: Reports(answered=lambda body: {**body, "id": "r"}, edit=_data(report="r")), {"id"}),
    "another thing shown": (lambda: Reports(answered=lambda body: {**body, "what": "else"}), {"shown"}),
    "nothing": (lambda: Reports(after=1e6), {"delivered"}),
}  # fmt: skip


def looked(name: str, server: Reports, profile: Profile | None = None, **more: Any) -> Result:
    """Take one of the looks at a server."""
    check, arguments = LOOKS[name]
    return run_check(check, profile or reports(), "report", server.handle, **{**arguments, **more})


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_its_look_alone(fault: str) -> None:
    """Whatever else is wrong with a delivery is for others to judge."""
    server, culprits = FAULTS[fault]
    assert {name for name in LOOKS if looked(name, server()).verdict is Verdict.FAIL} == culprits


@pytest.mark.parametrize(
    "server",
    [
        Reports,
        lambda: Reports(headed=_media("application/cloudevents+json; charset=utf-8")),
        lambda: Reports(edit=lambda e: {**e, "traceparent": "00-a", "subject": "s", "data": {**e["data"], "unit": "kWh"}}),
        lambda: Reports(after=0.2, takes=0.7),
        lambda: Reports(answered=lambda body: {**body, "more": [1]}),
    ],
)
def test_what_is_permitted_passes(server: Callable[[], Reports]) -> None:
    """Parameters, extensions, more members, and an answer that is overtaken on its way."""
    assert {name for name in LOOKS if looked(name, server()).verdict is not Verdict.PASS} == set()


@dataclass
class Below(Reports):
    """A server that sends its events to a place of their own below the address that it is told."""

    place: str = ""

    def due(self, now: float) -> list[Outgoing]:
        """Return what was sent until now."""
        return [replace(one, url=f"{one.url}{self.place}") for one in super().due(now)]


@pytest.mark.parametrize(
    ("place", "verdict"),
    [
        ("/reports/report-1/ready", Verdict.PASS),
        ("/reports/report%2D1/ready", Verdict.PASS),
        ("//reports/report-1/ready", Verdict.FAIL),
        ("/reports/report-none/ready", Verdict.FAIL),
        ("", Verdict.FAIL),
    ],
)
def test_an_event_comes_to_its_place_below_the_address(place: str, verdict: Verdict) -> None:
    server = Below(place=place)
    assert run_check("callback-says", reports(), "report", server.handle, below="/reports/{/data/report}/ready").verdict is verdict


def test_the_sink_takes_what_comes_below_an_expected_path() -> None:
    sink = Sink(now=lambda: 0.0)
    sink.expect("a1")
    assert [sink.named(path) for path in ("/a1", "/base/a1/b/c", "/a1/", "/a2/b", "/")] == [
        ("a1", ""), ("a1", "/b/c"), ("a1", "/"), ("", ""), ("", ""),
    ]  # fmt: skip


def test_the_answer_need_not_show_what_is_left_out() -> None:
    """`{shown.NAME/pointer?}` leaves a member out where nothing is shown."""
    changes = {"what": "{shown.report/what?}", "more": "{shown.report/nothing?}"}
    result = run_check("answer-shows", reports(), "report", Reports().handle, pointers=["/what"], changes=changes)
    assert result.verdict is Verdict.PASS
    lacking = run_check("answer-shows", reports(), "report", Reports().handle, pointers=["/what"], changes={"what": "{shown.report/none}"})
    assert lacking.verdict is Verdict.INCONCLUSIVE


def test_what_the_answer_does_not_show_cannot_be_compared() -> None:
    """That it does not is for `created-ids-differ`."""
    assert looked("same", Reports(answered=lambda body: {})).verdict is Verdict.INCONCLUSIVE


def test_an_answer_that_breaks_its_schema_is_for_others_to_find() -> None:
    """One cause, one finding."""
    for name in ("id", "shown"):
        assert looked(name, Reports(answered=lambda body: {**body, "id": 17})).verdict is Verdict.INCONCLUSIVE


def test_how_long_an_event_is_waited_for_may_be_told_by_the_target() -> None:
    """A number of the test data, else the default."""
    patient = reports(within="{test_data.seconds|5}")
    assert looked("delivered", Reports(after=9), patient).verdict is Verdict.FAIL
    assert looked("delivered", Reports(after=9), patient, test_data={"seconds": 30}).verdict is Verdict.PASS


def test_without_consent_only_a_made_up_path_is_asked_for() -> None:
    """A standard with nothing to read has no other pulse that changes nothing."""
    server = InProcess(Reports().handle, frozenset())
    look = now(drive(first_look(_tools(reports(), frozenset(), {})("discovery"), ()), server))
    assert not look.trouble
    assert {request.method for request in server.sent} == {"GET"}


@pytest.mark.parametrize(("status", "trouble"), [(404, "base path"), (401, "credentials refused"), (200, "base path")])
def test_a_wrong_address_is_told_at_once(status: int, trouble: str) -> None:
    """With consent the operation itself is the first look."""
    server = InProcess(lambda request, at: answer(status, {"a": "page"}), frozenset({"write"}))
    look = now(drive(first_look(_tools(reports(), frozenset({"write"}), {})("discovery"), ()), server))
    assert trouble in look.trouble
