"""The checks of HTTP as a standard uses it, each against a small server that conforms, one with a fault, and permitted variants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import answer, authorised, profile_of, requirement_of, run_check

Change = Callable[[WireRequest, WireResponse], WireResponse]

THING = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
DOCUMENT = {
    "paths": {
        "/": {"get": {"operationId": "getRoot", "responses": {"200": {"content": {"application/json": {"schema": {"type": "object"}}}}}}},
        "/things": {
            "get": {"operationId": "listThings", "responses": {"200": {"content": {"application/json": {"schema": {"type": "array"}}}}}},
            "post": {
                "operationId": "createThing",
                "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": {"201": {"content": {"application/json": {"schema": THING}}}},
            },
        },
        "/things/{thing}": {
            "parameters": [{"name": "thing", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getThing", "responses": {"200": {"content": {"application/json": {"schema": THING}}}}},
            "delete": {"operationId": "deleteThing", "responses": {"204": {}}},
        },
    },
    "components": {"schemas": {"Error": {"type": "object", "required": ["error"]}}},
}
BINDINGS: dict[str, Any] = {
    "probe": "getRoot",
    "authentication": {"required": True, "anonymous": ["getRoot"]},
    "error": {"schema": "Error", "media": ["application/json"]},
    "operations": {"createThing": {"effect": "own"}, "deleteThing": {"effect": "own"}},
    "resources": {
        "thing": {
            "create": "createThing", "read": "getThing", "list": "listThings", "delete": "deleteThing", "parameter": "thing",
            "id": "/id", "items": "", "example": {"name": "{marker}"},
        }
    },
}  # fmt: skip


def profile(*requirements: Requirement) -> Profile:
    """Return the profile of the small server."""
    return profile_of(DOCUMENT, BINDINGS, *requirements)


class Server:
    """Conforms; `change` spoils or varies its answers."""

    def __init__(self, change: Change = lambda request, seen: seen) -> None:
        self.change, self.things = change, dict[str, dict[str, Any]]()

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        return self.change(request, self.conforming(request))

    def conforming(self, request: WireRequest) -> WireResponse:
        path, _, query = request.target.partition("?")
        if path != "/" and not authorised(request):
            return answer(401, {"error": "who?"}, www_authenticate='Basic realm="small"')
        if query.startswith("$"):
            return answer(501, {"error": "not offered"})
        allowed = {"/": "GET, HEAD", "/things": "GET, HEAD, POST"}.get(path, "GET, HEAD, DELETE")
        if request.method not in allowed.split(", "):
            return answer(405, {"error": "method"}, Allow=allowed)
        accept = dict(request.headers).get("accept", "*/*")
        if "json" not in accept and "*/*" not in accept:
            return answer(406, {"error": "media"})
        if request.method == "POST":
            if "json" not in dict(request.headers).get("content-type", ""):
                return answer(415, {"error": "media"})
            name = f"t{len(self.things)}"
            self.things[name] = {"id": name, "tag": '"1"'}
            return answer(201, self.things[name], Location=f"/things/{name}")
        if path == "/":
            return answer(200, {"things": "/things"}, OData_Version="4.0", Cache_Control="no-cache", Link="</schema>; rel=describedby")
        if path == "/things":
            return answer(200, list(self.things.values()))
        name = path.rpartition("/")[2]
        if name not in self.things:
            return answer(404, {"error": "no such thing"})
        if request.method == "DELETE":
            del self.things[name]
            return answer(204)
        return answer(200, self.things[name], ETag='"1"')


def when(method: str, part: str, seen: WireResponse) -> Change:
    """Answer *seen* to requests of *method* whose target holds *part*."""
    return lambda request, right: seen if request.method == method and part in request.target else right


def without(header: str) -> Change:
    """Leave a header out of every answer."""

    def change(request: WireRequest, seen: WireResponse) -> WireResponse:
        kept = tuple((k, v) for k, v in seen.headers if k.lower() != header)
        return WireResponse(status=seen.status, headers=kept, body=seen.body)

    return change


def verdict(name: str, on: str, change: Change = lambda request, seen: seen, /, **arguments: Any) -> str:
    """Run a check and return its verdict."""
    reads = [requirement_of("answers", o, family="answers") for o in ("getRoot", "listThings")]
    return run_check(name, profile(*reads), on, Server(change), **arguments).verdict.value


ODATA = {"header": "OData-Version", "value": "4.0"}


def test_a_header_with_its_value_passes_whatever_its_case() -> None:
    assert verdict("header-present", "getRoot", **ODATA) == "pass"
    assert verdict("header-present", "getRoot", header="link", contains="DescribedBy") == "pass"
    assert verdict("header-present", "getRoot", header="Content-Type", value="application/json") == "pass"


def test_parameters_of_a_media_type_are_not_compared() -> None:
    change = when("GET", "/", answer(200, {}, content_type="Application/JSON; charset=utf-8"))
    assert verdict("header-present", "getRoot", change, header="Content-Type", value="application/json") == "pass"


def test_several_headers_of_one_name_are_one_list() -> None:
    two = WireResponse(status=200, headers=(("link", "</a>; rel=next"), ("link", "</b>; rel=describedby")), body=b"{}")
    assert verdict("header-present", "getRoot", when("GET", "/", two), header="Link", contains="describedby") == "pass"


@pytest.mark.parametrize("change", [without("odata-version"), when("GET", "/", answer(200, {}, OData_Version="2.0"))])
def test_a_missing_or_wrong_header_fails(change: Change) -> None:
    assert verdict("header-present", "getRoot", change, **ODATA) == "fail"


def test_no_success_means_no_header_to_look_at() -> None:
    assert verdict("header-present", "getRoot", when("GET", "/", answer(302, None, Location="/x")), **ODATA) == "inconclusive"


QUOTED = {"header": "ETag", "pattern": r'(W/)?"[^"]*"', "optional": True}


@pytest.mark.parametrize(
    ("tag", "expected"), [('"1"', "pass"), ('W/"1"', "pass"), ("1", "fail"), ('""1""', "fail"), ('w/"1"', "fail"), ("", "fail")]
)
def test_a_header_has_a_form(tag: str, expected: str) -> None:
    seen = when("GET", "/things/", answer(200, {"id": "t0"}, ETag=tag))
    assert verdict("header-present", "getThing", seen, **QUOTED) == expected


def test_a_header_that_may_be_left_out() -> None:
    assert verdict("header-present", "getThing", without("etag"), **QUOTED) == "not-applicable"
    assert verdict("header-present", "getThing", without("etag"), **{**QUOTED, "optional": False}) == "fail"


TOLD = {"header": "Link", "value": "<{told}>; rel=all", "told": {"operation": "getRoot", "pointer": "/things"}}


def test_what_a_header_says_may_be_told_by_a_read() -> None:
    for link, expected in (("</things>; rel=all", "pass"), ("</other>; rel=all", "fail")):
        assert verdict("header-present", "listThings", when("GET", "/things", answer(200, [], Link=link)), **TOLD) == expected
    nowhere = {**TOLD, "told": {"operation": "getRoot", "pointer": "/nothing"}}
    assert verdict("header-present", "listThings", **nowhere) == "inconclusive"


def test_a_header_of_the_request_is_set_or_left_out_and_may_have_to_be_accepted() -> None:
    def picky(request: WireRequest, seen: WireResponse) -> WireResponse:
        accepts = dict(request.headers).get("accept")
        return answer(200, [], Says=accepts or "none") if accepts != "odd/one" and seen.status != 401 else answer(401, {"error": "no"})

    def asked(accept: str | None, **more: Any) -> str:
        return verdict("header-present", "listThings", picky, header="Says", headers={"Accept": accept}, **more)

    assert asked(None, value="none", must_accept=True) == "pass"
    assert asked("a/b", value="a/b") == "pass"
    assert asked("odd/one") != "fail"
    assert asked("odd/one", must_accept=True) == "fail"
    moved = when("GET", "/things", answer(307, None, Location="/x"))
    assert verdict("header-present", "listThings", moved, header="Says", must_accept=True) == "inconclusive"


TAG = {"pointer": "/tag"}


def test_entity_tags_agree_in_weak_and_strong_form() -> None:
    assert verdict("etag-agrees", "getThing", **TAG) == "pass"
    weak = when("GET", "/things/", answer(200, {"id": "t0", "tag": '"1"'}, ETag='W/"1"'))
    assert verdict("etag-agrees", "getThing", weak, **TAG) == "pass"


def test_another_entity_tag_in_the_body_fails() -> None:
    wrong = when("GET", "/things/", answer(200, {"id": "t0", "tag": '"2"'}, ETag='"1"'))
    assert verdict("etag-agrees", "getThing", wrong, **TAG) == "fail"


def test_a_missing_entity_tag_is_not_applicable_only_where_optional() -> None:
    bare = when("GET", "/things/", answer(200, {"id": "t0"}, ETag='"1"'))
    assert verdict("etag-agrees", "getThing", bare, optional=True, **TAG) == "not-applicable"
    assert verdict("etag-agrees", "getThing", bare, **TAG) == "fail"


def test_head_that_agrees_with_get_passes() -> None:
    assert verdict("head-agrees", "getRoot", optional=[405, 501]) == "pass"
    assert verdict("head-agrees", "getThing") == "pass"


def test_head_may_leave_headers_out() -> None:
    assert verdict("head-agrees", "getThing", when("HEAD", "/", answer(200))) == "pass"


@pytest.mark.parametrize("head", [answer(404), answer(200, None, content_type="text/html"), answer(200, None, ETag='"other"')])
def test_head_that_contradicts_get_fails(head: WireResponse) -> None:
    assert verdict("head-agrees", "getThing", when("HEAD", "/", head), optional=[405, 501]) == "fail"


def test_a_server_may_not_offer_head_where_the_standard_lets_it() -> None:
    refused = when("HEAD", "/", answer(405, None, Allow="GET"))
    assert verdict("head-agrees", "getRoot", refused, optional=[405, 501]) == "not-applicable"
    assert verdict("head-agrees", "getRoot", refused) == "fail"


def test_an_unknown_query_parameter_is_ignored() -> None:
    assert verdict("unknown-query-ignored", "getRoot") == "pass"


def test_a_refused_unknown_query_parameter_fails() -> None:
    assert verdict("unknown-query-ignored", "getRoot", when("GET", "?conformance", answer(400, {"error": "what?"}))) == "fail"


def test_an_answer_with_other_members_because_of_the_query_fails() -> None:
    assert verdict("unknown-query-ignored", "getRoot", when("GET", "?conformance", answer(200, {"warnings": []}))) == "fail"


def test_an_answer_that_differs_each_time_shows_nothing_about_the_query() -> None:
    seen = iter(range(9))
    moving: Change = lambda request, right: answer(200, {f"member-{next(seen)}": 1})  # noqa: E731
    assert verdict("unknown-query-ignored", "getRoot", moving) == "pass"


def test_a_redirect_shows_nothing_about_the_query() -> None:
    moved = when("GET", "?conformance", answer(307, None, Location="/"))
    assert verdict("unknown-query-ignored", "getRoot", moved) == "inconclusive"


DOLLAR = {"parameter": "$conformance", "statuses": [501]}


def test_an_unsupported_query_parameter_is_sent_with_its_dollar_and_refused() -> None:
    sent: list[WireRequest] = []
    found = run_check("unsupported-query-refused", profile(), "getRoot", Server(), requests=sent, **DOLLAR)
    assert found.verdict == "pass"
    assert sent[-1].target == "/?$conformance=1"


def test_an_unsupported_query_parameter_that_is_ignored_fails_once() -> None:
    ignored = when("GET", "$", answer(200, {}))
    assert verdict("unsupported-query-refused", "getRoot", ignored, **DOLLAR) == "fail"
    assert verdict("unsupported-query-refused", "getRoot", ignored, error=True, **DOLLAR) == "not-applicable"


def test_the_refusal_of_a_query_parameter_needs_the_error_format_only_where_asked() -> None:
    bare = when("GET", "$", answer(501, {"message": "no"}))
    assert verdict("unsupported-query-refused", "getRoot", bare, **DOLLAR) == "pass"
    assert verdict("unsupported-query-refused", "getRoot", bare, error=True, **DOLLAR) == "fail"
    assert verdict("unsupported-query-refused", "getRoot", error=True, **DOLLAR) == "pass"


def test_what_is_open_to_everyone_is_read_without_credentials() -> None:
    assert verdict("anonymous-allowed", "getRoot") == "pass"


def test_a_read_that_needs_credentials_is_not_open() -> None:
    assert verdict("anonymous-allowed", "listThings") == "fail"


def test_what_is_broken_with_credentials_too_is_inconclusive() -> None:
    assert verdict("anonymous-allowed", "getRoot", when("GET", "/", answer(404, {}))) == "inconclusive"


def test_a_challenge_that_names_a_scheme_passes() -> None:
    assert verdict("challenge", "") == "pass"


def test_a_missing_challenge_fails_unless_the_server_says_why() -> None:
    bare = without("www-authenticate")
    assert verdict("challenge", "", bare) == "fail"
    unless = {"operation": "getRoot", "pointer": "/things", "in": ["/things"]}
    assert verdict("challenge", "", bare, unless=unless) == "not-applicable"
    assert verdict("challenge", "", bare, unless={**unless, "in": ["hidden"]}) == "fail"


def test_a_server_without_401_owes_no_challenge() -> None:
    def forbidden(request: WireRequest, seen: WireResponse) -> WireResponse:
        return answer(403, {"error": "no"}) if seen.status == 401 else seen

    assert verdict("challenge", "", forbidden) == "not-applicable"


def test_media_types_that_cannot_be_served_or_read_are_refused() -> None:
    assert verdict("media-negotiation", "getRoot", accept="text/x-conformance", statuses=[406]) == "pass"
    assert verdict("media-negotiation", "createThing", content="text/x-conformance", statuses=[415]) == "pass"


def test_a_media_type_that_is_served_all_the_same_fails() -> None:
    lax = when("GET", "/", answer(200, {}))
    assert verdict("media-negotiation", "getRoot", lax, accept="text/x-conformance", statuses=[406]) == "fail"
    vague = when("POST", "/", answer(400, {"error": "no"}))
    assert verdict("media-negotiation", "createThing", vague, content="text/x-conformance", statuses=[415]) == "inconclusive"


def test_an_undeclared_method_is_refused_with_allow() -> None:
    assert verdict("unsupported-method", "getRoot", method="POST") == "pass"
    assert verdict("unsupported-method", "getRoot", method="POST", header="Allow", statuses=[405]) == "pass"


def test_a_refusal_without_allow_fails_only_where_allow_is_asked_for() -> None:
    bare = without("allow")
    assert verdict("unsupported-method", "getRoot", bare, method="POST") == "pass"
    assert verdict("unsupported-method", "getRoot", bare, method="POST", header="Allow", statuses=[405]) == "fail"


def test_501_is_a_refusal_that_needs_no_allow() -> None:
    other = when("POST", "/", answer(501, {"error": "no"}))
    assert verdict("unsupported-method", "getRoot", other, method="POST") == "pass"
    assert verdict("unsupported-method", "getRoot", other, method="POST", header="Allow", statuses=[405]) == "not-applicable"


@pytest.mark.parametrize("seen", [answer(200, {}), answer(404, {}), answer(500, {})])
def test_an_undeclared_method_that_is_taken_or_lost_fails(seen: WireResponse) -> None:
    assert verdict("unsupported-method", "getRoot", when("POST", "/", seen), method="POST") == "fail"


def test_an_undeclared_method_is_sent_only_with_consent() -> None:
    sent: list[WireRequest] = []
    found = run_check("unsupported-method", profile(), "getRoot", Server(), allow=(), requests=sent, method="POST")
    assert found.verdict == "not-tested"
    assert [r.method for r in sent] == ["GET"]


def test_a_changing_method_goes_only_to_what_the_run_made() -> None:
    assert verdict("unsupported-method", "listThings", method="DELETE") == "not-applicable"
    assert verdict("unsupported-method", "getThing", method="PUT") == "pass"
