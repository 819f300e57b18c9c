"""What is issued at one place and honoured at another, at addresses that only the server tells: right, and with each fault."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from conformance.profile import Profile
from conformance.run import Result
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import BASE, STARTED, answer, profile_of, requirement_of, run_check

_OBJECT = {"application/json": {"schema": {"type": "object"}}}
_FORM = {"content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}}
_SHOWN = {"shown": ["getAbout"], "pointer": "/places/0"}


def _operation(name: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "responses": {"200": {"content": _OBJECT}}, **more}


def profile() -> Profile:
    """A service that tells where tickets are issued and looked at."""
    document = {
        "paths": {
            "/about": {"get": _operation("getAbout")},
            "/issue": {"post": _operation("issue", requestBody=_FORM)},
            "/look": {"post": _operation("look", requestBody=_FORM)},
            "/end": {"post": _operation("end", requestBody=_FORM)},
            "/join": {"post": _operation("join", requestBody={"content": _OBJECT})},
            "/enter": {"get": _operation("enter")},
        },
        "components": {"schemas": {"Named": {"required": ["issuer"]}}},
    }
    operations: dict[str, Any] = {
        "getAbout": {"address": {"places": ["{base}/.well-known/about", "/about{base}"]}},
        "enter": {"address": {**_SHOWN, "pointer": "/enter"}, "query": {"who": "{unique}", "back": "https://back.invalid/{unique}"}},
        "join": {"effect": "lasting", "address": {**_SHOWN, "pointer": "/join"}, "body": {"name": "{unique}"}},
    }
    for name in ("issue", "look", "end"):
        operations[name] = {"effect": "own" if name == "end" else "read", "client": True, "body": {"ticket": "x"}}
        operations[name]["address"] = {**_SHOWN, "pointer": f"/{name}"}
    return profile_of(document, {"probe": "getAbout", "operations": operations})


class Office:
    """Issues tickets that live 20 seconds."""

    def __init__(self, *faults: str) -> None:
        self.faults, self.tickets, self.members = set(faults), dict[str, float](), {"me": "my secret"}

    def about(self) -> dict[str, Any]:
        found: dict[str, Any] = {"issuer": BASE, "keys": ["a", "b"]}
        found |= {name: f"{BASE}/somewhere/{name}" for name in ("issue", "look", "end", "join", "enter")}
        if "nowhere" in self.faults:
            del found["look"]
        if "elsewhere" in self.faults:
            found["look"] = "https://other.example/look"
        if "relative" in self.faults:
            found["look"] = "/somewhere/look"
        if "fragment" in self.faults:
            found["look"] += "#x"
        if "http" in self.faults:
            found["look"] = found["look"].replace("https", "http")
        if "slash" in self.faults:
            found["issuer"] += "/"
        if "twice" in self.faults:
            found["keys"] = ["a", "a"]
        return found | ({"issuer": "https://somebody.example"} if "issuer" in self.faults else {})

    def member(self, request: WireRequest) -> bool:
        field = header(request.headers, "authorization") or ""
        told = base64.b64decode(field.removeprefix("Basic ")).decode().replace("+", " ").partition(":")
        return told[2] == self.members.get(told[0], "?") or "anybody" in self.faults

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        path, _, query = request.target.partition("?")
        place = "/.well-known/about" if "well-known" in self.faults else "/about"
        if path == place:
            return answer(200, self.about())
        if path == "/somewhere/enter":
            back = parse_qs(query)["back"][0]
            return answer(302, None, location=f"{back}?error=no") if "redirect" in self.faults else answer(400, {})
        if path == "/somewhere/join":
            name = json.loads(request.body)["name"]
            self.members |= {} if "forgets" in self.faults else {name: "their secret"}
            return answer(200, {"client_id": name, "client_secret": "their secret"})
        if not path.startswith("/somewhere/"):
            return answer(404, {})
        if not self.member(request):
            return answer(403 if "forbidden" in self.faults else 401, {"error": "invalid_client"}, www_authenticate="Basic")
        form = dict(parse_qsl(request.body.decode()))
        ticket = form.get("ticket", "")
        if path.endswith("issue"):
            if "closed" in self.faults and ("scope" not in form or "any scope" in self.faults):
                return answer(400, {"error": "unauthorized_client"})
            if form.get("scope", "").startswith("odd") and "any scope" not in self.faults:
                return (
                    answer(200, {"access_token": "t", "scope": "usual"})
                    if "usual scope" in self.faults
                    else answer(400, {"error": "invalid_scope"})
                )
            self.tickets[f"ticket-{len(self.tickets)}"] = now + 20
            return answer(200, {"access_token": f"ticket-{len(self.tickets) - 1}", "expires_in": 20})
        if path.endswith("end"):
            if "endless" not in self.faults:
                self.tickets.pop(ticket, None)
            return answer(200, {})
        if "token" in form:
            return answer(500, {})
        if "picky" in self.faults and "odd" in form:
            return answer(401, {"error": "unsupported"})
        known = next((t for t in self.tickets if ticket == t or ("prefix" in self.faults and ticket.startswith(t))), "")
        good = bool(known) and (self.tickets[known] > now or "eternal" in self.faults)
        good = good and not ("hides" in self.faults and "odd" in form)
        good = (good and "never" not in self.faults) or "always" in self.faults
        return answer(200, {"active": good, **({"owner": "me"} if good or "tells" in self.faults else {})})


DATA = {"client_id": "me", "client_secret": "my secret"}
ISSUED: dict[str, Any] = {"issue": "issue", "member": "ticket"}
CASES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("issued-shown", "look", {**ISSUED, "expect": {"/active": True}}, ["never"]),
    ("issued-ends", "look", {**ISSUED, "by": "revocation", "revoke": "end"}, ["endless", "always"]),
    ("issued-ends", "look", {**ISSUED, "by": "alteration"}, ["prefix", "always"]),
    ("issued-ends", "look", {**ISSUED, "by": "expiry"}, ["eternal", "always"]),
    ("answer-says", "look", {"expect": {"/active": False}}, ["always"]),
    ("answer-says", "look", {"lacks": ["/owner"]}, ["tells"]),
    ("scope-limited", "issue", {"scope": "odd"}, ["any scope"]),
    ("registered-works", "join", {"issue": "issue"}, ["forgets"]),
    ("registered-works", "join", {"issue": "issue", "changes": {"scope": "odd"}}, ["forgets"]),
    ("request-accepted", "look", {"changes": {"odd": "x"}}, ["picky"]),
    ("request-refused", "issue", {"changes": {"scope": "odd"}, "status": [400], "error": {"/error": "invalid_scope"}, "alone": {"/error": "invalid_scope"}}, ["any scope"]),
    ("issuer-agrees", "getAbout", {"suffix": "/about"}, ["issuer"]),
    ("links-absolute", "getAbout", {"pointers": ["/issue", "/look", "/absent"]}, ["relative", "fragment", "http"]),
    ("values-differ", "getAbout", {"pointer": "/keys/*"}, ["twice"]),
    ("redirects-nowhere", "enter", {"parameter": "back"}, ["redirect"]),
    ("redirects-nowhere", "enter", {"parameter": "back", "query": {"who": "me"}}, ["redirect"]),
    ("found-in-place", "getAbout", {}, []),
    ("request-refused", "look", {"client": "wrong-secret", "status": [401], "tells": {"WWW-Authenticate": "^Basic"}}, ["anybody", "forbidden"]),
    ("request-refused", "look", {"client": "none", "status": [401], "error": {"/error": "invalid_client"}}, ["anybody", "forbidden"]),
    ("request-refused", "look", {"client": "unknown", "status": [401]}, ["anybody"]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "on", "arguments", "faults"), CASES)
def test_each_rule_is_green_where_it_holds_and_red_where_not(check: str, on: str, arguments: dict[str, Any], faults: list[str]) -> None:
    usual = [] if check == "issuer-agrees" else ["well-known"]
    right = run_check(check, profile(), on, Office(*usual).handle, test_data=DATA, **arguments)
    assert (right.verdict, right.reason) == (Verdict.PASS, "")
    for fault in faults:
        assert run_check(check, profile(), on, Office(*usual, fault).handle, test_data=DATA, **arguments).verdict is Verdict.FAIL, fault


@pytest.mark.parametrize(
    ("check", "on", "arguments", "habit"),
    [
        ("scope-limited", "issue", {"scope": "odd"}, "usual scope"),
        ("issuer-agrees", "getAbout", {"suffix": "/about"}, "slash"),
    ],
)
def test_permitted_habits_stay_green(check: str, on: str, arguments: dict[str, Any], habit: str) -> None:
    assert run_check(check, profile(), on, Office(habit).handle, test_data=DATA, **arguments).verdict is Verdict.PASS


def test_an_operation_is_asked_where_the_server_says_and_nowhere_else() -> None:
    for faults in ((), ("well-known",)):
        sent: list[WireRequest] = []
        arguments = {**ISSUED, "expect": {"/active": True}}
        assert (
            run_check("issued-shown", profile(), "look", Office(*faults).handle, test_data=DATA, requests=sent, **arguments).verdict
            is Verdict.PASS
        )
        assert {r.target for r in sent} - {"/.well-known/about", "/about"} == {"/somewhere/issue", "/somewhere/look"}


@pytest.mark.parametrize(
    ("fault", "verdict", "reason"),
    [
        ("nowhere", Verdict.NOT_APPLICABLE, "the server shows no /look"),
        ("elsewhere", Verdict.INCONCLUSIVE, "off-origin link: https://other.example/look"),
    ],
)
def test_an_address_that_is_missing_or_not_ours_is_not_asked(fault: str, verdict: Verdict, reason: str) -> None:
    sent: list[WireRequest] = []
    result = run_check("answer-says", profile(), "look", Office(fault).handle, test_data=DATA, requests=sent, expect={"/active": False})
    assert (result.verdict, result.reason) == (verdict, reason)
    assert {r.target for r in sent} == {"/.well-known/about", "/about"}


def test_without_anything_that_tells_the_address_nothing_is_asked() -> None:
    result = run_check("answer-says", profile(), "look", lambda request, now: answer(404, {}), test_data=DATA, expect={"/active": False})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.blocked_by == "getAbout"


def test_a_place_other_than_the_first_is_out_of_place() -> None:
    assert run_check("found-in-place", profile(), "getAbout", Office().handle).verdict is Verdict.FAIL


def test_what_is_refused_however_it_is_asked_is_found_by_answers() -> None:
    """A closed registration, for instance: what its answer holds cannot be looked at. What is refused only when asked otherwise is a finding."""
    looked = replace(profile(), requirements=(requirement_of("answers", "look", family="answers"),))

    def refusing(only: bytes) -> Any:
        office = Office()
        return lambda request, now: answer(400, {}) if request.method == "POST" and only in request.body else office.handle(request, now)

    def seen(made_of: Profile, only: bytes, **arguments: Any) -> Result:
        return run_check("answer-says", made_of, "look", refusing(only), test_data=DATA, expect={"/active": False}, **arguments)

    assert (seen(looked, b"").verdict, seen(looked, b"").blocked_by) == (Verdict.INCONCLUSIVE, "look")
    assert seen(looked, b"", changes={"hint": "odd"}).verdict is Verdict.INCONCLUSIVE
    assert seen(looked, b"odd", changes={"hint": "odd"}).verdict is Verdict.FAIL
    assert seen(profile(), b"").verdict is Verdict.FAIL, "nothing else looks at it"


def test_a_client_that_is_not_let_in_is_no_finding() -> None:
    data = {**DATA, "client_secret": "another secret"}
    result = run_check("answer-says", profile(), "look", Office().handle, test_data=data, expect={"/active": False})
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.startswith("credentials refused: POST ")
    assert result.reason.endswith(" answered 401 invalid_client")
    assert run_check("answer-says", profile(), "look", Office().handle, expect={}).reason == "needs test_data: client_secret"


def test_a_refusal_that_speaks_for_itself_needs_no_request_that_is_granted() -> None:
    arguments: dict[str, Any] = {
        "changes": {"scope": "odd"},
        "status": [400],
        "error": {"/error": ["invalid_scope", "unauthorized_client"]},
    }

    def verdict(*faults: str, **more: Any) -> Verdict:
        return run_check(
            "request-refused", profile(), "issue", Office("closed", *faults).handle, test_data=DATA, **arguments, **more
        ).verdict

    alone = {"/error": "invalid_scope"}
    assert verdict() is Verdict.INCONCLUSIVE
    assert verdict(alone=alone) is Verdict.PASS
    assert verdict("usual scope", alone=alone) is Verdict.FAIL
    assert verdict("any scope", alone=alone) is Verdict.INCONCLUSIVE  # unauthorized_client: it may be the secret that is wrong


def test_a_client_whose_wrong_secret_nobody_minds_need_not_be_known() -> None:
    arguments: dict[str, Any] = {"issue": "issue", "changes": {"scope": "odd"}}
    result = run_check("registered-works", profile(), "join", Office("forgets", "anybody").handle, test_data=DATA, **arguments)
    assert (result.verdict, result.reason.partition(",")[0]) == (
        Verdict.INCONCLUSIVE,
        "a wrong secret is not refused for the client's sake",
    )


def test_a_client_with_no_secret_of_ours_to_send_is_no_finding() -> None:
    def with_keys(request: WireRequest, now: float) -> WireResponse:
        seen = Office().handle(request, now)
        if not request.target.endswith("join"):
            return seen
        return answer(200, {**json.loads(seen.body), "token_endpoint_auth_method": "private_key_jwt"})

    result = run_check("registered-works", profile(), "join", with_keys, test_data=DATA, issue="issue")
    assert (result.verdict, result.reason) == (Verdict.INCONCLUSIVE, "the client was given no secret to send")


@pytest.mark.parametrize(
    ("theirs", "check", "arguments", "faults", "verdict"),
    [
        ("ticket-0", "issued-shown", {"expect": {"/active": True}}, [], Verdict.PASS),
        ("ticket-0", "issued-shown", {"expect": {"/active": True}}, ["never"], Verdict.INCONCLUSIVE),
        ("another", "issued-shown", {"expect": {"/active": True}}, [], Verdict.INCONCLUSIVE),
        ("ticket-0", "issued-shown", {"expect": {"/owner": "you"}, "if_shown": True}, [], Verdict.INCONCLUSIVE),
        ("ticket-0", "issued-shown", {"expect": {"/color": "red"}, "if_shown": True}, [], Verdict.PASS),
        ("ticket-0", "issued-shown", {"expect": {"/active": True}, "changes": {"odd": "x"}}, [], Verdict.PASS),
        ("ticket-0", "issued-shown", {"expect": {"/active": True}, "changes": {"odd": "x"}}, ["hides"], Verdict.FAIL),
        ("ticket-0", "issued-ends", {"by": "alteration"}, [], Verdict.PASS),
        ("ticket-0", "issued-ends", {"by": "alteration"}, ["prefix"], Verdict.FAIL),
        ("another", "issued-ends", {"by": "alteration"}, [], Verdict.INCONCLUSIVE),
    ],
)
def test_where_nothing_is_issued_to_us_that_of_the_test_data_stands_in(
    theirs: str, check: str, arguments: dict[str, Any], faults: list[str], verdict: Verdict
) -> None:
    office = Office("closed", *faults)
    office.tickets["ticket-0"] = STARTED + 1000
    data = {**DATA, "ticket": theirs}
    result = run_check(check, profile(), "look", office.handle, test_data=data, **ISSUED, instead="ticket", **arguments)
    assert result.verdict is verdict


def test_a_token_that_lives_too_long_is_not_waited_for() -> None:
    result = run_check("issued-ends", profile(), "look", Office().handle, test_data=DATA, **ISSUED, by="expiry", within=5)
    assert (result.verdict, result.reason) == (Verdict.NOT_TESTED, "needs tokens that live no longer than 5 s")


def test_the_answer_is_held_to_a_schema_of_its_own() -> None:
    assert run_check("answer-follows", profile(), "getAbout", Office().handle, schema="Named").verdict is Verdict.PASS
    assert run_check("answer-follows", profile(), "look", Office().handle, test_data=DATA, schema="Named").verdict is Verdict.FAIL
