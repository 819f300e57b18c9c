"""What the dashboard keeps of a run: one line for its history, the details of the latest. Every number is the scorer's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from conformance.run import Fact, Run
from conformance.scoring import Score, Tally, score, standing
from conformance.verdict import Level, Verdict

#: Part of the key of what is cached: a new number here makes every run be scored again.
FORMAT = 3
MAX_REASON = 600
_LETTERS = dict(zip(Verdict, "npoifx", strict=True))
_VERDICTS = {letter: verdict for verdict, letter in _LETTERS.items()}

#: Counts in the order of `Verdict`, then how many cannot be observed by anybody.
Counts = tuple[int, ...]


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A run in the history of a cell. `names` and `verdicts` go together, a letter for each requirement; drafts are in them, too.

    `tried` is what a submitted run was to be judged by again; `flipped` how many of its verdicts that changed, None where it was not judged again.
    """

    run_id: str
    folder: str
    digest: str
    started: float
    profile: str
    edition: str
    title: str
    interface: int
    judged_by: str
    system: str
    partner: str
    kind: str
    run_by: str
    suite: str
    state: str
    selected: str
    complete: bool
    ended: str
    standing: Verdict
    conclusion: str
    exit_code: int
    tallies: tuple[Counts, ...]
    requests: int
    seconds: float
    names: str
    verdicts: str
    tried: str = ""
    flipped: int | None = None

    @property
    def key(self) -> str:
        """What the details of this run, as it was judged, are kept under."""
        return f"{self.digest} {self.tried}"

    def tally(self, level: Level = Level.MUST) -> Tally:
        """Return the counts of a level as the scorer counted them."""
        *counts, unobservable = self.tallies[list(Level).index(level)]
        return Tally(counts=dict(zip(Verdict, counts, strict=True)), unobservable=unobservable)


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A requirement in the latest run of a cell; `cause`, `reason` and `expected` may hold what the server sent."""

    requirement: str
    level: Level
    draft: bool
    basis: str
    feature: str
    clause: str
    sentence: str
    check: str
    verdict: Verdict
    cause: str
    reason: str
    expected: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """What only the latest run of a cell needs; `causes` are lists of requirements that failed for one reason, as the scorer grouped them."""

    rows: tuple[Row, ...]
    causes: tuple[tuple[str, tuple[str, ...]], ...]
    facts: tuple[Fact, ...]
    features: Mapping[str, str]
    scope: Mapping[str, Mapping[str, str]]
    trouble: str
    programme: Counts
    drafts: Counts
    leftovers: int
    allowed: tuple[str, ...]
    server_says: str
    notes: tuple[str, ...]
    seed: int
    digests: Mapping[str, str]


def judged_by(digests: Mapping[str, str]) -> str:
    """Return twelve digits that are equal where two runs were judged by the same profile, contract, bindings, corpus and workflows."""
    text = "\n".join(f"{name} {value}" for name, value in sorted(digests.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def names_of(said: Score) -> tuple[str, ...]:
    """Return the requirements of a run in the order in which a line holds their verdicts."""
    return tuple(sorted(r.requirement for r in said.results))


def line_of(
    run: Run, said: Score, *, folder: str, digest: str, names: str, system: str, partner: str, kind: str, tried: str = "",
    flipped: int | None = None,
) -> Line:  # fmt: skip
    """Return the line of a run; *names* is the key of its `names_of`."""
    head = run.header
    by_name = {r.requirement: _LETTERS[r.verdict] for r in said.results}
    return Line(
        run_id=head.run_id, folder=folder, digest=digest, started=head.started, profile=head.profile, edition=head.edition,
        title=head.title or head.profile, interface=head.interface, judged_by=judged_by(head.digests), system=system, partner=partner,
        kind=kind, run_by=head.run_by, suite=head.suite, state=head.state, selected=head.selected, complete=run.complete,
        ended=run.footer.ended if run.footer else "cut short", standing=standing(said), conclusion=said.conclusion,
        exit_code=int(said.exit_code), tallies=tuple(_counts(said.tallies[level]) for level in Level),
        requests=run.footer.requests if run.footer else sum(r.requests for r in run.results),
        seconds=run.footer.ended_s if run.footer else 0.0, names=names, verdicts="".join(by_name[n] for n in names_of(said)),
        tried=tried, flipped=flipped,
    )  # fmt: skip


def detail_of(run: Run) -> Detail:
    """Return the details of a run."""
    said = score(run)
    rows = tuple(
        Row(
            r.requirement, r.level, r.draft, r.basis, r.feature, r.clause, r.sentence, r.check, r.verdict, r.cause, r.reason[:MAX_REASON],
            r.findings[0].expected[:MAX_REASON] if r.findings else "",
        )
        for r in said.results
    )  # fmt: skip
    claimed: Any = run.header.claim.get("features", {}) if run.header.claim else {}
    return Detail(
        rows=rows, causes=tuple((c.cause, tuple(r.requirement for r in c.results)) for c in said.causes),
        facts=tuple(f for r in said.results for f in r.facts),
        features={str(k): str(v) for k, v in claimed.items()}, scope=dict(run.look.scope) if run.look else {}, trouble=said.trouble,
        programme=_counts(said.programme), drafts=_counts(said.drafts), leftovers=len(run.leftovers), allowed=run.header.allowed,
        server_says=run.header.server_says, notes=run.header.notes, seed=run.header.seed, digests=dict(run.header.digests),
    )  # fmt: skip


def verdicts_of(line: Line, names: tuple[str, ...]) -> dict[str, Verdict]:
    """Return requirement -> verdict of a line."""
    return {name: _VERDICTS[letter] for name, letter in zip(names, line.verdicts, strict=True)}


def tally_of(counts: Counts) -> Tally:
    """Return counts as the scorer's tally."""
    *rest, unobservable = counts
    return Tally(counts=dict(zip(Verdict, rest, strict=True)), unobservable=unobservable)


def _counts(tally: Tally) -> Counts:
    return (*(tally[v] for v in Verdict), tally.unobservable)
