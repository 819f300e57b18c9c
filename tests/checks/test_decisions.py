"""Requests that may be refused but break nothing, answers that hold what they must, results that another operation confirms."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conformance.profile import Profile
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import answer, profile_of, run_check

TEXT = {"type": "string"}


def _posted(id: str, path: str) -> dict[str, Any]:
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    answers = {
        "200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}},
        "400": {"description": "no"},
    }
    return {path: {"post": {"operationId": id, "requestBody": body, "responses": answers}}}


def profile(places: tuple[str, ...] = ("{base}/decide",)) -> Profile:
    """A service that decides who may do something, and finds who may; a document may tell where it decides."""
    read = {"responses": {"200": {"description": "done", "content": {"application/json": {"schema": {"type": "object"}}}}}}
    document = {
        "openapi": "3.1.0",
        "info": {"title": "decisions", "version": "1"},
        "paths": {
            "/where": {"get": {"operationId": "where", **read}},
            "/names": {"get": {"operationId": "names", "parameters": [{"name": "of", "in": "query", "schema": TEXT}], **read}},
            **_posted("decide", "/decide"),
            **_posted("search", "/search"),
        },
    }
    address: dict[str, Any] = {"shown": ["where"], "pointer": "/decide"}
    bindings = {
        "probe": "where",
        "authentication": {"required": False},
        "operations": {
            "names": {"query": {"of": "us"}},
            "decide": {"effect": "read", "address": {**address, **({"places": list(places)} if places else {})}, "body": {"who": "ann"}},
            "search": {"effect": "read", "body": {"of": "us"}},
        },
    }
    return profile_of(document, bindings)


class Decisions:
    """Ann may, others may not; `faults` names what is wrong."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        self.asked: list[str] = []

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer one request."""
        parts = urlsplit(request.target)
        self.asked.append(parts.path)
        if parts.path == "/where":
            if "silent" in self.faults:
                return answer(404)
            return (
                answer(200, b"<html></html>", content_type="text/html")
                if "a page" in self.faults
                else answer(200, {"decide": "/elsewhere"})
            )
        if parts.path == "/names":
            of = parse_qs(parts.query).get("of")
            breaks = (of is None and "needs of" in self.faults) or (of not in (None, ["us"]) and "unknown" in self.faults)
            return answer(500) if breaks else answer(501 if of is None else 200, {})
        body = json.loads(request.body or b"{}")
        if parts.path == "/search":
            return answer(200, {"results": [{"id": "ann"}, *([{"id": "bob"}] if "bob found" in self.faults else [])]})
        who = body.get("who", "")
        may = (who["id"] if isinstance(who, dict) else who) == "ann"
        if (not may and "forbids" in self.faults) or "forbids all" in self.faults:
            return answer(403)
        return answer(200, {"may": may or "permits" in self.faults, "kinds": ["a", "b"] if may else ["a"]})


SURVIVED: list[tuple[dict[str, Any], str]] = [
    ({"query": {"of": "{unique}"}}, "unknown"),
    ({"query": {"of": None}}, "needs of"),
]


@pytest.mark.parametrize(("arguments", "fault"), SURVIVED)
def test_what_the_contract_permits_breaks_nothing(arguments: dict[str, Any], fault: str) -> None:
    """An answer and a refusal are right, 501 included; a 500 is not."""
    assert run_check("request-survived", profile(), "names", Decisions().handle, **arguments).verdict is Verdict.PASS
    assert run_check("request-survived", profile(), "names", Decisions(fault).handle, **arguments).verdict is Verdict.FAIL


def test_where_even_the_plain_request_breaks_nothing_is_proven() -> None:
    """That finding belongs to the operation itself."""
    broken = run_check("request-survived", profile(), "names", lambda request, now: answer(500), query={"of": "x"})
    assert broken.verdict is Verdict.INCONCLUSIVE


def test_values_are_among_those_of_an_answer_and_no_others_are() -> None:
    """Each value that is wanted is there, and each that is there is wanted."""
    assert run_check("answer-says", profile(), "decide", Decisions().handle, includes={"/kinds/*": ["b", "a"]}).verdict is Verdict.PASS
    assert run_check("answer-says", profile(), "decide", Decisions().handle, includes={"/kinds/*": ["c"]}).verdict is Verdict.FAIL
    assert run_check("answer-says", profile(), "decide", Decisions().handle, only={"/kinds/*": ["a", "b", "c"]}).verdict is Verdict.PASS
    assert run_check("answer-says", profile(), "decide", Decisions().handle, only={"/kinds/*": ["a"]}).verdict is Verdict.FAIL


def test_a_denial_told_by_a_status_is_a_finding_only_where_it_says_so() -> None:
    """403 is about the caller, unless the standard answers denials and the plain request shows that the caller is let in."""
    arguments: dict[str, Any] = {"changes": {"who": "bob"}, "expect": {"/may": False}}
    assert run_check("answer-says", profile(), "decide", Decisions("forbids").handle, **arguments).verdict is Verdict.INCONCLUSIVE
    arguments["never_forbidden"] = True
    assert run_check("answer-says", profile(), "decide", Decisions().handle, **arguments).verdict is Verdict.PASS
    assert run_check("answer-says", profile(), "decide", Decisions("permits").handle, **arguments).verdict is Verdict.FAIL
    assert run_check("answer-says", profile(), "decide", Decisions("forbids").handle, **arguments).verdict is Verdict.FAIL
    assert run_check("answer-says", profile(), "decide", Decisions("forbids all").handle, **arguments).verdict is Verdict.INCONCLUSIVE


def test_what_is_found_is_confirmed() -> None:
    """Each result of a search is asked about; where nothing is found there is nothing to ask."""
    arguments: dict[str, Any] = {"items": "/results", "confirm": "decide", "member": "who", "expect": {"/may": True}}
    assert run_check("results-confirmed", profile(), "search", Decisions().handle, **arguments).verdict is Verdict.PASS
    assert run_check("results-confirmed", profile(), "search", Decisions("bob found").handle, **arguments).verdict is Verdict.FAIL
    nothing = run_check("results-confirmed", profile(), "search", lambda request, now: answer(200, {"results": []}), **arguments)
    assert nothing.verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("server", "asked"), [(Decisions(), "/elsewhere"), (Decisions("silent"), "/decide"), (Decisions("a page"), "/decide")]
)
def test_an_address_that_nobody_tells_is_the_default_one(server: Decisions, asked: str) -> None:
    """What is shown is followed; without that, or where a page for people answers, the bindings say where it is."""
    assert run_check("answer-says", profile(), "decide", server.handle, holds=["/may"]).verdict is Verdict.PASS
    assert server.asked[-1] == asked


def test_without_a_default_an_address_must_be_shown() -> None:
    """Then nothing can be asked."""
    result = run_check("answer-says", profile(()), "decide", Decisions("silent").handle, holds=["/may"])
    assert result.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("shown", "verdict"),
    [
        ({"a": 1, "b": 2}, Verdict.FAIL),
        ({"a": 1}, Verdict.NOT_APPLICABLE),
        ({"a": 1, "b": 3}, Verdict.NOT_APPLICABLE),
        (None, Verdict.PASS),
    ],
)
def test_what_may_be_left_out_or_replaced_need_not_be_refused(shown: Any, verdict: Verdict) -> None:
    """A request with two things that exclude each other may be granted without one of them."""

    def server(request: WireRequest, now: float) -> WireResponse:
        both = "b" in json.loads(request.body)
        return answer(400) if both and shown is None else answer(200, shown if both else {})

    arguments: dict[str, Any] = {"changes": {"a": 1, "b": 2}, "status": [400], "kept": ["/a", "/b"]}
    assert run_check("request-refused", profile(), "search", server, **arguments).verdict is verdict
