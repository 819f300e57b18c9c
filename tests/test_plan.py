"""From profile, claim, consent and the server's word to what is looked at, and why the rest is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conformance.checks.registry import known_checks
from conformance.claim import Claim, Support
from conformance.driving.session import tools_for
from conformance.loading.profiles import load_profile
from conformance.planning.plan import Plan, fitted, make_plan, questions_of
from conformance.requirement import Question, pick
from conformance.verdict import Effect, Verdict
from tests.notes import shelf
from tests.test_scoring import run

PROFILE = load_profile("notes", shelf())
[QUESTION] = questions_of(PROFILE)


def plan(said: Support | None = None, heard: bool | None = None, *allowed: str, **more: Any) -> Plan:
    claim = Claim(features={} if said is None else {"archive": said})
    return make_plan(
        PROFILE, claim, known_checks(), allowed=frozenset(allowed or ("write",)), test_data={}, answers={QUESTION: heard}, **more
    )


@pytest.mark.parametrize(
    ("said", "heard", "state", "verdict"),
    [
        (Support.YES, None, "in", None),
        (Support.YES, False, "in", None),
        (Support.NO, None, "out", Verdict.NOT_APPLICABLE),
        (Support.NO, True, "out", Verdict.NOT_APPLICABLE),
        (Support.PLANNED, True, "planned", Verdict.NOT_TESTED),
        (None, True, "in", None),
        (None, False, "out", Verdict.NOT_APPLICABLE),
        (None, None, "out", Verdict.NOT_APPLICABLE),
    ],
)
def test_scope(said: Support | None, heard: bool | None, state: str, verdict: Verdict | None) -> None:
    """The claim decides; where it is silent the server does; planned is a gap, never green; core is always in."""
    made = plan(said, heard)
    assert made.scope["archive"].state == state
    assert made.scope["core"].state == "in"
    settled = made.by_id["notes/archive.answers"].settled
    assert (settled[0] if settled else None) is verdict
    if said is Support.YES and heard is False:
        assert "the server says it is not there" in made.scope["archive"].reason
    if said is Support.NO and heard:
        assert "the server says it is there" in made.scope["archive"].reason


def test_nothing_is_written_without_consent() -> None:
    """What needs more than reading is not tested and says which consent it needs."""
    made = plan(None, None, "disruptive")
    assert {t.settled[1] for t in made.tests if t.effect != "read" and t.settled and t.settled[0] is Verdict.NOT_TESTED} == {
        "needs --allow write"
    }
    assert all(t.effect == "read" for t in made.tests if t.settled is None)


def test_operations_are_looked_for_first() -> None:
    """`answers` of all operations, then their answers, then the rest: a missing operation is found once."""
    families = [t.requirement.family or "pattern" for t in plan().tests if not t.requirement.reason]
    assert families == sorted(families, key=["answers", "answer", "errors", "authentication", "pattern", "refuses"].index)


def test_what_no_request_shows_stands_in_the_plan() -> None:
    """With its closed reason."""
    assert plan().by_id["notes/note.kept-for-a-year"].settled == (Verdict.NOT_TESTED, "unobservable")


def test_what_cannot_be_tested_is_outside_the_scope_with_its_feature() -> None:
    """A rule that no request can show counts only where its feature is claimed or there."""
    archived = replace(PROFILE, not_tested=tuple(replace(r, feature="archive") for r in PROFILE.not_tested))
    for said, verdict in ((Support.YES, Verdict.NOT_TESTED), (Support.NO, Verdict.NOT_APPLICABLE)):
        made = make_plan(
            archived, Claim(features={"archive": said}), known_checks(), allowed=frozenset(), test_data={}, answers={QUESTION: True}
        )
        settled = made.by_id["notes/note.kept-for-a-year"].settled
        assert settled is not None
        assert settled[0] is verdict


@pytest.mark.parametrize(
    ("question", "body", "holds"),
    [
        ({}, None, True),
        ({"pointer": "/a"}, {"a": 0}, True),
        ({"pointer": "/a"}, {"a": False}, False),
        ({"pointer": "/a"}, {"a": None}, False),
        ({"pointer": "/a"}, {}, False),
        ({"pointer": "/a", "equals": True}, {"a": True}, True),
        ({"pointer": "/a", "equals": True}, {"a": "true"}, False),
        ({"pointer": "/a/*/b", "equals": 2}, {"a": [{"b": 1}, {"b": 2}]}, True),
        ({"pointer": "/a", "contains": "x"}, {"a": ["x"]}, True),
        ({"pointer": "/a", "contains": "x"}, {"a": []}, False),
        ({"pointer": "/a/b/c"}, {"a": "text"}, False),
        ({"pointer": "/0"}, [], False),
    ],
)
def test_questions_are_answered_by_bodies(question: dict[str, Any], body: Any, holds: bool) -> None:
    """There, equal, contained; odd bodies say no and break nothing."""
    assert Question(operation="o", **question).holds(body) is holds


def test_pick_follows_stars_and_escapes() -> None:
    """Every value a pointer leads to."""
    assert pick({"a/b": {"~": [1]}}, "/a~1b/~0/0") == [1]
    assert pick({"a": {"x": 1, "y": 2}}, "/a/*") == [1, 2]
    assert pick([[1], [2]], "/*/0") == [1, 2]
    assert pick({"a": [1]}, "/a/١") == []
    assert pick(3, "") == [3]


def test_what_disrupts_runs_alone() -> None:
    """Two looks at the one resource that the owner named would disturb each other, and each would blame the server."""
    profile = load_profile("dmtf-redfish")
    answers = dict.fromkeys(questions_of(profile), True)
    test_data = dict.fromkeys(profile.bindings.test_data, "/redfish/v1/Systems/1")
    plan = make_plan(profile, Claim(), known_checks(), allowed=frozenset({"write", "disruptive"}), test_data=test_data, answers=answers)
    disruptive = [t for t in plan.tests if t.effect is Effect.DISRUPTIVE]
    assert disruptive
    assert {t.isolation for t in disruptive} == {"exclusive"}


def test_the_target_says_what_its_product_wants_in_an_example() -> None:
    """Members are merged in, null takes away, and templates are filled as in the profile's own; without any the profile is as it was."""
    assert fitted(PROFILE, {"note": "7", "other_example": {"a": 1}}) is PROFILE
    told = fitted(PROFILE, {"note_example": {"colour": "{unique}", "text": None}})
    assert told.resource("note").example == {"colour": "{unique}"}
    assert PROFILE.resource("note").example == {"text": "{marker}"}, "the profile itself stays"
    api = tools_for(PROFILE, run().header, {"note_example": {"colour": "{unique}"}})("here")
    assert set(api.example(api.resource("note"))) == {"text", "colour"}


def test_what_others_would_hide_is_looked_at_alone() -> None:
    """A requirement says so itself, whatever its check says."""
    profile = load_profile("gsma-opg-ewbi")
    test = make_plan(profile, Claim(), known_checks(), allowed=frozenset({"write"}), test_data={}, answers={}).by_id
    assert test[f"{profile.name}/federation.kept-apart"].isolation == "exclusive"
    assert test[f"{profile.name}/federation.own-context"].isolation == "own"
