"""The decision point decides as its scenario wants it, and its profile is red on its own faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.twins import run_in_process
from conformance.loading.profiles import load_profile
from conformance.reference.faults import planted
from conformance.reference.faults.planting import Planted
from conformance.reference.twins import twin_for
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse

PROFILE = load_profile("openid-authzen@1.0")
OWN = [place for place in planted(PROFILE) if place.fault.profile == PROFILE.name]
ALICE, BOB = {"type": "user", "id": "alice"}, {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
ACTIVE, ARCHIVED = {"type": "record", "id": "record-1"}, {"type": "record", "id": "record-2", "properties": {"status": "archived"}}


def ask(path: str, body: Any, **headers: str) -> WireResponse:
    twin = twin_for(PROFILE)
    token = next(iter(twin.options.tokens))
    named = (("Content-Type", "application/json"), ("Authorization", f"Bearer {token}"), *headers.items())
    return twin.handle(WireRequest(method="POST", target=f"/access/v1/{path}", headers=named, body=json.dumps(body).encode()), 0.0)


def decision(subject: Any, action: str, resource: Any, **properties: Any) -> Any:
    body = {"subject": subject, "action": {"name": action, "properties": properties}, "resource": resource}
    return json.loads(ask("evaluation", body).body)["decision"]


def test_the_eight_decisions_of_the_scenario() -> None:
    assert [decision(ALICE, "read", ACTIVE), decision(ALICE, "write", ACTIVE), decision(BOB, "read", ACTIVE)] == [True] * 3
    assert not decision(BOB, "write", ACTIVE)
    assert [decision(ALICE, "write", ARCHIVED), decision(ADMIN, "write", ARCHIVED)] == [False, True]
    assert [decision(ALICE, "delete", ACTIVE, soft=soft) for soft in (True, False)] == [True, False]
    assert [decision({"type": "user", "id": "eve"}, "read", ACTIVE), decision(ALICE, "burn", ACTIVE)] == [False, False]


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [("execute_all", [True, False, True]), ("deny_on_first_deny", [True, False]), ("permit_on_first_permit", [True])],
)
def test_a_list_ends_where_its_semantic_says(semantic: str, decisions: list[bool]) -> None:
    items = [{"action": {"name": name}} for name in ("read", "write", "read")]
    body = {"subject": BOB, "resource": ACTIVE, "evaluations": items, "options": {"evaluations_semantic": semantic}}
    assert [one["decision"] for one in json.loads(ask("evaluations", body).body)["evaluations"]] == decisions


def test_an_incomplete_item_is_denied_and_an_incomplete_single_request_refused() -> None:
    default = {"subject": ALICE, "action": {"name": "read"}}
    told = json.loads(ask("evaluations", {**default, "evaluations": [{"resource": ACTIVE}, {}]}).body)["evaluations"]
    assert [one["decision"] for one in told] == [True, False]
    assert ask("evaluations", default).status == 400
    assert json.loads(ask("evaluations", {**default, "resource": ACTIVE, "evaluations": []}).body) == {"decision": True}


def test_searches_find_what_evaluations_permit() -> None:
    who = {"subject": {"type": "user"}, "action": {"name": "write"}, "resource": ARCHIVED}
    assert json.loads(ask("search/subject", who).body)["results"] == [BOB]
    what = {"subject": ALICE, "resource": ACTIVE}
    assert json.loads(ask("search/action", what).body)["results"] == [{"name": "read"}, {"name": "write"}]
    assert json.loads(ask("search/subject", {**who, "subject": {"type": "spaceship"}}).body)["results"] == []


def test_an_identifier_comes_back_also_with_a_refusal() -> None:
    for body, status in (({"subject": ALICE, "action": {"name": "read"}, "resource": ACTIVE}, 200), ({}, 400)):
        seen = ask("evaluation", body, **{"X-Request-ID": "mine"})
        assert (seen.status, dict(seen.headers)["X-Request-ID"]) == (status, "mine")


@pytest.mark.parametrize("fault", OWN, ids=[place.name for place in OWN])
def test_each_own_fault_turns_its_requirements_red(fault: Planted, tmp_path: Path) -> None:
    assert fault.expected
    run = run_in_process(PROFILE, fault.twin(twin_for(PROFILE)), tmp_path, only=tuple(sorted(fault.expected)))
    assert {r.requirement: r.verdict for r in run.results if r.requirement in fault.expected} == dict.fromkeys(fault.expected, Verdict.FAIL)


def test_who_holds_no_scenario_is_not_held_to_it(tmp_path: Path) -> None:
    """A decision point that denies everything it does not know conforms, as long as it does not claim the scenario."""
    denies = next(place for place in OWN if place.fault.name == "everything-denied")
    run = run_in_process(PROFILE, denies.twin(twin_for(PROFILE)), tmp_path, claim_all=False)
    of_it = {r.verdict for r in run.results if r.feature.startswith("scenario")}
    assert of_it == {Verdict.NOT_APPLICABLE}
    assert {r.verdict for r in run.results if r.feature in ("core", "batch")} <= {Verdict.PASS, Verdict.NOT_TESTED}
