"""Judge a recorded run again without the network: the same flows, answered from what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from conformance.api import Api
from conformance.checks.discovery import DISCOVERY, first_look
from conformance.checks.registry import Check
from conformance.claim import Claim
from conformance.exchange import Exchange, Path
from conformance.flow import Recording, drive, now
from conformance.planning.examine import examination, judged, needed, unlooked
from conformance.planning.plan import Test, fitted, make_plan, questions_of
from conformance.profile import Profile
from conformance.redaction import same_request
from conformance.run import Difference, Exchanges, Gap, Look, Result, Run
from conformance.scoring import leaves_nothing, settle
from conformance.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Flip:
    """A requirement whose verdict is another one now; None: it is not in that run."""

    requirement: str
    before: Verdict | None
    after: Verdict | None
    reason: str


def rejudge(run: Run, exchanges: Exchanges, profile: Profile, claim: Claim, checks: Mapping[str, Check]) -> Run:
    """Return *run* as *profile* judges it; a request that was never sent makes its requirement `not-tested`."""
    header = run.header
    test_data = header.target.get("test_data", {})
    speaks = fitted(profile, test_data)

    def tools(place: str) -> Api:
        return Api(
            profile=speaks,
            run_id=header.run_id,
            started=header.started,
            test_data=test_data,
            allowed=frozenset(header.allowed),
            place=place,
            sink_url=header.sink_url,
            nonce=header.nonce,
            url=str(header.target.get("url", "")),
        )

    look = now(drive(first_look(tools(DISCOVERY), questions_of(profile)), Recording(exchanges.get(DISCOVERY, {}), same_request)))
    plan = make_plan(profile, claim, checks, allowed=frozenset(header.allowed), test_data=test_data, answers=look.answers)
    before = {r.requirement: r for r in run.results}
    same = profile.digests == header.digests
    results: dict[str, Result] = {}
    for test in plan.tests:
        name = test.requirement.id
        recorded = exchanges.get(name, {})
        if name not in before and (same or header.selected):
            continue
        if test.settled is not None:
            results[name] = unlooked(test, *test.settled, profile)
        elif look.trouble:
            results[name] = unlooked(test, Verdict.NOT_TESTED, look.trouble, profile)
        elif blocking := next(
            (
                n
                for n in needed(test, profile)
                if n in results and leaves_nothing(results[n], test.requirement.level, test.requirement.draft)
            ),
            "",
        ):
            results[name] = unlooked(test, Verdict.NOT_TESTED, f"needs {blocking}", profile)
        elif not recorded:
            kept = before.get(name)
            if kept and kept.verdict is Verdict.NOT_TESTED:
                results[name] = kept
            elif kept and kept.verdict is Verdict.NOT_APPLICABLE:  # a check may end so without asking anything
                results[name] = _examined(test, {}, tools, look.control, profile)
            else:
                results[name] = unlooked(test, Verdict.NOT_TESTED, "recording does not cover it", profile)
        else:
            results[name] = _examined(test, recorded, tools, look.control, profile)
    scope = {s.feature: {"state": s.state, "reason": s.reason} for s in plan.scope.values()}
    new = replace(
        header,
        profile=profile.name,
        edition=profile.edition,
        title=profile.title,
        digests=profile.digests,
        tier=profile.tier,
        state=profile.state,
    )
    return replace(run, header=new, look=Look(trouble=look.trouble, scope=scope), results=tuple(results.values()))


def _examined(
    test: Test, recorded: Mapping[Path, Exchange], tools: Callable[[str], Api], control: Exchange | None, profile: Profile
) -> Result:
    answer = Recording(recorded, same_request)
    return judged(test, now(drive(examination(test, tools), answer)), answer.seen, control, profile)


def flips(before: Run, after: Run) -> list[Flip]:
    """Return the requirements whose settled verdict differs between two runs, in the order of the second."""
    old = {r.requirement: r for r in settle(before.results)}
    new = {r.requirement: r for r in settle(after.results)}
    found = []
    for name in dict.fromkeys([*new, *old]):
        a, b = old.get(name), new.get(name)
        if (a.verdict if a else None) != (b.verdict if b else None):
            found.append(
                Flip(requirement=name, before=a.verdict if a else None, after=b.verdict if b else None, reason=b.reason if b else "")
            )
    return found


def gap_between(run: Run, newest: Run, told: Iterable[str] = ()) -> Gap:
    """Return what *newest* (the same exchanges judged by another edition) asks that *run*'s edition does not find wanting; *told*: what it changes."""
    changed = {f.requirement for f in flips(run, newest) if f.after not in (Verdict.PASS, Verdict.NOT_APPLICABLE, None)}
    results = [r for r in settle(newest.results) if r.requirement in changed]
    both = {r.requirement for r in run.results}
    unseen = [r for r in results if r.requirement in both and r.verdict is Verdict.NOT_TESTED]
    results = [r for r in results if r not in unseen]
    return Gap(
        edition=newest.header.edition,
        changes=tuple(told),
        unseen=len(unseen),
        differences=tuple(Difference(requirement=r.requirement, level=r.level, verdict=r.verdict, reason=r.reason) for r in results),
    )
