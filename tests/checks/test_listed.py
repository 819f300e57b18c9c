"""A shop of apps, jobs that name an app, and zones that nobody creates: filters by what is shown, ids in bodies, headers that return."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from conformance.profile import Profile
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.checks.support import answer, profile_of, requirement_of, run_check

JSON = {"application/json": {"schema": {"type": "object"}}}
LIST = {"application/json": {"schema": {"type": "array"}}}


def collection(one: str, many: str) -> dict[str, Any]:
    return {
        "get": {"operationId": f"list{many}", "responses": {"200": {"content": LIST}}},
        "post": {"operationId": f"create{one}", "requestBody": {"content": JSON}, "responses": {"201": {"content": JSON}}},
    }


DOCUMENT = {
    "paths": {
        "/zones": {"get": {"operationId": "listZones", "responses": {"200": {"content": LIST}}}},
        "/apps": collection("App", "Apps"),
        "/apps/{appId}": {
            "parameters": [{"name": "appId", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getApp", "responses": {"200": {"content": JSON}}},
        },
        "/jobs": collection("Job", "Jobs"),
    }
}
BINDINGS = {
    "probe": "listZones",
    "operations": {"createApp": {"effect": "own"}, "createJob": {"effect": "own"}},
    "resources": {
        "zone": {"list": "listZones", "id": "/id", "items": ""},
        "app": {
            "create": "createApp", "read": "getApp", "list": "listApps", "parameter": "appId", "id": "/id", "items": "",
            "example": {"name": "{unique}", "version": "1"},
        },
        "job": {"create": "createJob", "list": "listJobs", "id": "/id", "items": "", "parameter": "jobId",
                "example": {"name": "{unique}", "app": "{id.app}", "zone": "{id.zone}"}},
    },
}  # fmt: skip
ZONES = [{"id": "z1", "region": "north", "status": "active"}, {"id": "z2", "region": "south"}, {"id": "z3", "region": "south"}]


class Shop:
    """Conforming, or with the faults that are named."""

    def __init__(self, *ways: str) -> None:
        self.ways = ways
        self.apps: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        seen = self.process(request)
        sent = header(request.headers, "x-trace")
        if sent is None or "no echo" in self.ways or ("no echo of errors" in self.ways and seen.status >= 400):
            return seen
        told = "other" if "another echo" in self.ways else sent
        return WireResponse(status=seen.status, headers=(*seen.headers, ("x-trace", told)), body=seen.body)

    def process(self, request: WireRequest) -> WireResponse:
        place = urlsplit(request.target)
        if place.path == "/zones":
            return self.zones(dict(parse_qsl(place.query)))
        if place.path.startswith("/apps/"):
            found = self.apps.get(place.path.removeprefix("/apps/"))
            if found is None:
                return answer(404)
            shown = {**found, "version": "2"} if "changes values" in self.ways else found
            return answer(200, {"manifest": shown} if "wrapped" in self.ways else shown)
        kept = self.apps if place.path == "/apps" else self.jobs
        if request.method == "GET":
            return answer(200, [{**one, "name": "x"} if "lists other names" in self.ways else one for one in kept.values()])
        try:
            body = json.loads(request.body)
        except ValueError:
            return answer(400, {})
        if place.path == "/jobs" and (body["app"] not in self.apps or body["zone"] not in [z["id"] for z in ZONES]):
            return answer(400, {})
        unique = ("name", "version") if kept is self.apps else ("name", "app")
        if "takes twins" not in self.ways and any(all(one[n] == body[n] for n in unique) for one in kept.values()):
            return answer(409, {})
        id = f"{place.path[1]}{len(kept) + 1}"
        kept[id] = {**body, "id": id}
        return answer(201, {"id": id})

    def zones(self, query: dict[str, str]) -> WireResponse:
        if query and "declines" in self.ways:
            return answer(404, {})
        if "ignores filters" in self.ways:
            query = {}
        found = [z for z in ZONES if all({"status": "unknown", **z}[k] == v for k, v in query.items())]
        return answer(200, found[:1] if query and "misses" in self.ways else found)


def profile() -> Profile:
    tested = [requirement_of("answers", operation, family="answers") for operation in ("listZones", "createApp")]
    return profile_of(DOCUMENT, BINDINGS, *tested)


BY_REGION = {"parameter": "region", "pointer": "/region"}
BY_STATUS = {"parameter": "status", "pointer": "/status", "default": "unknown"}


@pytest.mark.parametrize("arguments", [BY_REGION, BY_STATUS], ids=["region", "status"])
def test_a_filter_by_what_the_list_shows_passes(arguments: dict[str, Any]) -> None:
    assert run_check("listed-filter", profile(), "zone", Shop(), **arguments).verdict is Verdict.PASS


@pytest.mark.parametrize("arguments", [BY_REGION, BY_STATUS], ids=["region", "status"])
def test_a_filter_that_is_ignored_fails(arguments: dict[str, Any]) -> None:
    assert run_check("listed-filter", profile(), "zone", Shop("ignores filters"), **arguments).verdict is Verdict.FAIL


def test_a_filter_that_leaves_items_out_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.checks.test_listed.ZONES", [*ZONES[1:]])
    assert run_check("listed-filter", profile(), "zone", Shop("misses"), **BY_REGION).verdict is Verdict.FAIL


def test_a_filter_may_be_declined_or_have_nothing_to_ask_for() -> None:
    assert run_check("listed-filter", profile(), "zone", Shop("declines"), declined=[404], **BY_REGION).verdict is Verdict.NOT_APPLICABLE
    assert run_check("listed-filter", profile(), "zone", Shop("declines"), **BY_REGION).verdict is Verdict.FAIL
    assert run_check("listed-filter", profile(), "zone", Shop(), parameter="colour", pointer="/colour").verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(("fault", "verdict"), [("", "pass"), ("no echo", "fail"), ("another echo", "fail"), ("no echo of errors", "fail")])
def test_a_header_comes_back_in_answers_and_refusals(fault: str, verdict: str) -> None:
    assert run_check("header-echoed", profile(), "", Shop(fault), header="x-trace").verdict == verdict


def test_statuses_may_be_left_out_of_the_echo() -> None:
    assert run_check("header-echoed", profile(), "", Shop("no echo of errors"), header="x-trace", apart_from=[400]).verdict is Verdict.PASS


def test_an_id_in_a_body_is_that_of_something_made_or_listed() -> None:
    sent: list[WireRequest] = []
    shop = Shop()
    assert run_check("list-contains", profile(), "job", shop, requests=sent, same=["/name", "/app"]).verdict is Verdict.PASS
    [job] = shop.jobs.values()
    assert job["app"] in shop.apps
    assert job["zone"] == "z1"


def test_the_test_data_of_the_target_names_the_id() -> None:
    shop = Shop()
    shop.apps["theirs"] = {"id": "theirs", "name": "n", "version": "1"}
    assert run_check("list-contains", profile(), "job", shop, test_data={"app": "theirs", "zone": "z2"}).verdict is Verdict.PASS
    assert [(j["app"], j["zone"]) for j in shop.jobs.values()] == [("theirs", "z2")]


def test_a_list_must_show_what_was_sent() -> None:
    assert run_check("list-contains", profile(), "app", Shop("lists other names"), same=["/name"]).verdict is Verdict.FAIL
    assert run_check("list-contains", profile(), "app", Shop("lists other names")).verdict is Verdict.PASS


@pytest.mark.parametrize("ways", [(), ("wrapped",)], ids=str)
def test_what_is_read_may_be_inside_a_member(ways: tuple[str, ...]) -> None:
    assert run_check("read-after-create", profile(), "app", Shop(*ways), at=["/manifest"]).verdict is Verdict.PASS
    assert run_check("read-after-create", profile(), "app", Shop(*ways, "changes values"), at=["/manifest"]).verdict is Verdict.FAIL


def test_members_that_are_only_together_unique() -> None:
    together = {"pointer": "/name", "together": ["/app"]}
    assert run_check("unique-conflict", profile(), "job", Shop(), **together).verdict is Verdict.PASS
    assert run_check("unique-conflict", profile(), "job", Shop("takes twins"), **together).verdict is Verdict.FAIL


def test_values_that_some_item_must_have() -> None:
    shop = Shop()
    shop.apps = {n: {"id": n, "name": n.upper(), "version": "1"} for n in ("a", "b")}
    for values, pointers, expected in (
        (["A", "B"], ["/name"], "pass"), (["a", "B"], ["/id", "/name"], "pass"), (["A", "C"], ["/name"], "fail"), (["A"], ["/none"], "fail"),
    ):  # fmt: skip
        assert run_check("listed-values", profile(), "app", shop, values=values, pointers=pointers).verdict.value == expected
    assert run_check("listed-values", profile(), "app", Shop(), values=["A"], pointers=["/name"]).verdict is Verdict.FAIL


def test_values_of_a_list_that_cannot_be_read_to_its_end() -> None:
    shop = Shop()
    shop.apps = {"a": {"id": "a", "name": "A", "version": "1"}}

    def cut(request: WireRequest, now: float) -> WireResponse:
        seen = shop(request, now)
        return WireResponse(status=200, headers=(*seen.headers, ("link", '</apps?page=2>; rel="next"')), body=seen.body)

    assert run_check("listed-values", profile(), "app", cut, values=["B"], pointers=["/name"]).verdict is Verdict.INCONCLUSIVE
    assert run_check("listed-values", profile(), "app", cut, values=["B"], pointers=["/name"], next="Link").verdict is Verdict.INCONCLUSIVE
