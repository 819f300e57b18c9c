"""What an answer says: on a server with two lists, one of which names things of the other."""

from __future__ import annotations

import copy
import json
from typing import Any

from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import Handler, answer, profile_of, run_check
from tests.checks.things import BINDINGS, DOCUMENT, Things, profile

JSON = {"content": {"application/json": {"schema": {}}}}
PROFILE = profile_of(
    {
        "paths": {
            "/kinds": {"get": {"operationId": "listKinds", "responses": {"200": JSON}}},
            "/names": {
                "get": {"operationId": "listNames", "responses": {"200": JSON}},
                "put": {"operationId": "setNames", "responses": {"200": JSON}},
            },
        },
        "components": {"schemas": {"Kind": {"type": "object", "required": ["name", "since"]}}},
    },
    {"probe": "listKinds", "operations": {"setNames": {"effect": "own"}}, "resources": {"kind": {"read": "listKinds"}}},
)


class Lists:
    """Shows kinds whose names are among the names; `how` spoils or varies it."""

    def __init__(self, **how: Any) -> None:
        self.how, self.reads = how, 0

    def __call__(self, request: WireRequest, now: float) -> WireResponse:
        self.reads += 1
        path, _, query = request.target.partition("?")
        if request.method == "PUT":
            return answer(self.how.get("put", 501))
        if path == "/names":
            return answer(200, self.how.get("names", {"names": ["a", "b", "c"]}))
        kinds: list[Any] = [{"name": "a", "since": 1}, {"name": "b", "since": 2}]
        if query:
            return answer(self.how.get("queried", 200), {"kinds": self.how.get("kinds", kinds[::-1])})
        return answer(200, {"kinds": kinds, "reads": self.reads} | ({"kinds": self.how["plain"]} if "plain" in self.how else {}))


def verdict(name: str, on: str, server: Lists, **arguments: Any) -> str:
    """Run a check on the lists."""
    return run_check(name, PROFILE, on, server, **arguments).verdict.value


SORTED: dict[str, Any] = {"query": {"sort": "name"}, "pointer": "/kinds"}


def test_the_same_answer_passes_and_the_order_counts_unless_said() -> None:
    assert verdict("same-answer", "listKinds", Lists(), any_order=True, **SORTED) == "pass"
    assert verdict("same-answer", "listKinds", Lists(), **SORTED) == "fail"


def test_an_answer_with_less_more_or_a_refusal_is_not_the_same() -> None:
    for how in (
        {"kinds": [{"name": "a", "since": 1}]},
        {"kinds": [{"name": c, "since": i} for i, c in enumerate("abc", 1)]},
        {"queried": 400},
    ):
        assert verdict("same-answer", "listKinds", Lists(**how), any_order=True, **SORTED) == "fail"


def test_an_answer_that_changes_by_itself_proves_nothing() -> None:
    assert verdict("same-answer", "listKinds", Lists(), query={"sort": "name"}, pointer="/reads") == "inconclusive"


def test_an_answer_that_must_not_change_by_itself_is_asked_for_again_and_again() -> None:
    assert verdict("same-answer", "listKinds", Lists(), query={}, pointer="/kinds") == "pass"
    for any_order in (False, True):
        assert verdict("same-answer", "listKinds", Lists(), query={}, pointer="/reads", any_order=any_order) == "fail"


MATCH = {"pointer": "/kinds/*", "schema": "Kind"}


def test_every_part_matches_the_stricter_schema() -> None:
    assert verdict("answer-matches", "kind", Lists(), **MATCH) == "pass"
    assert verdict("answer-matches", "kind", Lists(plain=[{"name": "a"}]), **MATCH) == "fail"
    assert verdict("answer-matches", "kind", Lists(plain=[]), **MATCH) == "fail"


def test_an_empty_list_that_may_be_404_must_be_there_with_something_in_it() -> None:
    bindings = copy.deepcopy(BINDINGS)
    bindings["operations"]["listThings"] = {"permitted": [404]}
    permitted = profile_of(DOCUMENT, bindings)
    assert run_check("answers", permitted, "listThings", Things("404 for an empty list")).verdict.value == "pass"
    assert run_check("answers", permitted, "listThings", Things("404 for an empty list"), allow=()).verdict.value == "pass"
    things = Things()

    def absent(request: WireRequest, now: float) -> WireResponse:
        return answer(404) if request.method == "GET" and request.target == "/things" else things(request, now)

    assert run_check("answers", permitted, "listThings", absent).verdict.value == "fail"


INCLUDED: dict[str, Any] = {
    "values": {"operation": "listKinds", "pointers": ["/kinds/*/name"]},
    "among": {"operation": "listNames", "pointer": "/names/*"},
}


def test_values_named_in_one_place_are_found_in_the_other() -> None:
    assert verdict("values-included", "", Lists(), **INCLUDED) == "pass"
    assert verdict("values-included", "", Lists(names={"names": ["a"]}), **INCLUDED) == "fail"
    assert verdict("values-included", "", Lists(names={"names": ["a"], "total": 3}), **INCLUDED) == "inconclusive"


def test_an_operation_that_is_not_offered_says_so() -> None:
    assert verdict("unsupported-operation", "setNames", Lists(), status=[501]) == "pass"
    assert verdict("unsupported-operation", "setNames", Lists(put=404), status=[501]) == "fail"
    assert verdict("unsupported-operation", "setNames", Lists(put=200), status=[501]) == "fail"


def test_an_empty_list_is_looked_at_with_something_in_it() -> None:
    """What its items are like shows only then; where nothing may be made it stays as it is."""
    document = copy.deepcopy(DOCUMENT)
    items = {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}}
    document["paths"]["/things"]["get"]["responses"]["200"]["content"] = {
        "application/json": {"schema": {"type": "object", "properties": {"items": items}}}
    }
    bound = copy.deepcopy(BINDINGS)
    other = profile_of(document, bound)
    assert run_check("answer", other, "listThings", Things()).verdict is Verdict.FAIL
    assert run_check("answer", other, "listThings", Things(), allow=()).verdict is Verdict.PASS
    assert run_check("answer", profile(), "listThings", Things()).verdict is Verdict.PASS
    assert run_check("answer", profile(), "listThings", Things("forgets what it makes")).verdict is Verdict.PASS


def test_a_refused_example_names_the_test_data_that_change_it() -> None:
    found = run_check("answers", profile(), "createThing", lambda request, at: answer(400 if request.method == "POST" else 200, {}))
    assert found.reason == "needs test_data thing_example: POST /things refused our example with 400"


def test_a_list_in_groups_shows_nothing_where_there_is_no_group() -> None:
    """Then it is looked at with something in it; items are those of all groups."""
    document, bound = copy.deepcopy(DOCUMENT), copy.deepcopy(BINDINGS)
    bound["resources"]["thing"]["items"] = "/*/things"
    grouped = {"type": "array", "items": {"type": "object", "required": ["place", "things"]}}
    document["paths"]["/things"]["get"]["responses"]["200"]["content"] = {"application/json": {"schema": grouped}}
    other = profile_of(document, bound)
    assert run_check("answer", other, "listThings", _in_groups(Things(), "place")).verdict is Verdict.PASS
    assert run_check("answer", other, "listThings", _in_groups(Things(), "site")).verdict is Verdict.FAIL
    assert run_check("answer", other, "listThings", _in_groups(Things(), "site"), allow=()).verdict is Verdict.PASS
    assert run_check("list-contains", other, "thing", _in_groups(Things(others=2), "place")).verdict is Verdict.PASS


def _in_groups(server: Things, name: str) -> Handler:
    """Return *server* with its list in groups of one thing each, told apart by a member *name*."""

    def handle(request: WireRequest, now: float) -> WireResponse:
        seen = server(request, now)
        if request.method != "GET" or request.target.partition("?")[0] != "/things":
            return seen
        return answer(200, [{name: str(n), "things": [one]} for n, one in enumerate(json.loads(seen.body).get("items", []))])

    return handle
