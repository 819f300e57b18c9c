"""Writes that a server takes only with If-Match, and the error format asked of some statuses only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.profile import Profile
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import Handler, answer, authorised, profile_of, requirement_of, run_check

JSON = {"content": {"application/json": {"schema": {}}}}
PATHS = {
    "/things": {
        "get": {"operationId": "listThings", "responses": {"200": JSON}},
        "post": {"operationId": "createThing", "requestBody": JSON, "responses": {"201": JSON}},
    },
    "/things/{thing}": {
        "parameters": [{"name": "thing", "in": "path", "required": True, "schema": {"type": "string"}}],
        "get": {"operationId": "getThing", "responses": {"200": JSON}},
        "patch": {"operationId": "updateThing", "requestBody": JSON, "responses": {"200": JSON}},
        "delete": {"operationId": "deleteThing", "responses": {"204": {}}},
    },
}


def profile(*, if_match: bool = True) -> Profile:
    """Return the profile of the careful server; its core has nothing that could be provoked to an error."""
    bindings = {
        "probe": "listThings",
        "authentication": {"required": True},
        "error": {"schema": "Error", "media": ["application/json"]},
        "operations": {o: {"effect": "own"} for o in ("createThing", "updateThing", "deleteThing")},
        "resources": {
            "thing": {
                "create": "createThing", "read": "getThing", "list": "listThings", "update": "updateThing", "delete": "deleteThing",
                "parameter": "thing", "id": "/id", "items": "", "example": {"name": "{marker}"}, "changes": {"name": "{marker}"},
                "if_match": if_match,
            }
        },
    }  # fmt: skip
    schemas = {"Error": {"type": "object", "required": ["error"]}}
    answers = [requirement_of("answers", o, family="answers") for o in ("listThings", "getThing", "createThing", "updateThing")]
    return profile_of({"paths": PATHS, "components": {"schemas": schemas}}, bindings, *answers)


class Careful:
    """Insists on If-Match; `tag` is its entity tag, `errors` its error bodies by status."""

    def __init__(self, tag: str = '"5"', **errors: Any) -> None:
        self.tag, self.errors = tag, {int(k[1:]): v for k, v in errors.items()}
        self.there = False

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        if not authorised(request):
            return self.error(401)
        if request.body == b'{"':
            return self.error(400)
        if request.method == "POST":
            self.there = True
            return answer(201, {"id": "1"})
        if request.target == "/things":
            return answer(200, [])
        if request.target != "/things/1" or not self.there:
            return self.error(404)
        if request.method == "GET":
            return answer(200, {"id": "1"}, ETag=self.tag) if self.tag else answer(200, {"id": "1"})
        condition = dict(request.headers).get("if-match")
        if self.tag and condition is None:
            return self.error(428)
        if self.tag and condition != "*" and (condition != self.tag or self.tag.startswith("W/")):
            return self.error(412)
        self.there = request.method != "DELETE"
        return answer(200, {"id": "1"}) if self.there else answer(204)

    def error(self, status: int) -> WireResponse:
        return answer(status, self.errors.get(status, {"error": status}))


@pytest.mark.parametrize("tag", ['"5"', 'W/"5"', ""])
def test_a_write_carries_if_match_where_a_read_shows_a_tag(tag: str) -> None:
    sent: list[WireRequest] = []
    assert run_check("answer", profile(), "updateThing", Careful(tag), requests=sent).verdict == "pass"
    assert dict(sent[-1].headers).get("if-match") == {'"5"': '"5"', 'W/"5"': "*", "": None}[tag]


def test_a_delete_carries_if_match_too() -> None:
    assert run_check("delete-is-effective", profile(), "thing", Careful()).verdict == "pass"


def test_without_the_binding_no_if_match_is_sent() -> None:
    assert run_check("answer", profile(if_match=False), "updateThing", Careful()).verdict == "inconclusive"


def errors(server: Handler, **arguments: Any) -> str:
    """Run service-error-format."""
    return run_check("service-error-format", profile(), "", server, **arguments).verdict.value


def test_errors_in_the_format_pass() -> None:
    assert errors(Careful()) == "pass"


def test_only_the_statuses_asked_for_need_the_format() -> None:
    vague = {"s404": {"message": "gone"}}
    assert errors(Careful(**vague)) == "fail"
    assert errors(Careful(**vague), statuses=[400]) == "pass"
    assert errors(Careful(**vague), apart_from=[400]) == "fail"
    assert errors(Careful(s400={"message": "what?"}), apart_from=[400]) == "pass"
    assert errors(Careful(s400={"message": "what?"}), statuses=[400]) == "fail"


def test_an_error_without_a_body_passes_only_where_it_may() -> None:
    assert errors(Careful(s404=b""), may_be_empty=True) == "pass"
    assert errors(Careful(s404=b"")) == "fail"


def test_only_what_is_named_is_provoked() -> None:
    curt = {"s401": {"message": "who?"}}
    assert errors(Careful(**curt)) == "pass"
    for kind in ("no-credentials", "wrong-credentials"):
        assert errors(Careful(**curt), at={"listThings": [kind]}) == "fail"
        assert errors(Careful(s404=b"", s400=b""), at={"listThings": [kind]}) == "pass"
    assert errors(Careful(s404=b""), at={"getThing": ["unknown-id"]}) == "fail"
    assert errors(Careful(s404=b""), at={"createThing": ["not-json"], "listThings": ["no-credentials"]}) == "pass"
    assert errors(Careful(s400=b""), at={"createThing": ["not-json"], "listThings": ["no-credentials"]}) == "fail"


def test_what_is_served_to_everybody_is_no_error() -> None:
    assert errors(lambda request, now: answer(200, []), at={"listThings": ["no-credentials"]}) == "not-applicable"


def test_a_core_without_anything_protected_is_no_reason_not_to_look() -> None:
    whole = profile()
    elsewhere = tuple(replace(r, feature="core" if r.on == "listThings" else "things") for r in whole.requirements)
    open_list = replace(whole.bindings, authentication=replace(whole.bindings.authentication, anonymous=("listThings",)))
    narrow = replace(whole, requirements=elsewhere, bindings=open_list)
    assert run_check("service-authentication", narrow, "", Careful()).verdict == "pass"
    assert run_check("service-error-format", narrow, "", Careful(s404=b"")).verdict == "fail"
    assert run_check("challenge", narrow, "", Careful()).verdict == "fail"
