"""Callbacks: missing, late, early, twice, malformed, out of order and without their credential are told apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

import pytest

from conformance.checks.patterns.events import read_event
from conformance.exchange import Exchange, Request
from conformance.profile import Callbacks, Profile
from conformance.run import Result
from conformance.verdict import Verdict
from conformance.wire import Outgoing, WireRequest, WireResponse
from tests.checks.support import answer, profile_of, run_check

READY = {"shows": {"/state": "ready"}, "within": 30}
IS_READY = {"/data/state": "ready"}
IS_GONE = {"/data/state": "gone"}
_JOB = {
    "type": "object", "required": ["id", "state"],
    "properties": {"id": {"type": "string"}, "state": {"type": "string"}, "sink": {"type": "string"}},
}  # fmt: skip
_EVENT = {
    "type": "object", "required": ["id", "source", "specversion", "type", "time", "data"],
    "properties": {"data": {"type": "object", "required": ["job", "state"]}, "time": {"type": "string", "format": "date-time"}},
}  # fmt: skip
_ANSWER = {"description": "", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Job"}}}}
_DOCUMENT = {
    "info": {"title": "Jobs", "version": "1"},
    "paths": {
        "/jobs": {"post": {
            "operationId": "createJob", "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
            "responses": {"201": _ANSWER},
        }},
        "/jobs/{id}": {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getJob", "responses": {"200": _ANSWER}},
            "delete": {"operationId": "deleteJob", "responses": {"204": {"description": ""}}},
        },
    },
    "components": {"schemas": {"Job": _JOB, "Event": _EVENT}},
}  # fmt: skip


def jobs(**callbacks: Any) -> Profile:
    """Return the profile of the little standard; *callbacks* override its bindings."""
    bound = {
        "subscribe": {"sink": "{sink.job}", "token": "{secret}"}, "credential": "/token", "format": "cloudevents", "modes": ["structured"],
        "media": ["application/cloudevents+json"], "schema": "Event", "about": "/data/job", "within": 20, **callbacks,
    }  # fmt: skip
    resource = {
        "create": "createJob",
        "read": "getJob",
        "delete": "deleteJob",
        "parameter": "id",
        "id": "/id",
        "example": {"name": "{unique}"},
    }
    operations = {"createJob": {"effect": "own"}, "deleteJob": {"effect": "own"}}
    return profile_of(_DOCUMENT, {"probe": "getJob", "operations": operations, "resources": {"job": resource}, "callbacks": bound})


@dataclass
class Jobs:
    """A server whose jobs are ready two seconds after they were made; `change` and `edit` make its deliveries wrong."""

    change: Callable[[list[Outgoing]], list[Outgoing]] = lambda sent: sent
    edit: Callable[[WireRequest], WireRequest] = lambda request: request
    binary: bool = False
    early: bool = False
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: list[Outgoing] = field(default_factory=list)

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Make, show or delete a job."""
        id = unquote(request.target.rsplit("/", 1)[-1])
        if request.method == "POST":
            body = json.loads(request.body)
            id = f"job-{len(self.jobs) + 1}"
            self.jobs[id] = {**body, "made": now}
            self.tell(id, "ready", now + (0 if self.early else 2))
            return answer(201, {"id": id, "state": "new"})
        if id not in self.jobs:
            return answer(404)
        job = self.jobs[id]
        ready = now >= job["made"] + 2
        if request.method == "DELETE":
            del self.jobs[id]
            if ready:
                self.tell(id, "gone", now, job)
            return answer(204)
        return answer(200, {"id": id, "state": "ready" if ready else "new"})

    def tell(self, id: str, state: str, at: float, job: dict[str, Any] | None = None) -> None:
        """Plan a delivery."""
        job = job or self.jobs[id]
        moment = f"2027-01-15T08:{int(at // 60) % 60:02d}:{int(at) % 60:02d}Z"
        event = {"id": f"{id}/{state}", "source": "/jobs", "specversion": "1.0", "type": "job.changed", "time": moment}
        data = {"job": id, "state": state}
        credentials = (("authorization", f"Bearer {job['token']}"),)
        if self.binary:
            headers = (("content-type", "application/json"), *((f"ce-{k}", v) for k, v in event.items()), *credentials)
            request = WireRequest(method="POST", target="", headers=headers, body=json.dumps(data).encode())
        else:
            headers = (("content-type", "application/cloudevents+json; charset=utf-8"), *credentials)
            request = WireRequest(method="POST", target="", headers=headers, body=json.dumps({**event, "data": data}).encode())
        self.sent += self.change([Outgoing(at=at, url=job["sink"], request=self.edit(request))])

    def due(self, now: float) -> list[Outgoing]:
        """Return what was sent until now."""
        planned = sorted(self.sent, key=lambda one: one.at)
        self.sent = [one for one in planned if one.at > now]
        return [one for one in planned if one.at <= now]


def looked(check: str, server: Jobs, profile: Profile | None = None, **arguments: Any) -> Result:
    """Run a check against a server."""
    return run_check(check, profile or jobs(), "job", server.handle, **arguments)


#: Every check with arguments for which the faultless server is right.
CHECKS: dict[str, dict[str, Any]] = {
    "callback-delivered": {"event": IS_READY, "after": [READY]},
    "callback-in-time": {"event": IS_READY, "after": [READY], "within": 5},
    "callback-not-early": {"event": IS_READY, "shows": {"/state": "ready"}},
    "callback-once": {"event": IS_READY, "after": [READY]},
    "callback-format": {"event": IS_READY},
    "callback-credential": {"event": IS_READY},
    "callback-identity": {"events": [IS_READY, IS_GONE], "after": [READY, {"send": "delete"}]},
    "callback-in-order": {"events": [IS_READY, IS_GONE], "after": [READY, {"send": "delete"}], "time": "/time"},
    "callback-absent": {"event": IS_GONE, "after": [{"send": "delete"}]},
}


@pytest.mark.parametrize("check", CHECKS)
def test_a_faultless_server_passes(check: str) -> None:
    """In structured mode, and in binary mode where the standard has that."""
    assert looked(check, Jobs(), **CHECKS[check]).verdict is Verdict.PASS
    both = jobs(modes=["structured", "binary"])
    assert looked(check, Jobs(binary=True), both, **CHECKS[check]).verdict is Verdict.PASS


def _with(request: WireRequest, **changes: str | None) -> WireRequest:
    named = {k.replace("_", "-"): v for k, v in changes.items()}
    kept = [(k, v) for k, v in request.headers if k not in named]
    return replace(request, headers=(*kept, *((k, v) for k, v in named.items() if v is not None)))


def _event(request: WireRequest, **changes: Any) -> WireRequest:
    return replace(request, body=json.dumps({**json.loads(request.body), **changes}).encode())


def _later(seconds: float) -> Callable[[list[Outgoing]], list[Outgoing]]:
    return lambda sent: [replace(one, at=one.at + seconds) for one in sent]


#: What is wrong -> how the server is made, and the one check that finds it.
FAULTS: dict[str, tuple[Callable[[], Jobs], str]] = {
    "late": (lambda: Jobs(change=_later(8)), "callback-in-time"),
    "early": (lambda: Jobs(early=True), "callback-not-early"),
    "twice": (lambda: Jobs(change=lambda sent: [*sent, *(replace(one, at=one.at + 1) for one in sent)]), "callback-once"),
    "another media type": (lambda: Jobs(edit=lambda r: _with(r, content_type="application/json")), "callback-format"),
    "another method": (lambda: Jobs(edit=lambda r: replace(r, method="PUT")), "callback-format"),
    "no time": (lambda: Jobs(edit=lambda r: _event(r, time=None)), "callback-format"),
    "another token": (lambda: Jobs(edit=lambda r: _with(r, authorization="Bearer another-token")), "callback-credential"),
    "no token": (lambda: Jobs(edit=lambda r: _with(r, authorization=None)), "callback-credential"),
    "basic": (lambda: Jobs(edit=lambda r: _with(r, authorization="Basic dXNlcjpwYXNzd29yZA==")), "callback-credential"),
    "one id": (lambda: Jobs(edit=lambda r: _event(r, id="1")), "callback-identity"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_by_its_check_alone(fault: str) -> None:
    """Late is not missing, malformed is not missing, and the like."""
    server, culprit = FAULTS[fault]
    red = {check for check in CHECKS if looked(check, server(), **CHECKS[check]).verdict is Verdict.FAIL}
    assert red == {culprit}


def test_what_never_comes_is_missing_and_nothing_else() -> None:
    """Nothing can be said of a delivery that never came."""
    red = {c for c in CHECKS if looked(c, Jobs(change=lambda sent: []), **CHECKS[c]).verdict is Verdict.FAIL}
    assert red == {"callback-delivered"}


def test_what_cannot_be_read_is_malformed_not_missing() -> None:
    """A body that is cut short may have been the one that is waited for."""

    def cut(request: WireRequest) -> WireRequest:
        return replace(request, body=request.body[:-5])

    assert looked("callback-delivered", Jobs(edit=cut), **CHECKS["callback-delivered"]).verdict is Verdict.INCONCLUSIVE
    assert looked("callback-format", Jobs(edit=cut), **CHECKS["callback-format"]).verdict is Verdict.FAIL


def _array(request: WireRequest) -> WireRequest:
    return replace(request, body=b"[" + request.body + b"," + request.body + b"]")


def test_an_array_of_events_passes_only_where_several_may_come_at_once() -> None:
    """Each event in it must still be one."""
    whole = jobs(schema="", about="")
    assert looked("callback-format", Jobs(edit=_array), whole).verdict is Verdict.FAIL
    assert looked("callback-format", Jobs(edit=_array), whole, several=True).verdict is Verdict.PASS
    assert looked("callback-format", Jobs(), whole, several=True).verdict is Verdict.PASS
    nameless = Jobs(edit=lambda r: _array(_event(r, type=None)))
    assert looked("callback-format", nameless, whole, several=True).verdict is Verdict.FAIL
    batch = Jobs(edit=lambda r: _with(_array(r), **{"content-type": "application/cloudevents-batch+json"}))
    assert looked("callback-format", batch, whole, several=True, look="body").verdict is Verdict.INCONCLUSIVE


def test_out_of_order_is_found() -> None:
    """The end comes before the beginning."""
    late = Jobs(edit=lambda r: r)
    plan = late.tell

    def tell(id: str, state: str, at: float, job: dict[str, Any] | None = None) -> None:
        plan(id, state, at + (6 if state == "ready" else 0), job)

    late.tell = tell  # type: ignore[method-assign]
    assert looked("callback-in-order", late, **CHECKS["callback-in-order"]).verdict is Verdict.FAIL


def test_an_event_that_may_not_come_is_found() -> None:
    """The delete of a job that is not ready tells nothing; here it does."""
    server = Jobs()
    handle = server.handle

    def telling(request: WireRequest, now: float) -> WireResponse:
        job = server.jobs.get(request.target.rsplit("/", 1)[-1])
        if request.method == "DELETE" and job and now < job["made"] + 2:
            server.tell(request.target.rsplit("/", 1)[-1], "gone", now, job)
        return handle(request, now)

    server.handle = telling  # type: ignore[method-assign]
    found = run_check("callback-absent", jobs(), "job", server.handle, due=server.due, **CHECKS["callback-absent"])
    assert found.verdict is Verdict.FAIL


def test_events_of_others_do_not_count() -> None:
    """An event about another job is not the one that is waited for."""
    server = Jobs(edit=lambda r: _event(r, data={"job": "another", "state": "ready"}))
    assert looked("callback-delivered", server, **CHECKS["callback-delivered"]).verdict is Verdict.FAIL


def test_plain_json_is_read() -> None:
    """Where the standard has no CloudEvents, the body is the event."""
    bound = Callbacks(format="json")
    seen = Exchange(
        request=Request(operation="callback", method="POST", headers=(("content-type", "application/json"),), body=b'{"a": 1}'), status=204
    )
    assert read_event(seen, bound).value == {"a": 1}
    assert not read_event(seen, bound).troubles


_JSON = ("content-type", "application/json")
_STRUCTURED = ("content-type", "application/cloudevents+json")
_CE = (("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-source", "/"))


@pytest.mark.parametrize(
    ("headers", "body", "trouble"),
    [
        ((("content-type", "application/cloudevents-batch+json"),), b"[]", "batched"),
        ((_JSON,), b'{"id": "1", "source": "/", "specversion": "1.0", "type": "t"}', "media type"),
        ((_STRUCTURED,), b'{"id": "1", "source": "/", "specversion": "1.0"}', "no type"),
        ((_JSON, ("ce-id", "%C0%A0"), *_CE), b"{}", "UTF-8"),
        ((_JSON, ("ce-datacontenttype", "a/b"), ("ce-id", "1"), *_CE), b"{}", "ce-datacontenttype"),
    ],
)
def test_what_is_wrong_with_a_cloudevent_is_told(headers: Any, body: bytes, trouble: str) -> None:
    """CloudEvents 1.0.2, HTTP protocol binding, section 3."""
    seen = Exchange(request=Request(operation="callback", method="POST", headers=headers, body=body), status=204)
    event = read_event(seen, Callbacks(format="cloudevents"))
    assert any(trouble in told for told in event.troubles), event


def test_a_binary_event_is_read_as_the_structured_one() -> None:
    """Attributes come from the headers, percent-decoded once, quoted or not; the data is the body."""
    headers = (
        ("content-type", "application/json"), ("ce-id", '"a\\"b"'), ("ce-source", "/caf%C3%A9"), ("ce-specversion", "1.0"), ("ce-type", "t"),
    )  # fmt: skip
    seen = Exchange(request=Request(operation="callback", method="POST", headers=headers, body=b'{"n": 1}'), status=204)
    event = read_event(seen, Callbacks(format="cloudevents"))
    assert event.value == {
        "id": 'a"b',
        "source": "/café",
        "specversion": "1.0",
        "type": "t",
        "datacontenttype": "application/json",
        "data": {"n": 1},
    }
    assert event.identity == ("/café", 'a"b')
    assert not event.troubles
