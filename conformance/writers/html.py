"""The partner's report: one HTML page that needs nothing else, and shows what it was given even where that is hostile."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from conformance.domain import EVIDENCE, by_domain
from conformance.exchange import Exchange, Path
from conformance.run import Exchanges, Finding, Result, Run
from conformance.scoring import Exit, Score, Tally, score
from conformance.target import origin
from conformance.verdict import WORDS, Level, Verdict
from conformance.writers.curl import curl
from conformance.writers.visible import MAX_BODY, block_of, clipped, pretty, printed

#: Exchanges shown of one requirement, characters of one body, and characters of all bodies of a page: past that it says what it leaves out.
MAX_EXCHANGES = 6
MAX_PASSED_BODY = 2_000
MAX_BODIES = 1_500_000
MAX_HEADERS = 60
MAX_FINDINGS = 20
MAX_COMMAND = 8_000

_IDENTITIES = {
    "default": "",
    "none": "without credentials",
    "bad": "with wrong credentials",
    "limited": "with credentials without rights",
    "forged": "with a forged token",
}
_CALM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}(?:/[A-Za-z0-9._-]{1,120})+")


def anchor(requirement: str) -> str:
    """Return the id of a requirement on the page: the requirement's own where that is calm, else one that cannot collide.

    >>> anchor("scim2/create-user.answer")
    'scim2/create-user.answer'
    """
    if _CALM.fullmatch(requirement):
        return requirement
    plain = re.sub(r"[^A-Za-z0-9._/-]+", "-", requirement[:80]).strip("-")
    return f"odd-{plain}-{hashlib.sha256(requirement.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


# -- what the page shows -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class ShownBody:
    """A body as it is shown, and what is not."""

    text: Markup = field(default_factory=Markup)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownExchange:
    """An exchange on the page."""

    step: str
    where: str
    manner: str
    summary: str
    url: str
    exchange: Exchange
    request_headers: tuple[tuple[str, str], ...]
    request_body: ShownBody
    headers: tuple[tuple[str, str], ...]
    body: ShownBody
    command: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A requirement on the page; `steps` are those of its exchanges that stand there."""

    result: Result
    id: str
    word: str
    symbol: str
    findings: tuple[Finding, ...]
    exchanges: tuple[ShownExchange, ...]
    left_out: int
    missing: int

    @property
    def steps(self) -> frozenset[str]:
        """The steps that can be linked to."""
        return frozenset(x.step for x in self.exchanges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Requirements that share a cause or a reason; `needs` is the requirement that the reason names, if it is on the page."""

    title: str
    items: tuple[Shown, ...]
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page; `quiet` ones are folded."""

    id: str
    title: str
    lead: str
    verdict: Verdict
    groups: tuple[Group, ...]
    quiet: bool = False

    @property
    def count(self) -> int:
        """How many requirements it lists."""
        return sum(len(g.items) for g in self.groups)


def write_html(run: Run, exchanges: Exchanges) -> str:
    """Return the report of a run as one page.

    Args:
        exchanges: what was seen, by requirement and path; where it lacks a path that a result names, the page says so.

    Returns:
        HTML that loads nothing, runs no script of others, and holds no character that does not show; it can be encoded as UTF-8.
    """
    said = score(run)
    page = _Page(run, exchanges, said)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            head=run.header,
            said=said,
            words=WORDS,
            sections=page.sections(),
            verdicts=tuple(Verdict),
            rows=_rows(said),
            tone=_tone(said.exit_code),
            target=_target_name(run),
            url=page.url,
            started=_utc(run.header.started),
            digest=str(run.header.digests.get("profile", ""))[:12],
            cut=_cut(run),
            footer=run.footer,
            scope=_scope(run),
            domains=by_domain(run.header.profile, said.results),
            evidence=EVIDENCE,
            leftovers=run.leftovers,
            gap=run.gap,
            exploration=run.exploration,
            total=len(said.results),
            folder=run.folder,
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("conformance.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["integrity"] = lambda text: "sha256-" + base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode()
    made.filters["block"] = block_of
    made.filters["seconds"] = _seconds
    made.filters["step"] = step_name
    made.filters["bars"] = _bars
    return made


def shown_exchanges(run: Run, exchanges: Exchanges, result: Result) -> tuple[ShownExchange, ...]:
    """Return the exchanges that a result rests on, cut and made visible as the report shows them."""
    return _Page(run, exchanges, score(run)).shown(result).exchanges


def step_name(at: Path) -> str:
    """Return the path of a step as it is written in the report."""
    return ".".join(str(n) for n in at) or "0"


class _Page:
    """Builds what the template shows; counts the room that bodies take."""

    def __init__(self, run: Run, exchanges: Exchanges, said: Score) -> None:
        self.run, self.exchanges, self.said = run, exchanges, said
        self.room = MAX_BODIES
        target = run.header.target
        self.url = re.sub(r"//[^/@]*@", "//…@", str(target.get("url", "")))
        others = target.get("origins") or ()
        self.origins = {_origin(u) for u in (target.get("url", ""), *(others if isinstance(others, list | tuple) else ()))} - {""}
        self.ids = {r.requirement for r in said.results}

    def sections(self) -> tuple[Section, ...]:
        """Return the sections in the order in which a reader needs them."""
        counted = [r for r in self.said.results if not r.draft]
        must = [c for c in self.said.causes if c.level is Level.MUST]
        rest = [c for c in self.said.causes if c.level is not Level.MUST]
        by = {v: [r for r in counted if r.verdict is v] for v in Verdict}
        drafts = [r for r in self.said.results if r.draft]
        found = [
            Section(
                id="failed-musts",
                title="Failed MUSTs",
                lead="Grouped by cause, the cause that explains most first.",
                verdict=Verdict.FAIL,
                groups=tuple(self._group(_cause(c.cause, c.results), c.results) for c in must),
            ),
            Section(
                id="failed-others",
                title="Failed SHOULDs and MAYs",
                lead="These do not decide whether the profile is met.",
                verdict=Verdict.FAIL,
                groups=tuple(self._group(_cause(c.cause, c.results), c.results) for c in rest),
            ),
            Section(
                id="errors",
                title="Errors of ours",
                lead="The suite broke here; this says nothing about the target. Please report it.",
                verdict=Verdict.ERROR,
                groups=self._by_reason(by[Verdict.ERROR]),
            ),
            Section(
                id="inconclusive",
                title="Inconclusive",
                lead="We looked and could not tell; what did not reproduce comes first.",
                verdict=Verdict.INCONCLUSIVE,
                groups=self._by_reason(by[Verdict.INCONCLUSIVE]),
            ),
            Section(
                id="not-tested",
                title="Not tested",
                lead="Nobody looked, for the reason given.",
                verdict=Verdict.NOT_TESTED,
                groups=self._by_reason(by[Verdict.NOT_TESTED]),
                quiet=True,
            ),
            Section(
                id="drafts",
                title="Drafts",
                lead="The clause was not looked up yet: shown here, counted in no total.",
                verdict=Verdict.NOT_TESTED,
                groups=self._by_verdict(drafts),
                quiet=True,
            ),
            Section(
                id="passed",
                title="Passed",
                lead="With the last exchange that each rests on.",
                verdict=Verdict.PASS,
                groups=self._by_level(by[Verdict.PASS]),
                quiet=True,
            ),
            Section(
                id="not-applicable",
                title="Not applicable",
                lead="Outside what the target claims or has; in no denominator.",
                verdict=Verdict.NOT_APPLICABLE,
                groups=self._by_reason(by[Verdict.NOT_APPLICABLE]),
                quiet=True,
            ),
        ]
        return tuple(s for s in found if s.groups)

    def _group(self, title: str, results: Iterable[Result]) -> Group:
        needs = title.removeprefix("needs ")
        return Group(
            title=title, items=tuple(self.shown(r) for r in results), needs=anchor(needs) if needs != title and needs in self.ids else ""
        )

    def _by_reason(self, results: Iterable[Result]) -> tuple[Group, ...]:
        found: dict[str, list[Result]] = {}
        for result in results:
            found.setdefault(result.reason or "no reason was recorded", []).append(result)
        order = list(Level)

        def rank(item: tuple[str, list[Result]]) -> tuple[bool, int, int]:
            reason, group = item
            return not reason.startswith("unstable"), min(order.index(r.level) for r in group), -len(group)

        return tuple(self._group(reason, group) for reason, group in sorted(found.items(), key=rank))

    def _by_level(self, results: Sequence[Result]) -> tuple[Group, ...]:
        return tuple(self._group(level.value, group) for level in Level if (group := [r for r in results if r.level is level]))

    def _by_verdict(self, results: Sequence[Result]) -> tuple[Group, ...]:
        return tuple(
            self._group(WORDS[v]["text"], group)
            for v in sorted(Verdict, key=lambda v: -v.weight)
            if (group := [r for r in results if r.verdict is v])
        )

    def shown(self, result: Result) -> Shown:
        """Return a requirement as the page has it."""
        paths = list(dict.fromkeys([*(at for f in result.findings for at in f.evidence), *result.evidence]))
        if result.verdict is Verdict.PASS:
            paths = paths[-1:]
        recorded = self.exchanges.get(result.requirement, {})
        there = [at for at in paths if at in recorded]
        shown = tuple(self._exchange(recorded[at], at, result.verdict) for at in there[:MAX_EXCHANGES])
        return Shown(
            result=result,
            id=anchor(result.requirement),
            word=WORDS[result.verdict]["text"],
            symbol=WORDS[result.verdict]["symbol"],
            findings=result.findings[:MAX_FINDINGS],
            exchanges=shown,
            left_out=len(recorded) - len(shown),
            missing=len(paths) - len(there),
        )

    def _exchange(self, exchange: Exchange, at: Path, verdict: Verdict) -> ShownExchange:
        request = exchange.request
        longest = MAX_PASSED_BODY if verdict is Verdict.PASS else MAX_BODY
        manner = _IDENTITIES.get(request.identity.partition(":")[0], "with another tenant's credentials")
        if exchange.tries > 1:
            manner += f"{', ' if manner else ''}tried {exchange.tries} times"
        return ShownExchange(
            step=step_name(at),
            where=clipped(request.where, 300),
            manner=manner,
            summary=clipped(exchange.summary, 300),
            url=exchange.url or request.link or request.target,
            exchange=exchange,
            request_headers=request.headers[:MAX_HEADERS],
            request_body=self._body(request.body, longest),
            headers=exchange.headers[:MAX_HEADERS],
            body=self._body(exchange.body, longest),
            command=self._command(exchange),
        )

    def _body(self, body: bytes, longest: int) -> ShownBody:
        if not body:
            return ShownBody()
        longest = min(longest, max(self.room, 300))
        cut = body[: longest * 8]  # enough for what is shown, and little work for the rest
        try:
            text = cut.decode("utf-8-sig", "strict" if len(cut) == len(body) else "ignore")
        except UnicodeDecodeError:
            return ShownBody(note=f"{len(body)} bytes that are no text: see exchanges.jsonl")
        if len(cut) == len(body):
            text = pretty(text)
        note = f"cut: the body has {len(body)} bytes, see exchanges.jsonl" if len(text) > longest else ""
        block = block_of(text[:longest])
        self.room -= len(block)
        return ShownBody(text=block, note=note)

    def _command(self, exchange: Exchange) -> Markup:
        """Return the curl of an exchange; the target's credentials are named only for an origin of the target."""
        target = self.run.header.target
        identity = "default" if exchange.request.identity == "bad" else exchange.request.identity
        credentials = target.get("credentials")
        credential: Any = credentials.get(identity) if isinstance(credentials, Mapping) else None
        scheme, name = "none", ""
        if isinstance(credential, Mapping) and _origin(exchange.url) in self.origins:
            scheme, name = str(credential.get("scheme", "none")), str(credential.get("header", ""))
        sent = target.get("headers")
        extra = (
            tuple((str(k), str(v)) for k, v in sent.items()) if isinstance(sent, Mapping) and _origin(exchange.url) in self.origins else ()
        )
        command = curl(exchange, scheme=scheme, name=name, extra=extra)
        return block_of(command if len(command) <= MAX_COMMAND else f"# {len(command)} characters: see exchanges.jsonl")


def _rows(said: Score) -> list[tuple[str, Tally]]:
    return [(level.value, said.tallies[level]) for level in Level if said.tallies[level].total]


def _bars(counts: Tally) -> list[tuple[Verdict, float, float]]:
    """Return start and width in per cent of the applicable requirements, for each verdict that is not zero."""
    found, at = [], 0.0
    for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED):
        width = 100 * counts[verdict] / counts.applicable if counts.applicable else 0.0
        if width:
            found.append((verdict, round(at, 3), round(width, 3)))
        at += width
    return found


def _tone(code: Exit) -> Verdict:
    """Return the verdict whose colour the conclusion has; the words come from the scorer."""
    return {Exit.PASSED: Verdict.PASS, Exit.FAILED: Verdict.FAIL}.get(code, Verdict.INCONCLUSIVE)


def _cause(cause: str, results: Sequence[Result]) -> str:
    """Return the title of a cause; one that is a requirement alone needs none."""
    return "" if len(results) == 1 and cause == results[0].requirement else cause


def _cut(run: Run) -> str:
    if run.footer is None:
        return "the record has no end"
    return (
        ""
        if run.complete
        else {"interrupted": "it was interrupted", "budget": "its budget was spent"}.get(run.footer.ended, run.footer.ended)
    )


def _scope(run: Run) -> list[tuple[str, str, str]]:
    scope = run.look.scope if run.look else {}
    return [(name, str(found.get("state", "")), str(found.get("reason", ""))) for name, found in scope.items()]


def _target_name(run: Run) -> str:
    target = run.header.target
    return str(target.get("name") or re.sub(r"//[^/@]*@", "//…@", str(target.get("url", ""))) or "a target without a name")


def _origin(url: object) -> str:
    try:
        return origin(str(url)) if str(url).lower().startswith(("http://", "https://")) else ""
    except ValueError:
        return ""


def _utc(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return "at an unknown time"


def _seconds(value: float) -> str:
    """Return a duration for people."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"
