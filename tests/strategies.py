"""Any run, for the tests of everything that reads one: hostile texts included."""

from __future__ import annotations

from hypothesis import strategies as st

from conformance.exchange import Exchange, Request, Trouble
from conformance.requirement import FAMILIES, REASONS
from conformance.run import Difference, Finding, Footer, Gap, Header, Leftover, Look, Result, Run
from conformance.verdict import Effect, Level, Verdict

#: Texts as a server may send them: escapes, markup, control and bidirectional characters, no half surrogate pairs (no file holds them).
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=24) | st.sampled_from(
    [
        "\x1b[31mred\x1b[0m",
        "\x9b2J",
        "<script>alert(1)</script>",
        "]]>",
        "a\nb\r\nc",
        "\x00",
        "\u202eevil",
        "'; rm -rf /; '",
        "x" * 500,
        "\ufffe",
        "«secret:0123456789ab»",
    ]
)
WORDS = st.text("abcdefghij-", min_size=1, max_size=8)
SECONDS = st.floats(0, 1e6, allow_nan=False, width=32).map(lambda s: round(s, 3))
PATHS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(tuple)
HEADERS = st.lists(st.tuples(WORDS, TEXTS), max_size=3).map(tuple)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=5,
)

headers = st.builds(
    Header,
    suite=TEXTS,
    run_id=st.text("0123456789abcdef", min_size=16, max_size=16),
    started=st.floats(0, 4e9, allow_nan=False).map(lambda s: round(s, 3)),
    seed=st.integers(-(2**31), 2**31),
    profile=WORDS,
    edition=WORDS,
    edition_declared=WORDS,
    server_says=TEXTS,
    title=TEXTS,
    interface=st.integers(1, 9),
    tier=st.sampled_from(["deep", "basic"]),
    state=st.sampled_from(["draft", "effective"]),
    digests=st.dictionaries(WORDS, WORDS, max_size=3),
    versions=st.dictionaries(WORDS, TEXTS, max_size=3),
    target=st.fixed_dictionaries(
        {"url": st.just("https://target.example/base")}, optional={"name": TEXTS, "test_data": st.dictionaries(WORDS, PLAIN, max_size=2)}
    ),
    claim=st.just({})
    | st.fixed_dictionaries({"profile": WORDS, "features": st.dictionaries(WORDS, st.sampled_from(["yes", "no", "planned"]), max_size=2)}),
    allowed=st.lists(st.sampled_from(["write", "disruptive"]), unique=True).map(tuple),
    selected=st.just("") | TEXTS,
    run_by=st.sampled_from(["self", "testbed"]),
    notes=st.lists(TEXTS, max_size=8).map(tuple),
)
findings = st.builds(
    Finding,
    case=TEXTS,
    expected=TEXTS,
    observed=TEXTS,
    cause=TEXTS,
    evidence=st.lists(PATHS, max_size=2).map(tuple),
    seen_once=st.booleans(),
)


@st.composite
def results(draw: st.DrawFn, name: str, others: list[str]) -> Result:
    """Make a result called *name* that may need some of *others*."""
    verdict = draw(st.sampled_from(list(Verdict)))
    return draw(
        st.builds(
            Result,
            requirement=st.just(name),
            level=st.sampled_from(list(Level)),
            draft=st.booleans(),
            clause=TEXTS,
            basis=st.sampled_from(["standard", "programme"]),
            feature=WORDS,
            sentence=TEXTS,
            check=WORDS,
            on=st.sampled_from(["", *others[:3]]),
            family=st.sampled_from(["", *FAMILIES]),
            needs=st.lists(st.sampled_from([*others, "nobody/at.all"]), max_size=2).map(tuple),
            verdict=st.just(verdict),
            reason=TEXTS | st.sampled_from([*REASONS, "credentials refused: x"]),
            cause=st.sampled_from(["", "c1", "c2", "error format", "error format: status"]) | TEXTS,
            blocked_by=st.sampled_from(["", *others[:3]]),
            findings=st.lists(findings, max_size=2).map(tuple),
            evidence=st.lists(PATHS, max_size=2).map(tuple),
            cases=st.integers(0, 9),
            judged=st.integers(0, 9),
            failed=st.integers(0, 9),
            requests=st.integers(0, 99),
            started_s=SECONDS,
            ended_s=SECONDS,
        )
    )


leftovers = st.builds(Leftover, resource=TEXTS, where=TEXTS, state=TEXTS)
gaps = st.builds(
    Gap,
    edition=WORDS,
    differences=st.lists(
        st.builds(Difference, requirement=TEXTS, level=st.sampled_from(list(Level)), verdict=st.sampled_from(list(Verdict)), reason=TEXTS),
        max_size=6,
    ).map(tuple),
)
footers = st.builds(
    Footer,
    ended=st.sampled_from(["complete", "complete", "interrupted", "broken", "stopped", "budget"]),
    ended_s=SECONDS,
    requests=st.integers(0, 10**6),
    exit_code=st.integers(0, 130),
)


@st.composite
def runs(draw: st.DrawFn, most: int = 10) -> Run:
    """Make any run: cut short or not, with anything in it."""
    names = [f"p/{n}" for n in draw(st.lists(TEXTS.filter(bool), max_size=most, unique=True))]
    look = draw(
        st.none()
        | st.builds(Look, trouble=st.just("") | TEXTS, scope=st.dictionaries(WORDS, st.dictionaries(WORDS, TEXTS, max_size=2), max_size=2))
    )
    return Run(
        header=draw(headers),
        look=look,
        results=tuple(draw(results(name, names)) for name in names),
        leftovers=tuple(draw(st.lists(leftovers, max_size=8))),
        gap=draw(st.none() | gaps),
        footer=draw(st.none() | footers),
    )


requests = st.builds(
    Request,
    operation=WORDS,
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    target=TEXTS,
    link=TEXTS,
    headers=HEADERS,
    body=st.binary(max_size=20) | TEXTS.map(str.encode),
    identity=st.sampled_from(["default", "none", "bad"]),
    effect=st.sampled_from(list(Effect)),
    undo=WORDS,
    on=WORDS,
)
exchanges = st.builds(
    Exchange,
    request=requests,
    status=st.sampled_from([0, 200, 404, 599]),
    headers=HEADERS,
    body=st.binary(max_size=20) | TEXTS.map(str.encode),
    trouble=st.none() | st.sampled_from(list(Trouble)),
    detail=TEXTS,
    url=TEXTS,
    tries=st.integers(1, 9),
    started_s=SECONDS,
    ended_s=SECONDS,
    at=PATHS,
)
