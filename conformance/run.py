"""The record of a run: header, results, footer as JSON lines; every output is a pure function of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.exchange import Exchange, Path
from conformance.verdict import Level, Verdict

FORMAT = 1
#: No run takes longer, whatever its record says.
LONGEST_S = 100_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a repeat and a re-judgement need, and who was looked at."""

    kind: str = "header"
    format: int = FORMAT
    suite: str
    run_id: str
    started: float
    seed: int
    profile: str
    edition: str
    dialect: str = ""
    edition_declared: str = ""
    server_says: str = ""
    title: str = ""
    interface: int = 0
    tier: str = "deep"
    state: str = "effective"
    digests: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    claim: Mapping[str, Any] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    selected: str = ""
    run_by: str = "self"
    system: str = ""
    partner: str = ""
    system_kind: str = ""
    sink_url: str = ""
    nonce: str = ""
    notes: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """Who was looked at: the system's name in its testbed, else the target's own name or address."""
        return self.system or str(self.target.get("name") or self.target.get("url", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the first look found: trouble that ended the run, the scope of each feature, answers to the profile's questions."""

    kind: str = "look"
    trouble: str = ""
    scope: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that contradicts a requirement; `evidence` are paths of exchanges of this requirement."""

    case: str = ""
    expected: str
    observed: str
    cause: str = ""
    evidence: tuple[Path, ...] = ()
    seen_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that a check read off the target and that no verdict hangs on, so that others may ask the record about it.

    `kind` is a word of the check's (`needs`, `provides`), `value` what it is about, `about` who says so, `more` what else is said.
    """

    kind: str
    value: str
    about: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The verdict on one requirement, with the requirement's own words so that a record can be read alone."""

    kind: str = "result"
    requirement: str
    level: Level
    draft: bool = False
    clause: str = ""
    basis: str = "standard"
    feature: str = "core"
    sentence: str = ""
    check: str = ""
    on: str = ""
    family: str = ""
    needs: tuple[str, ...] = ()
    verdict: Verdict
    reason: str = ""
    cause: str = ""
    blocked_by: str = ""
    findings: tuple[Finding, ...] = ()
    evidence: tuple[Path, ...] = ()
    facts: tuple[Fact, ...] = ()
    cases: int = 0
    judged: int = 0
    failed: int = 0
    requests: int = 0
    started_s: float = 0.0
    ended_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Something this run made that it could not remove, and in which state it was last seen."""

    kind: str = "leftover"
    resource: str
    where: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One requirement that another edition would judge otherwise."""

    requirement: str
    level: Level
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What separates the target from the newest edition of the profile, judged from the exchanges of this run.

    `changes` is what that edition changes, whatever the target does; `unseen` counts the requirements of both editions that this record
    cannot show for the other one, since it sends other requests.
    """

    kind: str = "gap"
    edition: str
    differences: tuple[Difference, ...] = ()
    changes: tuple[str, ...] = ()
    unseen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advisory:
    """Something that exploration found: worth a look, never part of a verdict.

    `evidence` is the path of its exchange, `times` how often the like was seen, `repeat` a command that sends the request again,
    `doubt` why it may be no finding at all.
    """

    check: str
    code: str = ""
    operation: str = ""
    title: str = ""
    says: str = ""
    status: int = 0
    evidence: Path = ()
    times: int = 1
    repeat: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What `--explore` did and found; no score looks at it.

    `refused` counts requests that the engine wanted and that were not sent, `known` findings that were dropped because they belong
    to a class that is known to be false; `left_out` are operations that were not explored, with the reason.
    """

    kind: str = "exploration"
    ended: str
    seconds: float = 0.0
    requests: int = 0
    refused: int = 0
    known: int = 0
    findings: tuple[Advisory, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Footer:
    """The last line of a run that was ended in order: `ended` is complete, interrupted, broken (by us), stopped (`-x`) or budget."""

    kind: str = "footer"
    ended: str
    ended_s: float
    requests: int
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as read back: without a footer it was cut short."""

    header: Header
    look: Look | None = None
    results: tuple[Result, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    gap: Gap | None = None
    exploration: Exploration | None = None
    footer: Footer | None = None
    folder: str = ""

    @property
    def ended(self) -> float:
        """When the run ended, or was last heard of, in seconds since the epoch."""
        last = self.footer.ended_s if self.footer else max((r.ended_s for r in self.results), default=0.0)
        return self.header.started + min(max(last, 0.0), LONGEST_S)

    @property
    def complete(self) -> bool:
        """Whether the run came to its own end."""
        return self.footer is not None and self.footer.ended == "complete"


#: Requirement id -> path -> exchange.
Exchanges = Mapping[str, Mapping[Path, Exchange]]
