"""Writes that must be refused: a finding where they are taken or leave a trace, none where the refusal has no control."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import answer, profile_of, requirement_of, run_check
from tests.checks.things import BINDINGS, DOCUMENT, Things, profile


def test_a_body_that_is_not_json_changes_nothing() -> None:
    check = "refused-write-changes-nothing"
    assert run_check(check, profile(), "thing", Things()).verdict is Verdict.PASS
    assert run_check(check, profile(), "thing", Things(), write="update").verdict is Verdict.PASS
    assert run_check(check, profile(), "thing", Things("applies before it refuses")).verdict is Verdict.FAIL
    lenient = run_check(check, profile(), "thing", Things("mends broken bodies"))
    assert (lenient.verdict, lenient.reason) == (Verdict.INCONCLUSIVE, "nothing was refused")


BAD: dict[str, Any] = {"write": "update", "body": {"unknown": True}}


@pytest.mark.parametrize(
    ("ways", "arguments", "verdict"),
    [
        ((), {}, Verdict.PASS),
        ((), {"status": [400], "error": True}, Verdict.PASS),
        ((), {"status": [400], "error": {"/code": "invalid"}, "same": ["/label"]}, Verdict.PASS),
        ((), {"status": [400], "error": {"/code": "other"}}, Verdict.FAIL),
        ((), {"status": [422]}, Verdict.FAIL),
        (("takes anything",), {}, Verdict.INCONCLUSIVE),
        (("takes anything",), {"status": [400]}, Verdict.FAIL),
        (("applies before it refuses",), {}, Verdict.FAIL),
        (("applies before it refuses",), {"same": ["/label"]}, Verdict.FAIL),
        (("applies before it refuses",), {"same": ["/note"]}, Verdict.PASS),
        (("refuses every change",), {"status": [400, 501]}, Verdict.INCONCLUSIVE),
    ],
    ids=str,
)
def test_a_body_that_must_be_refused(ways: tuple[str, ...], arguments: dict[str, Any], verdict: Verdict) -> None:
    result = run_check("refused-write-changes-nothing", profile(), "thing", Things(*ways), **BAD, **arguments)
    assert result.verdict is verdict, result.reason


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ((), Verdict.PASS), (("takes anything",), Verdict.FAIL), (("quota",), Verdict.INCONCLUSIVE),
    ],
    ids=str,
)  # fmt: skip
def test_a_create_that_must_be_refused(ways: tuple[str, ...], verdict: Verdict) -> None:
    asked = {"write": "create", "changes": {"kind": "bad"}, "status": [400, 422]}
    assert run_check("refused-write-changes-nothing", profile(), "thing", Things(*ways), **asked).verdict is verdict


def test_what_a_refused_create_made_is_known_by_any_fresh_text() -> None:
    """Even where the marker was what was wrong with it."""
    words = profile(example={"name": "{marker}", "kind": "{unique}", "word": "{unique}"})
    asked = {"write": "create", "changes": {"kind": "bad"}, "status": [400, 422]}
    assert run_check("refused-write-changes-nothing", words, "thing", Things(), **asked).verdict is Verdict.PASS
    assert run_check("refused-write-changes-nothing", words, "thing", Things("makes what it refuses"), **asked).verdict is Verdict.FAIL
    times = {**asked, "changes": {"kind": "bad", "word": "2026-01-01T00:00:00Z"}}
    foreign = Things()
    foreign._keep({"name": "Other", "word": "2026-01-01T00:00:00Z"}, 0.0)
    assert run_check("refused-write-changes-nothing", words, "thing", foreign, **times).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        (("knows ids",), Verdict.PASS), (("knows ids", "takes any id"), Verdict.FAIL), (("knows ids", "refuses but makes"), Verdict.FAIL),
        (("refuses ids",), Verdict.FAIL), (("quota",), Verdict.INCONCLUSIVE),
    ],
    ids=str,
)  # fmt: skip
def test_a_create_with_an_unknown_id(ways: tuple[str, ...], verdict: Verdict) -> None:
    result = run_check("unknown-id-on-create", profile(), "thing", Things(*ways), member="/id", value="{uuid}", status=[404])
    assert result.verdict is verdict, result.reason


def test_a_refused_body_that_is_added_all_the_same() -> None:
    things = Things()

    def adding(request: WireRequest, now: float) -> WireResponse:
        if b"unknown" in request.body:
            things.kept[request.target.rsplit("/", 1)[-1]]["unknown"] = True
        return things(request, now)

    assert run_check("refused-write-changes-nothing", profile(), "thing", adding, **BAD).verdict is Verdict.FAIL


def test_what_the_owner_named_is_written_to_where_that_is_disruptive() -> None:
    bindings = copy.deepcopy(BINDINGS)
    bindings["operations"]["updateThing"] = {"effect": "disruptive", "test_data": "victim", "body": {"kind": "quiet"}}
    bindings["test_data"] = {"victim": "The id of a thing that may be changed."}
    small = profile_of(DOCUMENT, bindings)
    asked: dict[str, Any] = {"write": "updateThing", "body": {"unknown": True}, "test_data": {"victim": "t2"}}
    for ways, verdict in (((), Verdict.PASS), (("applies before it refuses",), Verdict.FAIL)):
        server = Things(*ways, others=3)
        server.kept["t2"]["label"] = {"colour": "red"}
        assert run_check("refused-write-changes-nothing", small, "thing", server, **asked).verdict is verdict
        assert len(server.kept) == 3
        assert server.kept["t1"]["kind"] == server.kept["t3"]["kind"] == "foreign"
    without = run_check("refused-write-changes-nothing", small, "thing", Things(others=3), allow=("write",), **asked)
    assert without.verdict is Verdict.NOT_TESTED


PATCH = {"body": {"unknown": "{/name}"}, "status": [400], "error": {"/code": "invalid"}}


@pytest.mark.parametrize(
    ("ways", "arguments", "verdict"),
    [
        ((), PATCH, Verdict.PASS),
        ((), {"body": {"kind": "bad"}}, Verdict.PASS),
        (("takes anything",), {"body": {"kind": "bad"}}, Verdict.FAIL),
        (("applies before it refuses",), PATCH, Verdict.FAIL),
        (("refuses every change",), {"body": {"kind": "bad"}}, Verdict.INCONCLUSIVE),
        (("hides the note",), {**PATCH, "shown": ["/note"]}, Verdict.NOT_APPLICABLE),
    ],
    ids=str,
)
def test_a_partial_change_that_must_be_refused(ways: tuple[str, ...], arguments: dict[str, Any], verdict: Verdict) -> None:
    result = run_check("patch-refused", profile(), "thing", Things(*ways), **arguments)
    assert result.verdict is verdict, result.reason


UNIQUE = {"pointer": "/name", "status": [409], "error": {"/code": "unique"}}


@pytest.mark.parametrize("change", ["", "swap-case"])
@pytest.mark.parametrize(
    ("ways", "verdict"),
    [
        ((), Verdict.PASS), (("lower case names",), Verdict.PASS), (("no uniqueness",), Verdict.FAIL), (("conflict is 400",), Verdict.FAIL),
        (("wrong code",), Verdict.FAIL), (("quota",), Verdict.INCONCLUSIVE), (("forgets what it makes",), Verdict.INCONCLUSIVE),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_is_taken(change: str, ways: tuple[str, ...], verdict: Verdict) -> None:
    assert run_check("unique-conflict", profile(), "thing", Things(*ways), change=change, **UNIQUE).verdict is verdict


def test_a_value_that_is_taken_in_another_case_only() -> None:
    assert run_check("unique-conflict", profile(), "thing", Things("case counts"), **UNIQUE).verdict is Verdict.PASS
    assert run_check("unique-conflict", profile(), "thing", Things("case counts"), change="swap-case", **UNIQUE).verdict is Verdict.FAIL


def test_values_that_the_server_changes_are_found_where_they_are_read_back() -> None:
    plain = profile()
    reading = replace(plain, requirements=(requirement_of("read-after-create", "thing"),))
    assert run_check("unique-conflict", reading, "thing", Things("cuts texts"), **UNIQUE).verdict is Verdict.INCONCLUSIVE
    assert run_check("unique-conflict", plain, "thing", Things("cuts texts"), **UNIQUE).verdict is Verdict.FAIL
    assert run_check("unique-conflict", reading, "thing", Things("no uniqueness"), **UNIQUE).verdict is Verdict.FAIL


def test_a_full_server_is_no_conflict() -> None:
    things = Things()

    def full(request: WireRequest, now: float) -> WireResponse:
        return answer(409, {"code": "unique"}) if request.method == "POST" and things.kept else things(request, now)

    assert run_check("unique-conflict", profile(), "thing", full, **UNIQUE).verdict is Verdict.INCONCLUSIVE


def test_a_replace_of_nothing() -> None:
    assert run_check("replace-never-creates", profile(), "thing", Things()).verdict is Verdict.PASS
    assert run_check("replace-never-creates", profile(), "thing", Things("puts make")).verdict is Verdict.FAIL


PART: dict[str, Any] = {"members": {"odd": True}, "told": "@Info"}
NAMED = {"odd@Info": [{"id": "unknown"}]}


def in_part(seen: Callable[[WireResponse], WireResponse], *, does: bool = True, keeps: bool = False) -> Callable[..., WireResponse]:
    """Return a server that does the known part of a change (or nothing, or all of it) and answers as *seen* makes it."""
    things = Things()

    def handle(request: WireRequest, now: float) -> WireResponse:
        body = json.loads(request.body) if request.method == "PATCH" else {}
        if "odd" not in body:
            return things(request, now)
        known = body if keeps else {k: v for k, v in body.items() if k != "odd"}
        return seen(things(replace(request, body=json.dumps(known).encode()), now) if does else answer(400, {"code": "invalid"}))

    return handle


@pytest.mark.parametrize(
    ("server", "verdict"),
    [
        (in_part(lambda done: answer(200, NAMED)), Verdict.PASS),
        (in_part(lambda done: answer(200, {"@Info": [{"args": ["odd"]}]})), Verdict.PASS),
        (in_part(lambda done: answer(400, {"code": "invalid"}), does=False), Verdict.PASS),
        (in_part(lambda done: done), Verdict.FAIL),
        (in_part(lambda done: answer(204)), Verdict.FAIL),
        (in_part(lambda done: answer(207, NAMED)), Verdict.FAIL),
        (in_part(lambda done: answer(200, {"@Info": [], "odd": 1})), Verdict.FAIL),
        (in_part(lambda done: answer(400, {"code": "invalid"})), Verdict.FAIL),
        (in_part(lambda done: answer(202)), Verdict.INCONCLUSIVE),
        (in_part(lambda done: answer(204), does=False), Verdict.INCONCLUSIVE),
        (in_part(lambda done: done, keeps=True), Verdict.NOT_APPLICABLE),
    ],
)
def test_a_change_that_can_only_be_done_in_part(server: Callable[..., WireResponse], verdict: Verdict) -> None:
    result = run_check("patch-in-part", profile(), "thing", server, **PART)
    assert result.verdict is verdict, result.reason


def test_a_refusal_of_a_change_in_part_has_a_control() -> None:
    assert run_check("patch-in-part", profile(), "thing", Things("refuses every change"), **PART).verdict is Verdict.INCONCLUSIVE


def test_a_refusal_may_have_a_body_of_its_own_and_may_not_come_at_all() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["components"]["schemas"]["Invalid"] = {"properties": {"code": {"const": "invalid"}}}
    document["components"]["schemas"]["Other"] = {"properties": {"code": {"const": "other"}}}
    small = profile_of(document, BINDINGS)
    asked: dict[str, Any] = {**BAD, "status": [400], "if_refused": True}
    check = "refused-write-changes-nothing"
    assert run_check(check, small, "thing", Things(), **asked, schema="Invalid").verdict is Verdict.PASS
    assert run_check(check, small, "thing", Things(), **asked, schema="Other").verdict is Verdict.FAIL
    assert run_check(check, small, "thing", Things(), **{**asked, "status": [422]}).verdict is Verdict.FAIL
    assert run_check(check, small, "thing", Things("takes anything"), **asked).verdict is Verdict.NOT_APPLICABLE
    create = {**asked, "write": "create", "body": None, "changes": {"kind": "fine"}}
    assert run_check(check, small, "thing", Things(), **create).verdict is Verdict.NOT_APPLICABLE
    bindings = replace(small.bindings, error=replace(small.bindings.error, schema="Other"))
    formal = replace(small, requirements=(requirement_of("service-error-format"),), bindings=bindings)
    assert run_check(check, formal, "thing", Things(), **asked, schema="Other").verdict is Verdict.INCONCLUSIVE, "the format finds it"
