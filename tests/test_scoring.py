"""The rules of verdicts that have no exception, at the one scorer."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.run import Finding, Footer, Header, Look, Result, Run
from conformance.scoring import ENOUGH, UNUSABLE, Exit, causes, leaves_nothing, score, settle, standing, tally, worst
from conformance.verdict import WORDS, Effect, Level, Verdict, fold
from tests import strategies

NUMBERS = itertools.count()
COMPLETE = Footer(ended="complete", ended_s=1.0, requests=1, exit_code=0)


def result(verdict: Verdict | str = "pass", level: str = "MUST", **more: Any) -> Result:
    return Result(requirement=more.pop("id", f"p/r{next(NUMBERS)}"), level=Level(level), verdict=Verdict(verdict), **more)


def run(*results: Result, selected: str = "", trouble: str = "", footer: Footer | None = COMPLETE) -> Run:
    header = Header(suite="0", run_id="r", started=0.0, seed=1, profile="p", edition="1", selected=selected)
    return Run(header=header, look=Look(trouble=trouble), results=results, footer=footer)


def code(*results: Result, **more: Any) -> Exit:
    return score(run(*results, **more)).exit_code


# -- exit codes, in their order ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("results", "more", "expected"),
    [
        (["fail", "error"], {"footer": replace(COMPLETE, ended="interrupted"), "trouble": "x"}, Exit.INTERRUPTED),
        (["fail", "error"], {"trouble": "target out of reach"}, Exit.UNREACHABLE),
        (["fail", "error", "inconclusive"], {}, Exit.FAILED),
        (["pass", "error", "inconclusive"], {}, Exit.BROKEN),
        (["pass", "inconclusive"], {}, Exit.INCOMPLETE),
        (["pass", "not-tested"], {}, Exit.INCOMPLETE),
        (["pass"], {"selected": "-k x"}, Exit.INCOMPLETE),
        (["pass"], {"footer": None}, Exit.INCOMPLETE),
        (["pass"], {"footer": replace(COMPLETE, ended="budget")}, Exit.INCOMPLETE),
        (["pass"], {"footer": replace(COMPLETE, ended="made up")}, Exit.INCOMPLETE),
        (["not-applicable"], {}, Exit.INCOMPLETE),
        (["not-tested"], {}, Exit.INCOMPLETE),
        ([], {}, Exit.INCOMPLETE),
        (["pass", "not-applicable"], {}, Exit.PASSED),
        (["pass"], {}, Exit.PASSED),
    ],
)
def test_the_first_exit_code_that_applies_wins(results: list[str], more: dict[str, Any], expected: Exit) -> None:
    """130, 3, 1, 4, 5, 0: an error of ours does not hide a fail, and nothing judged is never 0."""
    assert code(*[result(v) for v in results], **more) is expected


def test_of_several_codes_the_first_that_applies_wins() -> None:
    """In the order of the exit codes, which is not that of their numbers; of none at all it is incomplete."""
    order = [Exit.INTERRUPTED, Exit.USAGE, Exit.UNREACHABLE, Exit.FAILED, Exit.BROKEN, Exit.INCOMPLETE, Exit.PASSED]
    for n, first in enumerate(order):
        assert worst(reversed(order[n:])) is first
    assert worst([]) is Exit.INCOMPLETE


@pytest.mark.parametrize("level", ["SHOULD", "MAY"])
def test_only_a_must_fails_a_run(level: str) -> None:
    """A failed SHOULD or MAY is shown and changes no exit code; alone it leaves nothing judged."""
    assert code(result(), result("fail", level)) is Exit.PASSED
    assert code(result("pass", level)) is Exit.INCOMPLETE


def test_a_draft_counts_nowhere() -> None:
    """A requirement whose clause was not looked up is outside every total and every exit code."""
    said = score(run(result(), result("fail", draft=True, id="p/draft")))
    assert said.exit_code is Exit.PASSED
    assert said.tallies[Level.MUST].total == 1
    assert said.drafts.total == 1
    assert said.causes == ()
    assert said.verdict("p/draft") is Verdict.FAIL, "it is shown all the same"
    assert said.verdict("p/elsewhere") is None
    assert "conforms to" in said.conclusion


def test_what_no_request_can_show_is_told_apart() -> None:
    """A MUST with a closed reason is not tested and keeps no run from its conclusion; any other reason does."""
    assert code(result(), result("not-tested", reason="unobservable")) is Exit.PASSED
    assert code(result(), result("not-tested", reason="needs --allow write")) is Exit.INCOMPLETE
    assert tally([result("not-tested", reason="destructive"), result("not-tested", reason="x")]).unobservable == 1
    assert tally([result(), result("fail"), result("fail"), result("inconclusive")]).judged == 3


def test_programme_requirements_have_a_column_of_their_own() -> None:
    """What this project decided is counted apart as well."""
    said = score(run(result(), result("fail", basis="programme")))
    assert (said.programme.total, said.programme[Verdict.FAIL]) == (1, 1)


# -- conclusions -------------------------------------------------------------------------------------------------------
def test_the_conclusion_never_says_more_than_was_seen() -> None:
    """Each way a run can end has its words, and "conforms" needs all of it."""
    assert score(run(result())).conclusion == "conforms to profile p edition 1, self-run"
    assert "does not conform" in score(run(result(), result("fail"))).conclusion
    assert "1 of 2 MUSTs in scope failed" in score(run(result(), result("fail"), result("not-applicable"))).conclusion
    for incomplete in (
        run(result(), trouble="no answer"),
        run(result(), footer=None),
        run(result(), footer=replace(COMPLETE, ended="interrupted")),
        run(result(), footer=replace(COMPLETE, ended="made up")),
        run(result("not-applicable")),
        run(result("inconclusive")),
        run(result(), result("error")),
        run(result(), result("not-tested")),
        run(result(), selected="-k x"),
        run(result(), footer=replace(COMPLETE, ended="budget")),
        run(),
    ):
        assert not score(incomplete).conclusion.startswith("conforms"), incomplete


def test_the_conclusion_says_how_much_is_missing() -> None:
    """What is inconclusive and what broke are added up; what no request can show is not waited for; a budget that ended is no cut."""
    unsure = score(run(result(), result("inconclusive"), result("error"))).conclusion
    assert unsure == "not enough evidence for profile p edition 1: 2 of 3 MUSTs in scope are inconclusive"
    unseen = score(run(result(), result("not-tested", reason="unobservable"), result("not-tested"))).conclusion
    assert unseen.endswith("was not wholly tested: 1 of 3 MUSTs in scope were not looked at")
    assert "not wholly tested" in score(run(result(), footer=replace(COMPLETE, ended="budget"))).conclusion
    assert "cut short" in score(run(result(), footer=replace(COMPLETE, ended="made up"))).conclusion
    assert "cut short" in score(run(result(), footer=None)).conclusion
    away = score(run(result(), trouble="no answer"))
    assert (away.trouble, away.conclusion) == ("no answer", "nothing can be said of profile p edition 1: no answer")
    assert score(replace(run(result()), look=None)).trouble == ""


@pytest.mark.parametrize(
    ("results", "symbol"),
    [
        (["pass"], "pass"),
        (["pass", "fail", "error"], "fail"),
        (["pass", "error"], "error"),
        (["pass", "inconclusive"], "inconclusive"),
        (["pass", "not-tested"], "inconclusive"),
    ],
)
def test_one_symbol_stands_for_a_run(results: list[str], symbol: str) -> None:
    """Green and red are the conclusion's; where it says neither, only what broke on our side is told apart."""
    assert standing(score(run(*[result(v) for v in results]))) == symbol


@pytest.mark.parametrize(
    ("inconclusive", "of", "enough"), [(1, 10, True), (2, 19, False), (1, 9, False), (0, 1, True), (10, 100, True), (11, 100, False)]
)
def test_enough(inconclusive: int, of: int, enough: bool) -> None:
    """With more than a tenth of the MUSTs in scope inconclusive a profile may not read "conforms"; not-applicable is no denominator."""
    results = (
        [result("inconclusive") for _ in range(inconclusive)]
        + [result() for _ in range(of - inconclusive)]
        + [result("not-applicable")] * 50
    )
    said = score(run(*results))
    assert said.conclusion.startswith("conforms") is enough
    assert pytest.approx(0.1) == ENOUGH
    assert (said.exit_code is Exit.PASSED) is (inconclusive == 0)


def test_refused_credentials_are_out_of_reach() -> None:
    """If nothing gets past the credentials the target was not reached; if anything did, it is inconclusive only."""
    refused = result("inconclusive", reason="credentials refused: GET /a answered 401")
    assert code(refused, refused) is Exit.UNREACHABLE
    assert code(refused, result()) is Exit.INCOMPLETE
    assert code(refused, result("fail")) is Exit.FAILED
    assert code(refused, result("inconclusive", reason="slow")) is Exit.UNREACHABLE
    assert code(result("inconclusive", reason="slow")) is Exit.INCOMPLETE


@given(strategies.runs())
def test_a_green_run_is_green_for_a_reason(any_run: Run) -> None:
    """Exit 0 means: complete, unselected, every effective MUST in scope passed (or no request can show it), nothing of ours broke."""
    said = score(any_run)
    must = said.tallies[Level.MUST]
    if said.exit_code is Exit.PASSED:
        assert any_run.complete
        assert not any_run.header.selected
        assert not said.trouble
        assert must[Verdict.PASS] > 0
        assert must[Verdict.FAIL] == must[Verdict.ERROR] == must[Verdict.INCONCLUSIVE] == 0
        assert said.conclusion.startswith("conforms")
    if said.conclusion.startswith("conforms"):
        assert said.exit_code in (Exit.PASSED, Exit.INCOMPLETE, Exit.BROKEN)
        assert must[Verdict.FAIL] == 0
        assert any_run.complete
    if must[Verdict.FAIL] and said.exit_code not in (Exit.INTERRUPTED, Exit.UNREACHABLE):
        assert said.exit_code is Exit.FAILED
    assert sum(t.total for t in said.tallies.values()) + said.drafts.total == len(said.results)
    for word in ("certified", "compliant", "compliance"):
        assert word not in said.conclusion or word in str(any_run)


# -- one cause, one fail -----------------------------------------------------------------------------------------------
def test_what_depends_on_a_fail_is_not_tested() -> None:
    """The cause is named once; everything that needs it is not tested and says so; what passed all the same passes."""
    settled = {
        r.requirement: r
        for r in settle(
            [
                result("fail", id="p/a"),
                result("fail", id="p/b", needs=("p/a",)),
                result("inconclusive", id="p/c", needs=("p/x", "p/a")),
                result("pass", id="p/d", needs=("p/a",)),
                result("error", id="p/e", needs=("p/a",)),
                result("fail", id="p/f", needs=("p/b",)),
            ]
        )
    }
    assert {i: (r.verdict.value, r.reason) for i, r in settled.items()} == {
        "p/a": ("fail", ""),
        "p/b": ("not-tested", "needs p/a"),
        "p/c": ("not-tested", "needs p/a"),
        "p/d": ("pass", ""),
        "p/e": ("error", ""),
        "p/f": ("not-tested", "needs p/a"),
    }


def test_a_failed_set_up_goes_back_to_the_operation() -> None:
    """What was blocked by an operation whose `answers` failed needs that requirement."""
    settled = settle(
        [result("fail", id="p/create.answers", family="answers", on="create"), result("inconclusive", id="p/x", blocked_by="create")]
    )
    assert settled[1].reason == "needs p/create.answers"
    assert settle([result("inconclusive", id="p/x", blocked_by="create")])[0].verdict is Verdict.INCONCLUSIVE
    body = result("fail", id="p/create.answer", family="answer", on="create", cause=f"{UNUSABLE}: not JSON")
    assert settle([body, result("inconclusive", id="p/x", blocked_by="create")])[1].reason == "needs p/create.answer"
    readable = replace(body, cause="schema Thing: type")
    assert settle([readable, result("inconclusive", id="p/x", blocked_by="create")])[1].verdict is Verdict.INCONCLUSIVE


def test_what_is_excused_keeps_no_finding() -> None:
    """It is counted where its cause is, so neither a finding nor a cause of its own is left to count."""
    found = Finding(case="", expected="1", observed="2", cause="c", evidence=(), seen_once=False)
    [_, excused] = settle([result("fail", id="p/a"), result("fail", id="p/b", needs=("p/a",), findings=(found,), cause="c")])
    assert (excused.verdict, excused.findings, excused.cause) == (Verdict.NOT_TESTED, (), "")


def test_a_place_that_an_answer_breaks_fails_once() -> None:
    """What was found at a place of an answer that is not as documented is that of its `answer`, where this fails for the same."""
    answer = result("fail", id="p/read.answer", family="answer", on="read", cause="schema Thing: required name")
    same = result("fail", id="p/x", blocked_by="read", cause="schema Thing: required name")
    other = result("fail", id="p/y", blocked_by="read", cause="schema Thing: type")
    elsewhere = result("fail", id="p/z", blocked_by="list", cause="schema Thing: required name")
    told = {r.requirement: (r.verdict.value, r.reason) for r in settle([answer, same, other, elsewhere])}
    assert told["p/x"] == ("not-tested", "needs p/read.answer")
    assert (told["p/y"][0], told["p/z"][0]) == ("fail", "fail")
    assert settle([same])[0].verdict is Verdict.FAIL
    assert settle([replace(answer, level=Level.SHOULD), same])[1].verdict is Verdict.FAIL


def test_the_format_of_errors_fails_once() -> None:
    """An error that is not in the format is that of the requirement for the format; without a fail of that each stands."""
    rule = result("fail", id="p/format", check="service-error-format", cause="error format")
    member = result("fail", id="p/code", blocked_by="read", cause="error format")
    whole = result("fail", id="p/whole", cause="error format: status")
    assert [r.verdict.value for r in settle([member, whole, rule])] == ["not-tested", "not-tested", "fail"]
    assert [r.verdict.value for r in settle([replace(rule, verdict=Verdict.PASS, cause=""), member])] == ["pass", "fail"]
    body = replace(rule, check="request-refused")
    assert [r.verdict.value for r in settle([member, body])] == ["not-tested", "fail"]
    assert [r.verdict.value for r in settle([body, whole])] == ["fail", "fail"], "two that look at it themselves both stand"
    assert [r.verdict.value for r in settle([rule, replace(rule, requirement="p/rule")])] == ["fail", "fail"], "so do two rules for it"
    own = result("fail", id="p/read.answer", family="answer", on="read", cause="error format")
    assert settle([whole, own, replace(member, cause="error format")])[2].reason == "needs p/read.answer", "the answer itself comes first"


def test_an_answer_never_excuses_itself() -> None:
    """What is wrong at a place of its own answer is its own finding."""
    own = result("fail", id="p/read.answer", family="answer", on="read", blocked_by="read", cause="schema Thing: type")
    assert settle([own])[0].verdict is Verdict.FAIL


def test_a_draft_may_stand_for_a_draft() -> None:
    """By its need, by the place and asked alone: what counts nowhere is excused by what counts nowhere."""
    draft = result("fail", id="p/read.answer", family="answer", on="read", cause=f"{UNUSABLE}: not JSON", draft=True)
    assert leaves_nothing(draft, Level.MUST, True)
    assert not leaves_nothing(draft, Level.MUST, False)
    assert settle([draft, result("fail", id="p/x", draft=True, needs=("p/read.answer",))])[1].verdict is Verdict.NOT_TESTED
    assert settle([draft, result("fail", id="p/x", draft=True, blocked_by="read", cause=draft.cause)])[1].verdict is Verdict.NOT_TESTED
    place = replace(draft, cause="schema Thing: type")
    assert settle([place, result("fail", id="p/x", draft=True, blocked_by="read", cause=place.cause)])[1].verdict is Verdict.NOT_TESTED
    assert settle([place, result("fail", id="p/x", blocked_by="read", cause=place.cause)])[1].verdict is Verdict.FAIL


@pytest.mark.parametrize("cause", [{"level": "SHOULD"}, {"level": "MAY"}, {"draft": True}])
def test_what_counts_less_hides_no_must(cause: dict[str, Any]) -> None:
    """A failed SHOULD, MAY or draft does not excuse a failed MUST that needs it; what could not be looked at still names it."""
    results = [
        result("fail", id="p/a", **cause),
        result("fail", id="p/b", needs=("p/a",)),
        result("inconclusive", id="p/c", needs=("p/a",)),
    ]
    assert [r.verdict.value for r in settle(results)] == ["fail", "fail", "not-tested"]
    assert code(*results) is Exit.FAILED


def test_a_circle_of_needs_keeps_a_fail() -> None:
    """Fails that need each other do not excuse each other away."""
    for order in itertools.permutations(["a", "b", "c"]):
        needs = {"a": ("p/b",), "b": ("p/c",), "c": ("p/a", "p/c")}
        settled = settle([result("fail", id=f"p/{n}", needs=needs[n]) for n in order])
        assert sum(r.verdict is Verdict.FAIL for r in settled) == 1


def test_a_long_chain_of_needs_ends() -> None:
    """A forged record cannot exhaust us."""
    settled = settle([result("fail", id=f"p/{n}", needs=(f"p/{n + 1}",)) for n in range(5000)])
    assert any(r.verdict is Verdict.FAIL for r in settled)
    settled = settle([result("fail", id=f"p/{n}", family="answer", on=f"o{n}", blocked_by=f"o{n + 1}", cause="c") for n in range(5000)])
    assert any(r.verdict is Verdict.FAIL for r in settled)


@given(strategies.runs())
def test_settling_loses_no_cause(any_run: Run) -> None:
    """As long as anything failed, something still does; each blocked requirement names a fail; settling twice changes nothing."""
    settled = settle(any_run.results)
    failed = {r.requirement for r in settled if r.verdict is Verdict.FAIL}
    assert bool(failed) == any(r.verdict is Verdict.FAIL for r in any_run.results)
    before = {r.requirement: r for r in any_run.results}
    for one in settled:
        if one != before[one.requirement]:
            assert one.verdict is Verdict.NOT_TESTED
            assert one.reason.removeprefix("needs ") in failed
    assert [(r.requirement, r.verdict) for r in settle(settled)] == [(r.requirement, r.verdict) for r in settled]


def test_causes_are_grouped_and_ordered() -> None:
    """One reason is one entry; MUSTs come first, then what explains most."""
    found = causes(
        [
            result("fail", "MAY", cause="z"),
            result("fail", cause="one"),
            result("fail", "SHOULD", cause="many"),
            result("fail", cause="many"),
            result("fail", id="p/alone"),
            result("fail", "MAY", cause="one"),
            result(),
        ]
    )
    assert [(c.cause, c.level.value, len(c.results)) for c in found] == [
        ("many", "MUST", 2),
        ("one", "MUST", 2),
        ("p/alone", "MUST", 1),
        ("z", "MAY", 1),
    ]


# -- verdicts ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.sampled_from(list(Verdict))))
def test_cases_fold_to_the_heaviest(verdicts: list[Verdict]) -> None:
    """Mildest first: not applicable, pass, not tested, inconclusive, fail, error; nothing judged is not tested."""
    assert [v.value for v in sorted(Verdict, key=lambda v: v.weight)] == [
        "not-applicable",
        "pass",
        "not-tested",
        "inconclusive",
        "fail",
        "error",
    ]
    assert fold(verdicts) == (max(verdicts, key=lambda v: v.weight) if verdicts else Verdict.NOT_TESTED)


def test_every_output_has_a_word_for_every_verdict() -> None:
    """One table for all formats, and none of its words promises more than a test."""
    formats = {frozenset(words) for words in WORDS.values()}
    assert set(WORDS) == set(Verdict)
    assert len(formats) == 1
    assert WORDS[Verdict.NOT_TESTED]["allure"] != "passed"
    assert WORDS[Verdict.INCONCLUSIVE]["junit"] == "skipped"


def test_effects_need_their_consent() -> None:
    """Reads need none, what is made and removed needs write, as does what lasts; power needs its own."""
    assert [(e.value, e.consent) for e in sorted(Effect, key=lambda e: e.weight)] == [
        ("read", ""),
        ("own", "write"),
        ("lasting", "write"),
        ("disruptive", "disruptive"),
    ]
