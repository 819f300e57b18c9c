"""Links that a server gives: followed, and found to lead to what they speak of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conformance.profile import Profile
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import BASE, answer, profile_of, run_check

JSON = {"content": {"application/json": {"schema": {"type": "object"}}}}
DOCUMENT = {
    "paths": {
        "/": {"get": {"operationId": "getRoot", "responses": {"200": JSON}}},
        "/things": {
            "get": {"operationId": "listThings", "responses": {"200": JSON}},
            "post": {"operationId": "createThing", "requestBody": JSON, "responses": {"201": JSON}},
        },
        "/things/{thing}": {
            "parameters": [{"name": "thing", "in": "path", "required": True, "schema": {"type": "string"}}],
            "get": {"operationId": "getThing", "responses": {"200": JSON}},
            "delete": {"operationId": "deleteThing", "responses": {"204": {}}},
        },
    }
}


def profile(**thing: Any) -> Profile:
    """Return a profile whose things are known by `@id`, or as *thing* says."""
    return profile_of(
        DOCUMENT,
        {
            "probe": "getRoot",
            "operations": {"createThing": {"effect": "own"}, "deleteThing": {"effect": "own"}},
            "resources": {
                "thing": {
                    "create": "createThing", "read": "getThing", "list": "listThings", "delete": "deleteThing", "parameter": "thing",
                    "items": "/members", "link": "/@id", "example": {"name": "{marker}"}, "marker": "/name", **thing,
                }
            },
        },
    )  # fmt: skip


class Shop:
    """Lists two things by their links; what is created gets a Location."""

    def __init__(self, **spoiled: Any) -> None:
        self.spoiled = spoiled
        self.things: dict[str, Any] = {f"/things/{n}": {"@id": f"/things/{n}", "name": f"thing {n}"} for n in ("a", "b")}
        self.lists = 0

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        if request.method == "POST":
            return self.made(request)
        if request.target == "/":
            return answer(200, {"things": {"@id": "/things"}, "links": {"other": {"@id": "/things/a#part"}}, "version": "1"})
        if request.target == "/things":
            self.lists += 1
            gone = self.spoiled.get("vanishing") and self.lists > 1
            shown = [{"@id": link} for link in self.things] + ([] if gone else [{"@id": link} for link in self.spoiled.get("dead", ())])
            return answer(200, {"members": shown})
        if request.target in self.spoiled.get("refused", ()):
            return answer(403)
        return answer(200, self.things[request.target]) if request.target in self.things else answer(404)

    def made(self, request: WireRequest) -> WireResponse:
        link = f"/things/n{len(self.things)}"
        self.things[link] = {**json.loads(request.body), "@id": link}
        headers = {"Location": self.spoiled.get("location", link)}
        if headers["Location"] is None:
            headers = {}
        body = self.spoiled.get("body", self.things[link])
        return answer(self.spoiled.get("status", 201), body, **headers)


MEMBERS = {"pointers": ["/members/*/@id"]}


def links(server: Shop, on: str = "listThings", **arguments: Any) -> str:
    """Run links-resolve."""
    return run_check("links-resolve", profile(), on, server, **(arguments or MEMBERS)).verdict.value


def test_links_that_lead_to_resources_pass() -> None:
    assert links(Shop()) == "pass"


def test_links_at_several_places_are_followed_once_and_without_fragment() -> None:
    sent: list[WireRequest] = []
    pointers = ["/*/@id", "/links/*/@id", "/things/@id"]
    assert run_check("links-resolve", profile(), "getRoot", Shop(), requests=sent, pointers=pointers).verdict == "pass"
    assert [r.target for r in sent] == ["/", "/things", "/things/a"]


def test_a_dead_link_fails() -> None:
    assert links(Shop(dead=["/things/nowhere"])) == "fail"


def test_a_link_that_goes_away_meanwhile_is_no_dead_link() -> None:
    assert links(Shop(dead=["/things/nowhere"], vanishing=True)) == "pass"


def test_a_link_that_is_forbidden_is_no_dead_link() -> None:
    assert links(Shop(refused=["/things/a"])) == "pass"


def test_a_link_to_another_origin_is_not_followed_and_hides_no_dead_one() -> None:
    assert links(Shop(dead=["https://elsewhere.example/x"])) == "inconclusive"
    assert links(Shop(dead=["https://elsewhere.example/x", "/things/nowhere"])) == "fail"


def test_nothing_to_follow_is_not_applicable() -> None:
    assert links(Shop(), pointers=["/nothing/*/@id"]) == "not-applicable"


def location(server: Shop, made_of: Profile | None = None, **arguments: Any) -> str:
    """Run location-resolves."""
    return run_check("location-resolves", made_of or profile(), "thing", server, **arguments).verdict.value


@pytest.mark.parametrize("body", [None, {"message": "done"}])
def test_location_that_leads_to_what_was_created_passes_with_and_without_a_representation(body: Any) -> None:
    assert location(Shop()) == "pass"
    assert location(Shop(body=body)) == "pass"


def test_an_absolute_location_passes() -> None:
    shop = Shop(location=f"{BASE}/things/n2")
    assert location(shop) == "pass"


@pytest.mark.parametrize(
    "spoiled", [{"location": None}, {"location": "/things/nowhere"}, {"location": "/things/a"}, {"location": "/things/a", "body": None}]
)
def test_location_that_is_missing_or_leads_nowhere_or_elsewhere_fails(spoiled: dict[str, Any]) -> None:
    assert location(Shop(**spoiled)) == "fail"


def test_location_of_what_is_created_later_is_inconclusive() -> None:
    assert location(Shop(status=202)) == "inconclusive"


def test_the_uri_in_the_body_must_lead_there_too() -> None:
    by_id = profile(link="", id="/@id")
    assert location(Shop(body={"@id": "/things/n2", "meta": {"at": "/things/n2"}}), by_id, pointer="/meta/at") == "pass"
    assert location(Shop(body={"@id": "/things/n2", "meta": {"at": "/things/nowhere"}}), by_id, pointer="/meta/at") == "fail"
