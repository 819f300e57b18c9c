"""The gate of a build: what has become worse, what fails and was not waived, and which dispositions no longer hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from conformance.disposition import Disposition, covering, day_of
from conformance.planning.rejudge import Flip, flips
from conformance.run import Result, Run
from conformance.scoring import Exit, Score, score, worst
from conformance.verdict import Level, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """A failed requirement and what was decided about it."""

    result: Result
    by: Disposition


@dataclass(frozen=True, slots=True, kw_only=True)
class Moot:
    """A waiver of something that passes."""

    by: Disposition
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the gate finds in one run; `problems` are the lines that keep it closed."""

    about: str
    profile: str
    edition: str
    day: date
    score: Score
    changed: tuple[Flip, ...]
    regressions: tuple[Flip, ...]
    failed: tuple[Result, ...]
    waived: tuple[Covered, ...]
    disputed: tuple[Covered, ...]
    expired: tuple[Disposition, ...]
    moot: tuple[Moot, ...]
    problems: tuple[str, ...]
    other_profile: bool
    exit_code: Exit


def gate(
    before: Run | None, after: Run, dispositions: Sequence[Disposition] = (), *, strict: bool = False, day: date | None = None
) -> Gate:
    """Hold a run against an earlier one (or against nothing) and against what was decided.

    Args:
        strict: a pass that could not be judged any more, or is out of scope now, is a regression too.
        day: when dispositions have to hold; default: the day the run ended.
    """
    said = score(after)
    about = after.header.about
    day = day or day_of(after.ended)
    counted = [r for r in said.results if not r.draft]
    drafts = {r.requirement for r in said.results if r.draft}
    mine = [d for d in dispositions if any(d.covers(r.requirement, about) for r in said.results)]
    expired = tuple(d for d in mine if d.expired(day))
    decided = {r.requirement: covering(mine, r.requirement, about, day) for r in counted if r.verdict is Verdict.FAIL}
    covered = [Covered(result=r, by=by) for r in counted if (by := decided.get(r.requirement)) is not None]
    waived = tuple(c for c in covered if c.by.disposition == "waived")
    free = {c.result.requirement for c in waived}
    changed = tuple(flips(before, after)) if before else ()
    worse = {Verdict.FAIL, Verdict.ERROR}
    regressions = tuple(
        f
        for f in changed
        if f.before is Verdict.PASS and (f.after in worse or strict) and f.requirement not in free and f.requirement not in drafts
    )
    failed = tuple(r for r in counted if r.verdict is Verdict.FAIL and r.level is Level.MUST and r.requirement not in free)
    moot = tuple(m for d in mine if d.disposition == "waived" and (m := _moot(d, counted, about)) is not None)
    problems = (
        *(
            f"regression: {f.requirement}: {_word(f.before)} -> {_word(f.after)}" + (f" ({f.reason})" if f.reason else "")
            for f in regressions
        ),
        *(f"failed MUST, not waived: {r.requirement}: {r.reason}" for r in failed),
        *(f"disposition expired on {d.expires}: {d.disposition} {d.requirement} at {d.target} (owner {d.owner})" for d in expired),
        *(
            f"waived, but it passes: {', '.join(m.requirements)} (waiver of {m.by.requirement} at {m.by.target}, owner {m.by.owner}): remove it"
            for m in moot
        ),
    )
    return Gate(
        about=about, profile=after.header.profile, edition=after.header.edition, day=day, score=said, changed=changed, regressions=regressions,
        failed=failed, waived=waived, disputed=tuple(c for c in covered if c.by.disposition == "disputed"), expired=expired, moot=moot,
        problems=(*problems, *_unfinished(after, said)), other_profile=before is not None and before.header.digests != after.header.digests,
        exit_code=worst([Exit.FAILED if problems else Exit.PASSED, _ended(after, said)]),
    )  # fmt: skip


def _moot(disposition: Disposition, results: Sequence[Result], about: str) -> Moot | None:
    """Return a waiver whose every requirement that was judged passes; where one still fails it is needed."""
    judged = [r for r in results if disposition.covers(r.requirement, about) and r.verdict in (Verdict.PASS, Verdict.FAIL)]
    if not judged or any(r.verdict is Verdict.FAIL for r in judged):
        return None
    return Moot(by=disposition, requirements=tuple(r.requirement for r in judged))


def _ended(run: Run, said: Score) -> Exit:
    """Return what keeps the gate closed although nothing failed: nobody was there, or the run is not whole."""
    if said.exit_code in (Exit.UNREACHABLE, Exit.INTERRUPTED):
        return said.exit_code
    return Exit.PASSED if run.complete and said.tallies[Level.MUST].judged else Exit.INCOMPLETE


def _unfinished(run: Run, said: Score) -> tuple[str, ...]:
    if said.trouble:
        return (f"nothing could be judged: {said.trouble}",)
    if not run.complete:
        return ("the run was cut short",)
    return () if said.tallies[Level.MUST].judged else ("no MUST was judged",)


def _word(verdict: Verdict | None) -> str:
    return verdict.value if verdict else "absent"
