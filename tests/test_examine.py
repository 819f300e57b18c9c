"""One requirement: its cases, their repetition on fresh data, and the one place where an ending becomes a verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from conformance.api import Api
from conformance.checks.registry import Check
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import Exchange, Path, Request
from conformance.flow import Answer, Asked, Callback, Recording, Wait, drive, given, now, send, wait
from conformance.loading.profiles import load_profile
from conformance.planning.examine import KEPT, LATE, REPEATED, SETTLED_S, case_name, examination, judged, needed, unlooked
from conformance.planning.plan import Test
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.run import Finding, Result
from conformance.verdict import Effect, Level, Verdict
from conformance.wire import header
from tests.checks.support import answer, profile_of, requirement_of, run_check
from tests.notes import shelf

PROFILE = load_profile("notes", shelf())
REQUIREMENT = PROFILE.by_id["notes/get-note.answers"]
CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
THING = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}
ERROR = {"type": "object", "required": ["code"]}
BOUND: dict[str, Any] = {"probe": "listThings", "error": {"schema": "Error"}}
READ = Request(operation="getNote", method="GET", target="/notes/1")


class Server(Answer):
    """Answers each request with the next status; the last one stays."""

    def __init__(self, *statuses: int) -> None:
        super().__init__()
        self.statuses = list(statuses)

    async def __call__(self, at: Path, step: Asked) -> Any:
        assert isinstance(step, Request)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Exchange(request=step, status=status, body=b"{}")


def look(
    run: Callable[..., Any],
    server: Answer,
    *,
    cases: Sequence[Any] = (None,),
    effect: Effect = Effect.READ,
    control: Exchange | None = None,
    ready: Any = None,
    requirement: Requirement = REQUIREMENT,
    profile: Profile = PROFILE,
    **more: Any,
) -> Result:
    more = {"about": "service", "cases": (lambda p, r: cases) if cases != (None,) else None, **more}
    check = Check(name="x", run=run, ready=ready, **more)
    test = Test(requirement=requirement, check=check, cases=cases, effect=effect, isolation="own")

    def tools(place: str) -> Api:
        return Api(profile=profile, run_id="0123456789abcdef", started=0.0, test_data={}, allowed=frozenset(), place=place)

    return judged(test, now(drive(examination(test, tools), server)), server.seen, control, profile)


async def expects_200(api: Api) -> None:
    seen = await send(READ.with_(target=f"/notes/{api.fresh()}"), also=(503,))
    if seen.status != 200:
        raise Nonconformity("200", seen.status, seen, cause="status")


def test_a_pass_names_its_evidence() -> None:
    """The exchange it rests on is named."""
    result = look(expects_200, Server(200))
    assert (result.verdict, result.cases, result.judged, result.requests) == (Verdict.PASS, 1, 1, 1)
    assert result.evidence == ((1, 0, 0),)


def test_a_check_that_saw_nothing_is_our_error() -> None:
    """No evidence, no pass."""

    async def idle(api: Api) -> None:
        return None

    assert look(idle, Server(200)).verdict is Verdict.ERROR


def test_a_fail_that_reproduces_stands() -> None:
    """The same expectation broken twice, on fresh data; both exchanges are kept."""
    result = look(expects_200, Server(500, 500))
    assert result.verdict is Verdict.FAIL
    assert result.cause == "status"
    found = Finding(case="", expected="200", observed="500", cause="status", evidence=((1, 0, 0), (2, 0, 0)))
    assert result.findings == (found,)
    assert result.reason == "expected 200; observed 500"


def test_a_fail_that_does_not_reproduce_is_unstable() -> None:
    """Once and not again is inconclusive, with what was seen."""
    result = look(expects_200, Server(500, 200))
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.reason.startswith("unstable: failed once (expected 200; observed 500)")
    assert not result.findings
    assert result.evidence


def test_repeated_data_are_fresh() -> None:
    """The second look uses other values than the first."""
    server = Server(500)
    look(expects_200, server)
    first, second = (x.request.target for x in server.seen.values())
    assert first != second


@pytest.mark.parametrize("effect", [Effect.LASTING, Effect.DISRUPTIVE])
def test_what_cannot_be_undone_is_not_repeated(effect: Effect) -> None:
    """Its one failure stands, marked as seen once."""
    result = look(expects_200, Server(500, 200), effect=effect)
    assert result.verdict is Verdict.FAIL
    assert result.findings[0].seen_once
    assert result.requests == 1


async def by_case(api: Api, case: str) -> None:
    seen = await send(READ.with_(target=f"/{case}"))
    endings = {
        "bad": Nonconformity("good", "bad", seen),
        "unsure": Inconclusive("no idea", seen, needs="getAbout"),
        "off": NotApplicable("not here"),
        "skipped": NotTested("not allowed"),
    }
    if case.partition("-")[0] in endings:
        raise endings[case.partition("-")[0]]
    if case == "broken":
        raise RuntimeError("our bug")


@pytest.mark.parametrize(
    ("cases", "verdict"),
    [
        (["good"], "pass"),
        (["good", "off"], "pass"),
        (["off"], "not-applicable"),
        (["good", "skipped"], "not-tested"),
        (["good", "unsure"], "inconclusive"),
        (["unsure", "bad"], "fail"),
        (["bad", "broken", "good"], "error"),
    ],
)
def test_cases_fold_into_one_verdict(cases: list[str], verdict: str) -> None:
    """A pass needs every case that applies; the heaviest ending wins."""
    result = look(by_case, Server(200), cases=cases)
    assert result.verdict == verdict
    assert result.cases == len(cases)
    if verdict == "error":
        assert "RuntimeError: our bug at by_case" in result.reason
        assert not result.findings
    if verdict == "inconclusive":
        assert result.blocked_by == "getAbout"


def test_one_reproducing_case_is_enough() -> None:
    """At most some failing cases are repeated; the others stand with them, and are counted."""
    cases = [f"bad-{n}" for n in range(REPEATED + 4)]
    result = look(by_case, Server(200), cases=cases)
    assert (result.verdict, result.failed, result.judged) == (Verdict.FAIL, len(cases), len(cases))
    assert result.requests == len(cases) + REPEATED
    assert [f.case for f in result.findings] == cases


def test_unrepeated_cases_do_not_stand_alone() -> None:
    """Where none of the repeated cases reproduces, those that were not repeated prove nothing either."""
    looks: list[str] = []

    async def once(api: Api, case: str) -> None:
        seen = await send(READ)
        looks.append(case)
        if looks.count(case) == 1:
            raise Nonconformity("a", "b", seen)

    result = look(once, Server(200), cases=[str(n) for n in range(REPEATED + 2)])
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "unstable" in result.reason


def test_a_pass_on_the_answer_to_everything_is_no_evidence() -> None:
    """What the server also says of a path that does not exist proves nothing."""
    control = Exchange(request=READ, status=200, body=b"{}")
    assert look(expects_200, Server(200), control=control).verdict is Verdict.INCONCLUSIVE
    other = Exchange(request=READ, status=200, body=b"<html>")
    assert look(expects_200, Server(200), control=other).verdict is Verdict.PASS


def test_set_up_that_fails_ends_all_cases() -> None:
    """What every case stands on is looked at once; its failure is that of each."""

    async def ready(api: Api) -> None:
        seen = await send(READ)
        raise Inconclusive("no control", seen)

    async def case(api: Api, case: str, ready: object) -> None:
        raise AssertionError("not reached")

    result = look(case, Server(200), cases=["a", "b"], ready=ready)
    assert (result.verdict, result.reason, result.cases, result.judged) == (Verdict.INCONCLUSIVE, "no control", 2, 0)


def test_what_is_not_looked_at_says_why() -> None:
    """A result without a single request carries the reason and the requirement's own words."""
    test = Test(requirement=REQUIREMENT, check=None, cases=(), effect=Effect.READ, isolation="own")
    result = unlooked(test, Verdict.NOT_TESTED, "needs --allow write", PROFILE)
    assert (result.verdict, result.reason, result.requests, result.level, result.sentence) == (
        Verdict.NOT_TESTED,
        "needs --allow write",
        0,
        Level.MUST,
        REQUIREMENT.sentence,
    )


DRAFT: dict[str, Any] = {"seen": False, "level": Level.SHOULD, "feature": "archive", "needs": ("notes/get-about.answers", "notes/gone")}
OURS: dict[str, Any] = {"basis": "programme", "decided": "by us", "check": "x", "on": "note", "family": "answers"}


@pytest.mark.parametrize("more", [DRAFT, OURS])
def test_a_result_can_be_read_alone(more: dict[str, Any]) -> None:
    """It holds what the requirement says of itself, whether or not it was looked at; a need that is not in the profile is none."""
    asked = replace(REQUIREMENT, id="notes/asked", clause="§7", sentence="It is asked.", **more)
    test = Test(requirement=asked, check=None, cases=(None, None), effect=Effect.READ, isolation="own")
    told = unlooked(test, Verdict.NOT_TESTED, "why", PROFILE)
    assert told == Result(
        requirement="notes/asked", level=asked.level, draft="seen" in more, clause="§7", basis=asked.basis, feature=asked.feature,
        sentence="It is asked.", check=asked.check, on=asked.on, family=asked.family, needs=asked.needs[:1],
        verdict=Verdict.NOT_TESTED, reason="why", cases=2,
    )  # fmt: skip
    seen = look(expects_200, Timed(), requirement=asked, cases=(None,))
    same = ("requirement", "level", "draft", "clause", "basis", "feature", "sentence", "check", "on", "family", "needs")
    assert [getattr(seen, name) for name in same] == [getattr(told, name) for name in same]
    assert (seen.started_s, seen.ended_s, seen.requests) == (1.2346, 2.5, 3), "rounded as exchanges are stored, repeats counted"


class Timed(Server):
    """Answers 200 at once, from one time to another, at the third try."""

    def __init__(self) -> None:
        super().__init__(200)

    async def __call__(self, at: Path, step: Asked) -> Any:
        return replace(await super().__call__(at, step), started_s=1.23456, ended_s=2.5, tries=3)


def test_needs_are_those_that_leave_nothing_to_look_at() -> None:
    """The operations that a check must use, and what the profile names."""
    from conformance.checks.registry import known_checks
    from conformance.claim import Claim
    from conformance.planning.plan import make_plan

    plan = make_plan(PROFILE, Claim(), known_checks(), allowed=frozenset({"write"}), test_data={}, answers={})
    used = ("create-note", "get-note", "delete-note")
    expected = {f"notes/{operation}.{family}" for operation in used for family in ("answers", "answer")}
    assert set(needed(plan.by_id["notes/note.delete-is-effective"], PROFILE)) == expected
    assert needed(plan.by_id["notes/get-note.answer"], PROFILE) == ("notes/get-note.answers",)
    assert needed(plan.by_id["notes/get-note.answers"], PROFILE) == ()


def test_cases_have_short_stable_names() -> None:
    """Nothing, a tuple of words, anything with an id."""
    assert (case_name(None), case_name(("a", 1)), case_name("x")) == ("", "a 1", "x")


def test_a_finding_at_a_place_that_the_answer_breaks_names_its_operation() -> None:
    """It is then of one cause with the `answer` of the operation, which calls it the same; elsewhere a finding stands on its own."""
    paths = {"/things": {"get": {"operationId": "listThings", "responses": {"200": {"content": CONTENT}}}}}
    small = profile_of({"paths": paths, "components": {"schemas": {"Thing": THING, "Error": ERROR}}}, BOUND)
    told: dict[str, Any] = {"expect": {"/name": "a"}}
    for body, cause in (({"size": 1}, 'schema Thing: required "name"'), ({"size": 1, "name": 3}, "schema Thing/name: type")):
        found = run_check("answer-says", small, "listThings", lambda request, at, body=body: answer(200, body), **told)
        assert (found.verdict, found.blocked_by, found.cause) == (Verdict.FAIL, "listThings", cause)
    alone = run_check("answer-says", small, "listThings", lambda request, at: answer(200, {"size": "big", "name": "b"}), **told)
    assert (alone.verdict, alone.blocked_by) == (Verdict.FAIL, ""), "what is wrong with the size says nothing of the name"
    page = run_check("answer-says", small, "listThings", lambda request, at: answer(200, b"<p>hello", content_type="text/html"), **told)
    assert (page.verdict, page.blocked_by, page.cause) == (Verdict.FAIL, "listThings", "not JSON")
    nothing = run_check("answer-says", small, "listThings", lambda request, at: answer(200, {"data": {}}), expect={"/size": 1})
    assert nothing.blocked_by == "listThings", "an answer with none of the members that it must have is wrong everywhere"


def test_a_header_that_the_contract_promises_is_missed_once() -> None:
    """By the `answer` of the operation; where the contract promises none, by whoever looks for it."""

    def looked(required: bool, **headers: str) -> Result:
        told = {"description": "ok", "headers": {"X-Kind": {"required": required, "schema": {"type": "string"}}}, "content": CONTENT}
        paths = {"/things": {"get": {"operationId": "listThings", "responses": {"200": told}}}}
        small = profile_of({"paths": paths, "components": {"schemas": {"Thing": THING, "Error": ERROR}}}, BOUND)
        return run_check("header-present", small, "listThings", lambda request, at: answer(200, {"name": "a"}, **headers), header="X-Kind")

    assert looked(True, x_kind="big").verdict is Verdict.PASS
    assert (looked(True).verdict, looked(True).blocked_by, looked(True).cause) == (Verdict.FAIL, "listThings", "no X-Kind header")
    assert (looked(False).verdict, looked(False).blocked_by) == (Verdict.FAIL, "")


SMALL = profile_of(
    {
        "paths": {"/things": {"get": {"operationId": "listThings", "responses": {"200": {"content": CONTENT}}}}},
        "components": {"schemas": {"Thing": THING, "Error": ERROR}},
    },
    BOUND,
)
NAMELESS = 'schema Thing: required "name"'


@pytest.mark.parametrize(
    ("family", "status", "body", "cause", "place", "root"),
    [
        ("", 200, b'{"size":1}', "x", "/name", ("listThings", NAMELESS)),
        ("answer", 200, b'{"size":1}', "x", "/name", ("", "x")),
        ("", 200, b'{"size":1}', "x", None, ("", "x")),
        ("", 200, b'{"name":"a"}', "x", "/name", ("", "x")),
        ("", 200, b"<p>", "not JSON", None, ("listThings", "not JSON")),
        ("", 400, b"[]", "not JSON", None, ("listThings", "error format")),
        ("", 400, b"[]", "x", "/code", ("listThings", "error format")),
        ("answer", 400, b"[]", "x", None, ("listThings", "error format")),
        ("", 400, b"[]", "x", None, ("", "x")),
        ("answers", 400, b"[]", "not JSON", None, ("", "not JSON")),
        ("", 400, b'{"code":"A"}', "x", "/code", ("", "x")),
    ],
)
def test_what_a_finding_goes_back_to(family: str, status: int, body: bytes, cause: str, place: str | None, root: tuple[str, str]) -> None:
    """To the answer of its operation at that very place, or to the format of errors; and never that of `answers`, which names none."""

    class Says(Server):
        async def __call__(self, at: Path, step: Asked) -> Any:
            headers = (("content-type", "application/json"),)
            return replace(await super().__call__(at, step), status=status, body=body, headers=headers)

    async def wrong(api: Api) -> None:
        seen = await send(Request(operation="listThings", method="GET", target="/things"))
        raise Nonconformity("a", "b", seen, cause=cause, place=place)

    asked = requirement_of("x", "listThings", family=family)
    result = look(wrong, Says(status), requirement=asked, profile=SMALL)
    assert (result.verdict, result.blocked_by, result.cause) == (Verdict.FAIL, *root)


def test_a_finding_without_an_exchange_stands_on_its_own() -> None:
    """As does one in the answer of something that the contract does not know."""

    async def nothing(api: Api) -> None:
        raise Nonconformity("a", "b", cause="x")

    async def elsewhere(api: Api) -> None:
        raise Nonconformity("a", "b", await send(READ.with_(operation="gone")), cause="x", place="/name")

    for run in (nothing, elsewhere):
        result = look(run, Server(200), requirement=requirement_of("x", "listThings"), profile=SMALL)
        assert (result.verdict, result.blocked_by, result.cause) == (Verdict.FAIL, "", "x")


def test_a_finding_in_an_error_without_the_format_is_of_the_format() -> None:
    paths = {"/things": {"get": {"operationId": "listThings", "responses": {"200": {"content": CONTENT}}}}}
    small = profile_of({"paths": paths, "components": {"schemas": {"Thing": THING, "Error": ERROR}}}, BOUND)
    asked: dict[str, Any] = {"headers": {"x-trace": "bad"}, "status": [400], "error": {"/code": "TRACE"}}

    def refusing(body: Any) -> Callable[..., Any]:
        return lambda request, at: answer(400, body) if header(request.headers, "x-trace") else answer(200, {"name": "a"})

    broken = run_check("request-refused", small, "listThings", refusing(["wrong"]), **asked)
    assert (broken.verdict, broken.blocked_by, broken.cause) == (Verdict.FAIL, "listThings", "error format")
    other = run_check("request-refused", small, "listThings", refusing({"code": "OTHER"}), **asked)
    assert (other.verdict, other.blocked_by) == (Verdict.FAIL, "")
    assert run_check("request-refused", small, "listThings", refusing({"code": "TRACE"}), **asked).verdict is Verdict.PASS


# -- servers that are behind ---------------------------------------------------------------------------------------------
class Behind(Answer):
    """Shows what was written some seconds later; counts what it is asked."""

    def __init__(self, lag: float) -> None:
        super().__init__()
        self.lag, self.clock, self.written = lag, 100.0, float("inf")

    async def __call__(self, at: Path, step: Request | Wait | Callback) -> Any:
        if isinstance(step, Wait):
            self.clock += step.seconds
            return None
        assert isinstance(step, Request)
        if step.effect is Effect.OWN:
            self.written = self.clock
            status = 201
        else:
            status = 200 if self.clock - self.written >= self.lag else 404
        return Exchange(request=step, status=status, body=b"{}", started_s=self.clock, ended_s=self.clock)


WRITE = Request(operation="createNote", method="POST", target="/notes", effect=Effect.OWN)


async def read_back(api: Api) -> None:
    made = await send(WRITE)
    seen = await send(READ.with_(target=f"/notes/{api.fresh()}"))
    if not seen.success:
        raise Nonconformity("200", seen.status, seen, made)


async def read_as_set_up(api: Api) -> None:
    await send(WRITE)
    seen = await given(READ.with_(target=f"/notes/{api.fresh()}"))
    if not seen.body:
        raise Nonconformity("a body", "none", seen)


@pytest.mark.parametrize(("run", "round_"), [(read_back, 3), (read_as_set_up, 2)])
def test_what_is_seen_a_moment_later_is_no_finding(run: Callable[..., Any], round_: int) -> None:
    """A read that came too early is made again with time after each write; what rests on it says so, live and offline."""
    server = Behind(0.3)
    result = look(run, server, effect=Effect.OWN)
    assert (result.verdict, result.reason) == (Verdict.PASS, LATE)
    assert [at[0] for at in result.evidence] == [round_]
    assert not result.findings
    offline = look(run, Recording(server.seen), effect=Effect.OWN)
    assert offline == result


@pytest.mark.parametrize("run", [read_back, read_as_set_up])
def test_what_can_be_looked_at_only_once_is_looked_at_unhurried(run: Callable[..., Any]) -> None:
    """What lasts is not made twice, so the first look must not come too early; later than that is a finding."""
    assert look(run, Behind(0.3), effect=Effect.LASTING).verdict is Verdict.PASS
    assert look(run, Behind(2 * SETTLED_S), effect=Effect.LASTING).verdict is not Verdict.PASS
    assert look(run, Behind(0.3), effect=Effect.LASTING, timed=True).verdict is not Verdict.PASS


def test_what_was_waited_for_is_no_haste() -> None:
    """A check that itself let the time pass in which a write must be seen is not excused for having looked too early."""

    async def patient(api: Api) -> None:
        made = await send(WRITE)
        await wait(SETTLED_S)
        seen = await send(READ)
        if not seen.success:
            raise Nonconformity("200", seen.status, seen, made)

    result = look(patient, Behind(1.5), effect=Effect.OWN)
    assert (result.verdict, result.reason.partition(":")[0]) == (Verdict.INCONCLUSIVE, "unstable")


def test_only_what_was_seen_late_is_excused() -> None:
    """Not the case beside it that wrote nothing, and not the cases that were too many to be looked at again."""
    late = [str(n) for n in range(REPEATED + KEPT + 1)]

    async def read_back_one(api: Api, case: str) -> None:
        await read_back(api)

    assert look(read_back_one, Behind(0.3), cases=late[:KEPT], effect=Effect.OWN).verdict is Verdict.PASS
    assert look(read_back_one, Behind(0.3), cases=late, effect=Effect.OWN).verdict is Verdict.INCONCLUSIVE

    tried: list[str] = []

    async def one_wrote(api: Api, case: str) -> None:
        if case == "writes":
            return await read_back(api)
        tried.append(case)
        seen = await send(READ)
        if len(tried) == 1:
            raise Nonconformity("a", "b", seen)
        return None

    assert look(one_wrote, Behind(0.3), cases=["writes", "reads"], effect=Effect.OWN).verdict is Verdict.INCONCLUSIVE


def test_a_pass_rests_on_the_last_answer_of_each_case() -> None:
    """In the round that counts for it; what was set up for all of them is none of it."""

    async def ready(api: Api) -> None:
        await send(READ)

    async def case(api: Api, case: str, ready: object) -> None:
        await (read_back(api) if case == "late" else expects_200(api))

    class Early(Behind):
        async def __call__(self, at: Path, step: Asked) -> Any:
            seen = await super().__call__(at, step)
            return replace(seen, status=200) if isinstance(step, Request) and at[1] == 0 else seen

    result = look(case, Early(0.3), cases=["quick", "late"], ready=ready, effect=Effect.OWN)
    assert result.verdict is Verdict.PASS
    assert result.evidence == ((1, 0, 0), (3, 0, 2)), "a round counts the cases that it makes again"

    async def set_up(api: Api, case: str, ready: object) -> None:
        await (read_as_set_up(api) if case == "late" else expects_200(api))

    result = look(set_up, Early(0.3), cases=["quick", "late"], ready=ready, effect=Effect.OWN)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert result.evidence == ((1, 0, 0), (2, 0, 2))


def test_what_is_never_seen_is_a_finding() -> None:
    """Time changes nothing there: it fails again, unhurried."""
    result = look(read_back, Behind(3600.0), effect=Effect.OWN)
    assert result.verdict is Verdict.FAIL
    assert not result.findings[0].seen_once
    assert look(read_as_set_up, Behind(3600.0), effect=Effect.OWN).verdict is Verdict.INCONCLUSIVE


def test_an_early_look_that_fails_unhurried_must_fail_again() -> None:
    """What could not be looked at in haste, and is wrong when it can be, is a finding once it reproduces."""

    async def wrong(api: Api) -> None:
        await send(WRITE)
        seen = await given(READ.with_(target=f"/notes/{api.fresh()}"))
        raise Nonconformity("a title", "none", seen)

    result = look(wrong, Behind(0.3), effect=Effect.OWN)
    assert result.verdict is Verdict.FAIL
    [finding] = result.findings
    assert [at[0] for at in finding.evidence] == [2, 3]


def test_a_failure_without_a_write_before_it_stays_unstable() -> None:
    """Nothing was written that could be seen late."""
    assert look(expects_200, Server(500, 200), effect=Effect.OWN).verdict is Verdict.INCONCLUSIVE


def test_set_up_that_looked_too_early_is_made_again() -> None:
    """The control of all cases is given the same time."""

    async def case(api: Api, case: str, ready: object) -> None:
        await send(READ)

    result = look(case, Behind(0.3), cases=["a"], ready=read_as_set_up, effect=Effect.OWN)
    assert result.verdict is Verdict.PASS


def test_each_look_has_values_of_its_own() -> None:
    """What is set up, what is set up again and the case itself never meet in one name."""
    seen: list[str] = []

    async def ready(api: Api) -> None:
        await send(WRITE)
        seen.append(api.fresh())
        await given(READ)

    async def case(api: Api, case: str, ready: object) -> None:
        seen.append(api.fresh())
        await send(READ)

    assert look(case, Behind(0.3), cases=["a", "b"], ready=ready, effect=Effect.OWN).verdict is Verdict.PASS
    assert len(set(seen)) == len(seen) == 4


def test_set_up_that_cannot_be_undone_is_not_made_again() -> None:
    """And set-up that found something else than a read that came too early is not made again either."""
    server = Behind(2 * SETTLED_S)

    async def case(api: Api, case: str, ready: object) -> None:
        await send(READ)

    result = look(case, server, cases=["a"], ready=read_as_set_up, effect=Effect.LASTING)
    assert (result.verdict, result.requests) == (Verdict.INCONCLUSIVE, 2)

    async def refused(api: Api) -> None:
        raise Inconclusive("no such thing", await send(WRITE))

    result = look(case, Behind(0.3), cases=["a"], ready=refused, effect=Effect.OWN)
    assert (result.verdict, result.requests) == (Verdict.INCONCLUSIVE, 1)


@pytest.mark.parametrize(
    ("effect", "status", "disturbed", "tries"),
    [
        (Effect.READ, 404, False, 2),
        (Effect.READ, 410, False, 2),
        (Effect.READ, 200, False, 2),
        (Effect.READ, 404, True, 1),
        (Effect.READ, 500, False, 1),
        (Effect.OWN, 404, False, 1),
        (Effect.OWN, 200, False, 1),
    ],
)
def test_only_a_read_can_come_too_early(effect: Effect, status: int, disturbed: bool, tries: int) -> None:
    """It did not find, or found what was there before; where others disturbed the look, or anything else ended it, patience helps nothing."""

    async def unsure(api: Api) -> None:
        raise Inconclusive("?", await send(replace(READ, effect=effect)), disturbed=disturbed)

    assert look(unsure, Server(status), effect=Effect.OWN).requests == tries

    async def said(api: Api) -> None:
        raise Inconclusive("nothing was sent")

    assert look(said, Server(status), effect=Effect.OWN).requests == 0


@pytest.mark.parametrize(
    ("status", "effect", "verdict"),
    [(404, Effect.READ, "pass"), (410, Effect.READ, "pass"), (200, Effect.READ, "inconclusive"), (404, Effect.LASTING, "inconclusive")],
)
def test_what_changes_with_time_is_excused_where_it_was_not_there(status: int, effect: Effect, verdict: str) -> None:
    """A check that looks at what time does is made again as fast as before, and only an absence is put down to a server that is behind."""
    fresh: list[str] = []

    class Once(Behind):
        async def __call__(self, at: Path, step: Asked) -> Any:
            seen = await super().__call__(at, step)
            return replace(seen, status=status) if seen is not None and at[0] == 1 and at[2] == 1 else seen

    async def moment(api: Api) -> None:
        fresh.append(api.fresh())
        made = await send(WRITE)
        seen = await send(replace(READ, effect=effect))
        later = await send(READ)
        if len(fresh) == 1:
            raise Nonconformity("there", "not", seen, made, later)

    timed = look(moment, Once(0.0), effect=Effect.OWN, timed=True)
    assert timed.verdict == verdict
    assert len(set(fresh)) == len(fresh), "each round has values of its own"
    if verdict == "inconclusive":
        fresh.clear()
        assert look(moment, Once(0.0), effect=Effect.OWN).verdict is Verdict.PASS
    hasty = look(read_back, Behind(0.3), effect=Effect.OWN, timed=True)
    assert hasty.verdict is Verdict.PASS

    async def counts(api: Api) -> None:
        await send(WRITE)
        seen = await send(READ.with_(operation="getNote"), also=(404,))
        raise Nonconformity("more", "less", await send(WRITE), seen)

    waits = Behind(0.3)
    began = waits.clock
    assert look(counts, waits, effect=Effect.OWN, timed=True).verdict is Verdict.FAIL
    assert waits.clock == began, "no time is let pass"


def test_what_a_check_is_called_with() -> None:
    """What it is about, the case, what set-up gave, and the arguments of the requirement; set-up has neither case nor arguments."""
    got: list[tuple[Any, ...]] = []

    async def ready(api: Api, *on: Any) -> str:
        got.append(("ready", *on))
        await send(READ)
        return "made"

    async def run(api: Api, *rest: Any, size: int) -> int:
        got.append((*rest, size))
        await send(READ)
        return 7

    resource, operation = PROFILE.resource("note"), PROFILE.operation("getNote")
    for about, on, first in (("resource", "note", (resource,)), ("operation", "getNote", (operation,)), ("service", "", ())):
        got.clear()
        asked = replace(REQUIREMENT, on=on, arguments={"size": 3})
        assert look(run, Server(200), cases=["a"], ready=ready, requirement=asked, about=about).verdict is Verdict.PASS, (
            "what it returns is nothing"
        )
        assert got == [("ready", *first), (*first, "a", "made", 3)]


def test_what_was_noted_the_first_time_is_kept() -> None:
    """Not what a repetition notes; also where nothing may be repeated."""

    async def noting(api: Api) -> None:
        api.note("needs", api.fresh())
        raise Nonconformity("a", "b", await send(READ))

    for effect in (Effect.READ, Effect.LASTING):
        result = look(noting, Server(200), effect=effect)
        assert [f.kind for f in result.facts] == ["needs"], effect


def test_a_finding_of_set_up_is_that_of_each_case() -> None:
    """Each is named, and values are those of this requirement alone."""
    used: list[str] = []

    async def ready(api: Api) -> None:
        used.append(api.fresh())
        raise Nonconformity("a", "b", await send(READ))

    async def case(api: Api, case: str, ready: object) -> None:
        raise AssertionError("not reached")

    result = look(case, Server(200), cases=["a", "b"], ready=ready)
    assert (result.verdict, [f.case for f in result.findings]) == (Verdict.FAIL, ["a", "b"])
    look(case, Server(200), cases=["a", "b"], ready=ready, requirement=PROFILE.by_id["notes/get-about.answers"])
    assert len(set(used)) == 2

    async def alone(api: Api) -> None:
        used.append(api.fresh())
        await send(READ)

    look(alone, Server(200))
    look(alone, Server(200), requirement=PROFILE.by_id["notes/get-about.answers"])
    assert len(set(used)) == 4


def test_a_repetition_that_was_not_recorded_takes_nothing_back() -> None:
    """The finding stands, marked as seen once unless another case of it was seen twice; an unstable one stays what it was."""

    async def each(api: Api, case: str) -> None:
        raise Nonconformity("a", case, await send(READ))

    server = Server(200)
    both = look(each, server, cases=["one", "two"])
    assert [(f.seen_once, f.evidence) for f in both.findings] == [(False, ((1, 0, 0), (2, 0, 0))), (False, ((1, 1, 0), (2, 1, 0)))]
    once = look(each, Recording({at: x for at, x in server.seen.items() if at[0] == 1}), cases=["one", "two"])
    assert (once.verdict, [f.seen_once for f in once.findings]) == (Verdict.FAIL, [True, True])
    half = look(each, Recording({at: x for at, x in server.seen.items() if at != (2, 1, 0)}), cases=["one", "two"])
    assert [f.seen_once for f in half.findings] == [False, False]


def test_one_result_of_several_cases() -> None:
    """The first reason and the first operation that kept us from looking; of a fail the operation alone that all findings go back to."""

    async def blocked(api: Api, case: str) -> None:
        raise Inconclusive(f"no {case}", await send(WRITE), needs=case)

    result = look(blocked, Server(500), cases=["", "getAbout", "getNote"])
    assert (result.verdict, result.reason, result.blocked_by) == (Verdict.INCONCLUSIVE, "no ", "getAbout")
    assert (result.evidence, result.judged, result.failed, result.findings) == (((1, 0, 0), (1, 1, 0), (1, 2, 0)), 0, 0, ())

    async def off(api: Api, case: str) -> None:
        if case == "blocked":
            raise Inconclusive("no", await send(WRITE), needs="getAbout")
        raise Nonconformity("a", "b", await send(Request(operation="listThings", method="GET", target="/things")), cause=case)

    asked = requirement_of("x", "listThings")
    same, other = "not JSON", "x"
    for cases, root in ((["blocked", same, same], "listThings"), ([same, other], ""), ([other, same], "")):
        result = look(off, Server(200), cases=cases, requirement=asked, profile=SMALL)
        assert (result.verdict, result.blocked_by, result.cause) == (Verdict.FAIL, root, cases[-1] if root else cases[0])
        assert result.reason == "expected a; observed b"


def test_what_is_kept_of_many_findings_has_an_end() -> None:
    """They are all counted, and the first are told."""

    async def each(api: Api, case: str) -> None:
        raise Nonconformity("a", case, await send(READ))

    async def unsure(api: Api, case: str) -> None:
        raise Inconclusive(case, await send(WRITE))

    cases = [str(n) for n in range(KEPT + 5)]
    result = look(each, Server(200), cases=cases)
    assert (result.failed, [f.observed for f in result.findings]) == (KEPT + 5, cases[:KEPT])
    assert len(look(unsure, Server(200), cases=cases).evidence) == KEPT


def test_the_answer_to_everything_must_be_the_same_in_all() -> None:
    """Another status or another body is an answer of its own; so is one of several."""
    control = Exchange(request=READ, status=200, body=b"{}")

    async def two(api: Api) -> None:
        await send(READ)
        await send(READ, also=(404,))

    assert look(two, Server(200), control=control).verdict is Verdict.INCONCLUSIVE
    assert look(two, Server(404, 200), control=control).verdict is Verdict.PASS
    assert look(two, Server(200), control=replace(control, status=201)).verdict is Verdict.PASS
