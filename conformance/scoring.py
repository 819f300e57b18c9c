"""The one scorer: results of a run in, settled results, totals, conclusion and exit code out. Every output uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from conformance.requirement import REASONS
from conformance.run import Result, Run
from conformance.verdict import Level, Verdict

#: With more than this share of the MUSTs in scope inconclusive, a profile may not read "conforms".
ENOUGH = 0.10
#: How the cause begins of an answer that no other check can read: not JSON, another kind of value, without its items or id.
UNUSABLE = "unusable answer"
#: How the cause begins of an error that is not in the format of the standard's errors, wherever it was met.
ERROR_FORMAT = "error format"
#: How far a cause is followed; real chains have three links, forged ones may have any number.
DEEPEST = 50


class Exit(IntEnum):
    """Exit codes; where several apply the first in this order wins: INTERRUPTED, USAGE, UNREACHABLE, FAILED, BROKEN, INCOMPLETE, PASSED."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    BROKEN = 4
    INCOMPLETE = 5
    INTERRUPTED = 130


def worst(codes: Iterable[Exit]) -> Exit:
    """Return the exit code of several: the first that applies in the order of `Exit`; of none at all, INCOMPLETE.

    >>> worst([Exit.PASSED, Exit.FAILED, Exit.BROKEN]).name
    'FAILED'
    """
    order = (Exit.INTERRUPTED, Exit.USAGE, Exit.UNREACHABLE, Exit.FAILED, Exit.BROKEN, Exit.INCOMPLETE, Exit.PASSED)
    return min(codes, key=order.index, default=Exit.INCOMPLETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts by verdict; `applicable` is the denominator: all that are in scope, whether or not we could look."""

    counts: Mapping[Verdict, int]
    unobservable: int = 0

    @property
    def total(self) -> int:
        """All requirements counted."""
        return sum(self.counts.values())

    @property
    def applicable(self) -> int:
        """Those in scope: all but not-applicable."""
        return self.total - self[Verdict.NOT_APPLICABLE]

    @property
    def judged(self) -> int:
        """Those that passed or failed."""
        return self[Verdict.PASS] + self[Verdict.FAIL]

    def __getitem__(self, verdict: Verdict) -> int:
        return self.counts.get(verdict, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Requirements that failed for one reason."""

    cause: str
    level: Level
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What a run says: totals per level (drafts apart), the causes of its fails, a conclusion and an exit code."""

    results: tuple[Result, ...]
    tallies: Mapping[Level, Tally]
    programme: Tally
    drafts: Tally
    causes: tuple[Cause, ...]
    conclusion: str
    trouble: str
    exit_code: Exit

    def verdict(self, requirement: str) -> Verdict | None:
        """Return the verdict on a requirement, or None when it is not in the run."""
        return next((r.verdict for r in self.results if r.requirement == requirement), None)


def blocks(result: Result) -> bool:
    """Tell whether a result leaves nothing to look at for those that need it: a fail, and of an `answer` only one that cannot be used."""
    return result.verdict is Verdict.FAIL and (result.family != "answer" or result.cause.startswith(UNUSABLE))


def leaves_nothing(cause: Result, level: Level, draft: bool) -> bool:
    """Tell whether a failed need leaves nothing to look at for a requirement that counts so: a lesser fail never hides a greater one."""
    return blocks(cause) and _counts_as_much(cause, level, draft)


def _counts_as_much(cause: Result, level: Level, draft: bool) -> bool:
    order = list(Level)
    return order.index(cause.level) <= order.index(level) and (not cause.draft or draft)


def settle(results: Sequence[Result]) -> tuple[Result, ...]:
    """Return the results with each cause failing once: what could not pass because of another fail is not tested and names that fail.

    Of fails that need each other in a circle the one met last stands, and a fail is excused only by one that counts as much:
    a cause never vanishes from the totals. A finding at a place of an answer that is not as documented is that of its `answer`, where
    this fails for the same.
    """
    formats = [r for r in results if r.verdict is Verdict.FAIL and r.cause.startswith(ERROR_FORMAT) and not r.blocked_by]
    formats = [r for r in formats if r.check == "service-error-format"] or formats[:1]
    broken = {(r.on, r.cause): r for r in results if r.verdict is Verdict.FAIL and r.family == "answer" and r.cause}
    failed = {r.requirement: r for r in results if blocks(r)}
    answers = {r.on: r.requirement for r in failed.values() if r.family in ("answers", "answer")}
    roots: dict[str, str] = {}

    def cause_of(result: Result, above: tuple[str, ...] = ()) -> str:
        """Return the fail that *result* goes back to; '' when it stands on its own."""
        name = result.requirement
        if name not in roots:
            below = (*result.needs, answers.get(result.blocked_by, "")) if len(above) < DEEPEST else ()
            names = [n for n in below if n in failed and n != name and n not in above and _excuses(failed[n], result)]
            found = sharing(result) if len(above) < DEEPEST else []
            shared = [r for r in found if r.requirement != name and r.requirement not in above]
            roots[name] = next((cause_of(r, (*above, name)) or r.requirement for r in (*[failed[n] for n in names], *shared)), "")
        return roots[name]

    def sharing(result: Result) -> list[Result]:
        """Return the fails that found the same thing wrong with the same answer, or with errors as such."""
        if result.verdict is not Verdict.FAIL or result in formats:
            return []
        found = [broken[result.blocked_by, result.cause]] if (result.blocked_by, result.cause) in broken else []
        if result.cause.startswith(ERROR_FORMAT):
            found += [r for r in formats if result.blocked_by or r.check == "service-error-format"]
        return [r for r in found if _counts_as_much(r, result.level, result.draft)]

    settled: dict[str, Result] = {}
    for result in results:
        root = cause_of(result) if result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED) else ""
        if root:
            result = replace(result, verdict=Verdict.NOT_TESTED, reason=f"needs {root}", findings=(), cause="")
        settled[result.requirement] = result
    return tuple(settled.values())


def _excuses(cause: Result, result: Result) -> bool:
    """Tell whether the fail *cause* may stand for *result*: a failed SHOULD, MAY or draft does not hide a failed MUST."""
    return result.verdict is not Verdict.FAIL or leaves_nothing(cause, result.level, result.draft)


def tally(results: Iterable[Result]) -> Tally:
    """Count results by verdict."""
    counts: dict[Verdict, int] = {}
    unobservable = 0
    for result in results:
        counts[result.verdict] = counts.get(result.verdict, 0) + 1
        unobservable += result.verdict is Verdict.NOT_TESTED and result.reason in REASONS
    return Tally(counts=counts, unobservable=unobservable)


def score(run: Run) -> Score:
    """Score a run."""
    results = settle(run.results)
    counted = [r for r in results if not r.draft]
    tallies = {level: tally(r for r in counted if r.level is level) for level in Level}
    trouble = run.look.trouble if run.look else ""
    refused = [r for r in counted if r.verdict is Verdict.INCONCLUSIVE and r.reason.startswith("credentials refused")]
    if not trouble and refused and not any(r.verdict in (Verdict.PASS, Verdict.FAIL) for r in counted):
        trouble = refused[0].reason
    return Score(
        results=results,
        tallies=tallies,
        programme=tally(r for r in counted if r.basis == "programme"),
        drafts=tally(r for r in results if r.draft),
        causes=causes(counted),
        conclusion=_conclusion(run, tallies[Level.MUST], trouble),
        trouble=trouble,
        exit_code=_exit(run, results, tallies[Level.MUST], trouble),
    )


def standing(said: Score) -> Verdict:
    """Return the one verdict that stands for a whole run where there is room for a single symbol; the conclusion says the rest."""
    if said.conclusion.startswith("does not conform"):
        return Verdict.FAIL
    if said.conclusion.startswith("conforms"):
        return Verdict.PASS
    return Verdict.ERROR if said.exit_code is Exit.BROKEN else Verdict.INCONCLUSIVE


def causes(results: Iterable[Result]) -> tuple[Cause, ...]:
    """Group failed results by cause, MUSTs first, then the causes that explain most."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict is Verdict.FAIL:
            groups.setdefault(result.cause or result.requirement, []).append(result)
    order = list(Level)
    found = [Cause(cause=c, level=min((r.level for r in rs), key=order.index), results=tuple(rs)) for c, rs in groups.items()]
    return tuple(sorted(found, key=lambda c: (order.index(c.level), -len(c.results), c.cause)))


def _conclusion(run: Run, must: Tally, trouble: str) -> str:
    name = f"profile {run.header.profile} edition {run.header.edition}"
    if trouble:
        return f"nothing can be said of {name}: {trouble}"
    if must[Verdict.FAIL]:
        return f"does not conform to {name}: {must[Verdict.FAIL]} of {must.applicable} MUSTs in scope failed"
    if not run.complete and (run.footer is None or run.footer.ended != "budget"):
        return f"nothing can be said of {name} yet: the run was cut short"
    if not must[Verdict.PASS]:
        return f"nothing can be said of {name}: no MUST could be judged"
    if must[Verdict.ERROR] or must[Verdict.INCONCLUSIVE] > ENOUGH * must.applicable:
        unsure = must[Verdict.INCONCLUSIVE] + must[Verdict.ERROR]
        return f"not enough evidence for {name}: {unsure} of {must.applicable} MUSTs in scope are inconclusive"
    unjudged = must[Verdict.NOT_TESTED] - must.unobservable
    if unjudged or run.header.selected or not run.complete:
        return f"nothing failed, but {name} was not wholly tested: {unjudged} of {must.applicable} MUSTs in scope were not looked at"
    return f"conforms to {name}, {run.header.run_by}-run"


def _exit(run: Run, results: Sequence[Result], must: Tally, trouble: str) -> Exit:
    if run.footer is not None and run.footer.ended == "interrupted":
        return Exit.INTERRUPTED
    if trouble:
        return Exit.UNREACHABLE
    if must[Verdict.FAIL]:
        return Exit.FAILED
    if any(r.verdict is Verdict.ERROR for r in results):
        return Exit.BROKEN
    if not must[Verdict.PASS] or run.header.selected or not run.complete or must.judged + must.unobservable < must.applicable:
        return Exit.INCOMPLETE
    return Exit.PASSED
