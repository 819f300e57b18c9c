"""Replace, partial change, server-owned members, updates through the create: green where permitted, red on each fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import requirement_of, run_check
from tests.checks.things import Things, profile


@pytest.mark.parametrize("ways", [(), ("204 for writes",), ("replace merges",), ("no tags",)], ids=str)
def test_a_replace_that_replaces_passes(ways: tuple[str, ...]) -> None:
    assert run_check("replace-replaces", profile(), "thing", Things(*ways)).verdict is Verdict.PASS


def test_a_replace_that_does_nothing_fails() -> None:
    assert run_check("replace-replaces", profile(), "thing", Things("writes nothing")).verdict is Verdict.FAIL


def test_what_a_replace_leaves_out_is_judged_only_where_the_standard_says() -> None:
    asked: dict[str, Any] = {"omit": ["/note"], "omitted": "cleared"}
    assert run_check("replace-replaces", profile(), "thing", Things(), **asked).verdict is Verdict.PASS
    assert run_check("replace-replaces", profile(), "thing", Things("replace merges"), **asked).verdict is Verdict.FAIL
    assert run_check("replace-replaces", profile(), "thing", Things("replace merges"), omit=["/note"]).verdict is Verdict.PASS


def test_members_that_the_server_does_not_show_are_not_compared() -> None:
    changing = profile(changes={"note": "{unique}"})
    assert run_check("replace-replaces", changing, "thing", Things("hides the note")).verdict is Verdict.FAIL
    assert run_check("replace-replaces", changing, "thing", Things("hides the note"), shown=["/note"]).verdict is Verdict.INCONCLUSIVE


LABEL = {"body": {"label": {"colour": "{unique}"}}, "takes": {"/label/colour": "/label/colour"}}


def test_an_acceptance_that_is_taken_back_in_part_is_no_finding() -> None:
    silent, telling = Things("writes nothing"), Things("writes nothing")

    def tells(request: WireRequest, now: float) -> WireResponse:
        seen = telling(request, now)
        return replace(seen, body=b'{"@Info": ["not now"]}') if request.method == "PATCH" else seen

    assert run_check("patch-applies", profile(), "thing", silent, in_part="@Info").verdict is Verdict.FAIL
    assert run_check("patch-applies", profile(), "thing", tells, in_part="@Info").verdict is Verdict.INCONCLUSIVE
    assert run_check("patch-applies", profile(), "thing", Things(), in_part="@Info").verdict is Verdict.PASS


@pytest.mark.parametrize("ways", [(), ("204 for writes",), ("no tags",)], ids=str)
def test_a_partial_change_that_applies_passes(ways: tuple[str, ...]) -> None:
    assert run_check("patch-applies", profile(), "thing", Things(*ways)).verdict is Verdict.PASS
    assert run_check("patch-applies", profile(), "thing", Things(*ways), **LABEL, shown=["/label"]).verdict is Verdict.PASS
    clearing = {"members": {"nick": "{unique}"}, "body": {"nick": None}, "takes": {}, "clears": ["/nick"], "shown": ["/nick"]}
    assert run_check("patch-applies", profile(), "thing", Things(*ways), **clearing).verdict is Verdict.PASS


@pytest.mark.parametrize("fault", ["writes nothing", "patch replaces"])
def test_a_partial_change_without_effect_or_with_too_much_fails(fault: str) -> None:
    assert run_check("patch-applies", profile(), "thing", Things(fault)).verdict is Verdict.FAIL


def test_clearing_that_clears_nothing_fails() -> None:
    clearing = {"body": {"note": None}, "takes": {}, "clears": ["/note"]}
    assert run_check("patch-applies", profile(), "thing", Things("writes nothing"), **clearing).verdict is Verdict.FAIL


def test_a_refused_change_is_a_finding_only_where_acceptance_is_demanded() -> None:
    assert run_check("patch-applies", profile(), "thing", Things("refuses labels"), **LABEL).verdict is Verdict.INCONCLUSIVE
    assert run_check("patch-applies", profile(), "thing", Things("refuses labels"), **LABEL, must_accept=True).verdict is Verdict.FAIL
    assert (
        run_check("patch-applies", profile(), "thing", Things("refuses every change"), **LABEL, must_accept=True).verdict
        is Verdict.INCONCLUSIVE
    )


def test_a_status_that_is_demanded() -> None:
    assert run_check("patch-applies", profile(), "thing", Things(), status=[200]).verdict is Verdict.PASS
    assert run_check("patch-applies", profile(), "thing", Things("204 for writes"), status=[200]).verdict is Verdict.FAIL


def test_a_change_that_names_another_resource() -> None:
    linking = {"uses": "thing", "body": {"friends": [{"value": "{thing}"}]}, "takes": {"/friends/*/value": "/friends/0/value"}}
    assert run_check("patch-applies", profile(), "thing", Things(), **linking).verdict is Verdict.PASS
    assert run_check("patch-applies", profile(), "thing", Things("writes nothing"), **linking).verdict is Verdict.FAIL


def test_what_the_server_does_not_show_cannot_be_changed_visibly() -> None:
    hidden = {"body": {"note": "{unique}"}, "takes": {"/note": "/note"}, "shown": ["/note"]}
    assert run_check("patch-applies", profile(), "thing", Things("hides the note"), **hidden).verdict is Verdict.NOT_APPLICABLE


CREATED = {"members": {"created": "1999-01-01T00:00:00Z"}, "pointers": ["/created"]}


@pytest.mark.parametrize("role", ["create", "replace", "update"])
def test_members_of_the_server(role: str) -> None:
    assert run_check("read-only-ignored", profile(), "thing", Things(), role=role, **CREATED).verdict is Verdict.PASS
    assert (
        run_check("read-only-ignored", profile(), "thing", Things("takes the client's created"), role=role, **CREATED).verdict
        is Verdict.FAIL
    )


def test_refusing_members_of_the_server() -> None:
    own_id = {"members": {"id": "{unique}"}, "pointers": ["/id"]}
    assert run_check("read-only-ignored", profile(), "thing", Things("refuses ids"), **own_id).verdict is Verdict.FAIL
    assert run_check("read-only-ignored", profile(), "thing", Things("refuses ids"), **own_id, refusal="accepted").verdict is Verdict.PASS
    assert (
        run_check("read-only-ignored", profile(), "thing", Things("refuses server members"), role="replace", **CREATED).verdict
        is Verdict.FAIL
    )
    assert run_check("read-only-ignored", profile(), "thing", Things("quota"), **own_id, refusal="accepted").verdict is Verdict.INCONCLUSIVE


OTHERWISE = {"members": {"kind": "odd"}, "changes": {"label": {"colour": "{unique}"}}}


@pytest.mark.parametrize(
    ("ways", "arguments", "verdict"),
    [
        (("knows ids",), {}, Verdict.PASS),
        (("knows ids", "moves what changes"), {"new_id": True}, Verdict.PASS),
        (("knows ids", "moves what changes"), {}, Verdict.FAIL),
        (("knows ids", "moves what changes", "keeps the old one"), {"new_id": True}, Verdict.FAIL),
        (("knows ids", "makes another", "no uniqueness"), {}, Verdict.FAIL),
        (("no uniqueness",), {"new_id": True}, Verdict.FAIL),
        (("knows ids",), OTHERWISE, Verdict.PASS),
        (("knows ids", "moves what changes"), {**OTHERWISE, "new_id": True}, Verdict.PASS),
        (("knows ids", "lower case names"), {"changes": {"name": "Another {unique}"}}, Verdict.FAIL),
        (("knows ids", "lower case names"), {"changes": {"name": "Another {unique}"}, "ignore": ["/name"]}, Verdict.PASS),
        (("no uniqueness",), OTHERWISE, Verdict.FAIL),
    ],
    ids=str,
)
def test_a_create_with_a_known_id_changes_what_is_there(ways: tuple[str, ...], arguments: dict[str, Any], verdict: Verdict) -> None:
    result = run_check("update-in-place", profile(), "thing", Things(*ways), member="/id", **arguments)
    assert result.verdict is verdict, result.reason


def test_what_is_read_after_a_create() -> None:
    asked = {"changes": {"label": {"colour": "{marker}"}}, "same": ["/label", "/kind"]}
    assert run_check("read-after-create", profile(), "thing", Things()).verdict is Verdict.PASS
    assert run_check("read-after-create", profile(), "thing", Things("lower case names"), **asked).verdict is Verdict.PASS
    assert run_check("read-after-create", profile(), "thing", Things("lower case names")).verdict is Verdict.FAIL
    assert run_check("read-after-create", profile(), "thing", Things("hides the note"), same=["/note"]).verdict is Verdict.FAIL


def test_where_a_server_may_alter_what_it_is_sent_its_answer_counts() -> None:
    """What the answer to the create shows is what a read must show; what it left out was ignored, and what it does not show cannot be told."""

    def otherwise(change: Callable[[dict[str, Any]], Any], method: str) -> Callable[[WireRequest, float], WireResponse]:
        things = Things("lower case names")

        def server(request: WireRequest, now: float) -> WireResponse:
            seen = things(request, now)
            return replace(seen, body=json.dumps(change(json.loads(seen.body))).encode()) if request.method == method else seen

        return server

    def seen(server: Any) -> Verdict:
        return run_check("read-after-create", profile(), "thing", server, altered=True).verdict

    assert seen(Things()) is seen(Things("lower case names")) is seen(Things("hides the note")) is Verdict.PASS
    assert seen(otherwise(lambda body: {"id": body["id"]}, "POST")) is Verdict.PASS
    assert seen(otherwise(lambda body: {**body, "name": "another"}, "GET")) is Verdict.FAIL
    assert seen(otherwise(lambda body: {k: v for k, v in body.items() if k != "name"}, "GET")) is Verdict.FAIL


def test_what_is_created_is_listed() -> None:
    pages = {"count": "limit", "start": "offset", "first": 0, "total": "/total"}
    stuck = run_check("list-contains", profile(), "thing", Things("small pages", "ignores the position", others=9), **pages)
    assert (stuck.verdict, "page 2 shows the items of the page before again" in stuck.reason) == (Verdict.INCONCLUSIVE, True)
    assert run_check("list-contains", profile(), "thing", Things(others=3)).verdict is Verdict.PASS
    assert run_check("list-contains", profile(within=5), "thing", Things("late lists")).verdict is Verdict.PASS
    assert run_check("list-contains", profile(), "thing", Things("late lists")).verdict is Verdict.FAIL
    assert run_check("list-contains", profile(), "thing", Things("small pages", others=9)).verdict is Verdict.INCONCLUSIVE
    assert run_check("list-contains", profile(), "thing", Things("small pages", others=9), **pages).verdict is Verdict.PASS


def test_an_empty_list_is_no_page_of_more() -> None:
    pages = {"next": "/next"}
    assert run_check("list-contains", profile(), "thing", Things("lists nothing"), **pages).verdict is Verdict.FAIL
    assert run_check("list-contains", profile(), "thing", Things("lists nothing")).verdict is Verdict.FAIL
    assert run_check("list-contains", profile(), "thing", Things("small pages", others=9), **pages).verdict is Verdict.PASS


def test_a_listed_value_that_a_read_shows_as_well_is_found_there() -> None:
    reading = replace(profile(), requirements=(requirement_of("read-after-create", "thing"),))
    assert run_check("list-contains", reading, "thing", Things("cuts texts"), same=["/kind"]).verdict is Verdict.INCONCLUSIVE
    assert run_check("list-contains", profile(), "thing", Things("cuts texts"), same=["/kind"]).verdict is Verdict.FAIL


def test_a_merge_leaves_alone_what_it_does_not_name() -> None:
    """At any depth: a member beside the one that is changed keeps its value."""
    nested = profile(example={"name": "{marker}", "label": {"colour": "red", "size": "big"}}, changes={"label": {"colour": "{unique}"}})
    assert run_check("patch-applies", nested, "thing", Things()).verdict is Verdict.PASS
    things = Things()

    def shallow(request: WireRequest, now: float) -> WireResponse:
        answered = things(request, now)
        if request.method == "PATCH":
            things.kept[request.target.split("/")[2]]["label"].pop("size")
        return answered

    assert run_check("patch-applies", nested, "thing", shallow).verdict is Verdict.FAIL
