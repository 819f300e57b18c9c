"""Look at one requirement: run its cases, repeat what failed on fresh data, fold the endings into a result.

`examination` is a flow like any check, so that live and offline take the very same way.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.api import Api
from conformance.checks.expect import broken_at, error_format_broken
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested, Stale, clip
from conformance.exchange import Exchange, Path
from conformance.flow import Flow, ending, together, unhurried
from conformance.planning.plan import Test
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.run import Fact, Finding, Result
from conformance.scoring import ERROR_FORMAT
from conformance.verdict import Effect, Verdict, fold

#: Failing cases that are repeated on fresh data: one that reproduces is enough for a fail.
REPEATED = 3
KEPT = 20
#: Seconds after which every write must be seen where the bindings set no time: standards rarely promise that it is seen at once.
SETTLED_S = 1.0

Tools = Callable[[str], Api]


@dataclass(frozen=True, slots=True)
class CaseEnding:
    """How one case ended: None is a pass if a response was seen."""

    index: int
    name: str
    error: Exception | None


@dataclass(frozen=True, slots=True)
class Examined:
    """The endings of all rounds; `again` holds the repeated cases, `once_more` those that ended otherwise the second time.

    `facts` is what the first round noted.
    """

    first: tuple[CaseEnding, ...]
    again: Mapping[int, Exception | None]
    facts: tuple[Fact, ...] = ()
    once_more: Mapping[int, Exception | None] = field(default_factory=dict)


async def examination(test: Test, tools: Tools) -> Examined:
    """Run set-up (step 0), all cases (step 1), and again what failed or looked too early (step 2; step 3 where that ended otherwise).

    Again is unhurried, as is what can be looked at only once: a server may take a moment until what was written, by the look or while
    setting up, is seen everywhere.
    """
    assert test.check is not None
    requirement = test.requirement.id
    repeatable = test.effect.weight < Effect.LASTING.weight
    ready: Any = None
    if test.check.ready is not None:
        [ready] = await together(ending(_made_ready(test, tools, repeatable)))
    else:
        await together(*[_nothing()])
    names = [case_name(case) for case in test.cases]
    if isinstance(ready, Exception):
        return Examined(tuple(CaseEnding(i, n, ready) for i, n in enumerate(names)), {})

    used: list[Api] = []
    lagging = set() if repeatable or test.check.timed else set(range(len(test.cases)))

    def fresh(place: str) -> Api:
        used.append(tools(place))
        return used[-1]

    async def round_of(indexes: Sequence[int], number: int) -> dict[int, Exception | None]:
        flows = [_call(test, fresh(f"{requirement}|{number}|{names[i]}"), test.check.run, test.cases[i], ready) for i in indexes]  # type: ignore[union-attr]
        ended = await together(*[ending(unhurried(f, SETTLED_S) if i in lagging else f) for i, f in zip(indexes, flows, strict=True)])
        return {i: e if isinstance(e, Exception) else None for i, e in zip(indexes, ended, strict=True)}

    first = await round_of(range(len(test.cases)), 1)
    facts = tuple(fact for api in used for fact in api.facts)
    if not repeatable:
        return Examined(tuple(CaseEnding(i, names[i], e) for i, e in first.items()), {}, facts)
    failing = [i for i, e in first.items() if isinstance(e, Nonconformity)]
    early = [i for i, e in first.items() if _early(e)]
    lagging.update(i for i, e in first.items() if not test.check.timed or _absent(e))
    again = await round_of([*failing[:REPEATED], *early[:KEPT]], 2)
    apart = [i for i, e in again.items() if (i in failing and e is None) or (i in early and isinstance(e, Nonconformity))]
    if not any(isinstance(again[i], Nonconformity) for i in failing[:REPEATED]):
        apart += failing[REPEATED:]
    once_more = await round_of(apart[:KEPT], 3)
    return Examined(tuple(CaseEnding(i, names[i], e) for i, e in first.items()), again, facts, once_more)


async def _made_ready(test: Test, tools: Tools, repeatable: bool) -> Any:
    """Run what a check sets up for all its cases; again, and unhurried, where it looked too early for what it wrote."""
    assert test.check is not None
    assert test.check.ready is not None
    making = _call(test, tools(f"{test.requirement.id}|ready"), test.check.ready, None, None)
    if not repeatable:
        return await unhurried(making, SETTLED_S)
    try:
        return await making
    except Inconclusive as error:
        if not _early(error):
            raise
    return await unhurried(_call(test, tools(f"{test.requirement.id}|ready again"), test.check.ready, None, None), SETTLED_S)


def _early(error: Exception | None) -> bool:
    """Tell whether a look could not be made because a read did not show what was written, or did not show it yet."""
    if not isinstance(error, Inconclusive) or error.disturbed or not error.evidence:
        return False
    last = error.evidence[-1]
    return any(x.request.effect is Effect.READ and (x.success or x.status in (404, 410)) for x in (last, error.evidence[0]))


def _absent(error: Exception | None) -> bool:
    """Tell whether a look ended because something was not there: what lag explains even where the moment itself is looked at."""
    evidence = error.evidence[:1] if isinstance(error, Nonconformity | Inconclusive) else ()
    return any(x.request.effect is Effect.READ and x.status in (404, 410) for x in evidence)


async def _nothing() -> None:
    return None


def _call(test: Test, api: Api, run: Callable[..., Flow[Any]], case: Any, ready: Any) -> Flow[Any]:
    """Call a check with what it takes: tools, the resource or operation, the case, what set-up gave, its parameters."""
    on = test.requirement.on
    arguments: list[Any] = [api]
    assert test.check is not None
    if test.check.about == "operation":
        arguments.append(api.operation(on))
    elif test.check.about == "resource":
        arguments.append(api.resource(on))
    if run is test.check.run:
        if test.check.cases is not None:
            arguments.append(case)
        if test.check.ready is not None:
            arguments.append(ready)
        return run(*arguments, **test.requirement.arguments)
    return run(*arguments)


def case_name(case: Any) -> str:
    """Return a short stable name of a case."""
    if case is None:
        return ""
    if isinstance(case, tuple):
        return " ".join(str(part) for part in case)
    return str(getattr(case, "id", case))


def judged(test: Test, examined: Examined, seen: Mapping[Path, Exchange], control: Exchange | None, profile: Profile) -> Result:
    """Fold the endings of all cases into the result: the one place where an ending becomes a verdict."""
    verdicts: list[Verdict] = []
    findings: list[Finding] = []
    reasons: dict[Verdict, str] = {}
    blocked = ""
    roots: list[tuple[str, str]] = []
    reproduced = any(isinstance(e, Nonconformity) for e in examined.again.values())
    evidence: list[Path] = []
    counts: dict[int, Path] = {}  # where the steps of the look that counts for a case begin, where it is not the first
    for case in examined.first:
        verdict, reason = _verdict(case, seen, control)
        excused = _absent(case.error) or not (test.check and test.check.timed)  # by a server that is a moment behind
        if verdict is Verdict.FAIL and isinstance(case.error, Nonconformity):
            again = examined.again.get(case.index, _Unrepeated)
            if excused and _seen_late(case.index, examined, seen):
                verdict, reason = Verdict.PASS, LATE
                counts[case.index] = _steps_of(case.index, 3, examined.once_more)
            elif again is not _Unrepeated and not isinstance(again, Nonconformity | Stale):
                verdict, reason = Verdict.INCONCLUSIVE, f"unstable: failed once ({case.error}), then did not"
            elif again is _Unrepeated and examined.again and not reproduced:
                verdict, reason = Verdict.INCONCLUSIVE, "unstable: other cases of this failure did not reproduce"
            else:
                once = again is _Unrepeated or isinstance(again, Stale)
                roots.append(_root(test.requirement, case.error, profile))
                found = _finding(case, case.error, again if isinstance(again, Nonconformity) else None, once and not reproduced)
                findings.append(_of_root(found, roots[-1]))
        elif verdict is Verdict.INCONCLUSIVE and case.index in examined.again:
            again, last = examined.again[case.index], examined.once_more.get(case.index)
            if isinstance(again, Nonconformity) and isinstance(last, Nonconformity):
                verdict, reason = Verdict.FAIL, str(again)
                roots.append(_root(test.requirement, again, profile))
                findings.append(_of_root(_finding(case, again, last, False), roots[-1]))
            elif again is None and excused:
                second = _steps_of(case.index, 2, examined.again)
                if any(x.status for at, x in seen.items() if at[:2] == second):
                    verdict, reason = Verdict.PASS, LATE
                    counts[case.index] = second
        if verdict is Verdict.INCONCLUSIVE and isinstance(case.error, Inconclusive) and case.error.needs:
            blocked = blocked or case.error.needs
        if case.error is not None and not findings and hasattr(case.error, "evidence"):
            evidence += [x.at for x in case.error.evidence]
        verdicts.append(verdict)
        reasons.setdefault(verdict, reason)
    verdict = fold(verdicts)
    if verdict is Verdict.PASS:
        evidence = _last_answers(seen, {counts.get(case.index, (1, case.index)) for case in examined.first})
    requirement = test.requirement
    times = [x.started_s for x in seen.values()], [x.ended_s for x in seen.values()]
    first = findings[0] if findings else None
    if verdict is Verdict.FAIL:  # of one cause, which another requirement finds: the scorer looks whether it does
        blocked = roots[0][0] if len(set(roots)) == 1 else ""
    return Result(
        requirement=requirement.id, level=requirement.level, draft=requirement.draft, clause=requirement.clause, basis=requirement.basis,
        feature=requirement.feature, sentence=requirement.sentence, check=requirement.check, on=requirement.on, family=requirement.family,
        needs=needed(test, profile), verdict=verdict, blocked_by=blocked if verdict in (Verdict.INCONCLUSIVE, Verdict.FAIL) else "",
        reason=f"expected {first.expected}; observed {first.observed}" if first and verdict is Verdict.FAIL else reasons.get(verdict, ""),
        cause=first.cause if first and verdict is Verdict.FAIL else "", findings=tuple(findings[:KEPT]) if verdict is Verdict.FAIL else (), facts=examined.facts,
        evidence=tuple(dict.fromkeys(evidence))[:KEPT], cases=len(examined.first),
        judged=sum(v in (Verdict.PASS, Verdict.FAIL) for v in verdicts), failed=len(findings), requests=sum(x.tries for x in seen.values()),
        started_s=round(min(times[0], default=0.0), 4), ended_s=round(max(times[1], default=0.0), 4),  # as exchanges are stored
    )  # fmt: skip


_Unrepeated: Any = object()
#: What is said of a pass that took patience.
LATE = "what was written is seen only after a moment"


def _verdict(case: CaseEnding, seen: Mapping[Path, Exchange], control: Exchange | None) -> tuple[Verdict, str]:
    error = case.error
    if error is None:
        answers = [x for at, x in seen.items() if at[:2] == (1, case.index) and x.status]
        if not answers:
            return Verdict.ERROR, "ended without looking at any response"
        if control is not None and all(_alike(x, control) for x in answers):
            return Verdict.INCONCLUSIVE, "no evidence: the same answer as for a path that does not exist"
        return Verdict.PASS, ""
    if isinstance(error, Nonconformity):
        return Verdict.FAIL, str(error)
    if isinstance(error, Inconclusive):
        return Verdict.INCONCLUSIVE, str(error)
    if isinstance(error, NotTested):
        return Verdict.NOT_TESTED, str(error)
    if isinstance(error, NotApplicable):
        return Verdict.NOT_APPLICABLE, str(error)
    where = traceback.extract_tb(error.__traceback__)[-1:] if error.__traceback__ else []
    place = f" at {where[0].name}:{where[0].lineno}" if where else ""
    return Verdict.ERROR, clip(f"{type(error).__name__}: {error}{place}")


def _of_root(found: Finding, root: tuple[str, str]) -> Finding:
    return replace(found, cause=root[1]) if root[1] else found


def _root(requirement: Requirement, error: Nonconformity, profile: Profile) -> tuple[str, str]:
    """Return the operation whose answer is not what the contract documents at the very place of a finding, and how its `answer` calls that.

    Of an error it is the format of the standard's errors that is broken. Both are '' where the finding stands on its own.
    """
    seen = error.evidence[0] if error.evidence else None
    if seen is None or requirement.family == "answers":
        return "", ""
    if not seen.success:
        told = error.cause == "not JSON" or error.place is not None or requirement.family == "answer"
        return (seen.request.operation, ERROR_FORMAT) if told and error_format_broken(profile, seen) else ("", "")
    operation = profile.contract.operations.get(seen.request.operation)
    if requirement.family == "answer" or operation is None:
        return "", ""
    promised = operation.documented(seen.status)
    absent = [f"no {name} header" for name, needed in promised.headers.items() if needed and seen.header(name) is None] if promised else []
    if error.cause in ("not JSON", f"status of {operation.title}"):
        return operation.id, error.cause
    if error.cause in absent:
        return operation.id, absent[0]
    cause = broken_at(profile, seen, error.place) if error.place is not None else ""
    return (seen.request.operation, cause) if cause else ("", "")


def _alike(a: Exchange, b: Exchange) -> bool:
    return a.status == b.status and a.body == b.body


def _finding(case: CaseEnding, first: Nonconformity, again: Nonconformity | None, seen_once: bool) -> Finding:
    paths = tuple(dict.fromkeys(x.at for error in (first, again) if error for x in error.evidence))
    return Finding(case=case.name, expected=first.expected, observed=first.observed, cause=first.cause, evidence=paths, seen_once=seen_once)


def _steps_of(index: int, number: int, cases: Mapping[int, Exception | None]) -> Path:
    """Return where the steps of a case begin in a round that made only some *cases* again, and counts those it made."""
    return (number, list(cases).index(index))


def _last_answers(seen: Mapping[Path, Exchange], looks: Set[Path]) -> list[Path]:
    """Return the last exchange of each case in the look that counts, at most `KEPT`: what a pass rests on."""
    last: dict[Path, Path] = {}
    for at in sorted(at for at, x in seen.items() if at[:2] in looks and x.status):
        last[at[:2]] = at
    return list(last.values())[:KEPT]


def _seen_late(index: int, examined: Examined, seen: Mapping[Path, Exchange]) -> bool:
    """Tell whether a case failed only because it read at once what it had written: unhurried, it passes whenever it is looked at."""
    if examined.once_more.get(index, _Unrepeated) is not None:
        return False
    mine = [x for at, x in seen.items() if at[:2] == (1, index)]
    written = [x.ended_s for x in mine if x.success and x.request.effect is not Effect.READ]
    return any(0 <= x.started_s - w < SETTLED_S for w in written for x in mine if x.request.effect is Effect.READ)


def unlooked(test: Test, verdict: Verdict, reason: str, profile: Profile) -> Result:
    """Return the result of a requirement that is not looked at."""
    r = test.requirement
    return Result(
        requirement=r.id,
        level=r.level,
        draft=r.draft,
        clause=r.clause,
        basis=r.basis,
        feature=r.feature,
        sentence=r.sentence,
        check=r.check,
        on=r.on,
        family=r.family,
        needs=needed(test, profile),
        verdict=verdict,
        reason=reason,
        cases=len(test.cases),
    )


def needed(test: Test, profile: Profile) -> tuple[str, ...]:
    """Return the ids whose failure leaves nothing to look at: those named, and `answers` of the operations the check must use."""
    r = test.requirement
    found = list(r.needs)
    for name in (r.on, r.arguments.get("operation")) if not r.family else ():
        if isinstance(name, str) and name in profile.contract.operations:
            found.append(f"{profile.name}/{profile.operation(name).slug}.answers")
    if r.on in profile.bindings.resources and test.check is not None:
        resource = profile.resource(r.on)
        for role in test.check.roles:
            operation = getattr(resource, role)
            if operation:
                found += [f"{profile.name}/{profile.operation(operation).slug}.{family}" for family in ("answers", "answer")]
    walk = profile.workflows.get(str(r.arguments.get("workflow"))) if r.check == "workflow" else None
    for step in walk.steps if walk else ():
        if r.arguments.get("judges") in step.requirements and step.operation in profile.contract.operations:
            found += [f"{profile.name}/{profile.operation(step.operation).slug}.{family}" for family in ("answers", "answer")]
    if r.family == "authentication" or r.check in ("anonymous-allowed", "challenge"):
        found.append(next((q.id for q in profile.requirements if q.check == "service-authentication" and q.id != r.id), ""))
    return tuple(dict.fromkeys(i for i in found if i and i != r.id and i in profile.by_id))
