"""The gate: regressions, failed MUSTs, dispositions with their expiry; pure functions of two runs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from conformance.disposition import Disposition, covering
from conformance.errors import UsageError
from conformance.loading.dispositions import load_dispositions
from conformance.planning.gate import gate
from conformance.run import Run
from conformance.scoring import Exit
from conformance.writers.markdown import Section, md, write_markdown
from tests.conftest import Command
from tests.notes import Notes, served
from tests.test_scoring import result, run
from tests.writers.records import HOSTILE

Captured = pytest.CaptureFixture[str]
DAY = date(2026, 11, 23)


def waiver(requirement: str, **more: Any) -> Disposition:
    """Return a waiver that holds."""
    told = {"disposition": "waived", "reason": "known", "owner": "ops", "expires": "2026-12-31", **more}
    return Disposition(requirement=requirement, **told)


def at(name: str, *results: Any, **more: Any) -> Run:
    """Return a run of a system."""
    made = run(*results, **more)
    return replace(made, header=replace(made.header, system=name))


def named(verdict: str, name: str = "p/a", level: str = "MUST", **more: Any) -> Any:
    return result(verdict, level, id=name, **more)


def judged(*verdicts: tuple[str, str]) -> Run:
    """Return a run of system `s` with a MUST that passes and these."""
    return at("s", named("pass", "p/ok"), *[named(v, n) for n, v in verdicts])


@pytest.mark.parametrize(
    ("before", "after", "strict", "expected"),
    [
        ("pass", "pass", True, Exit.PASSED),
        ("pass", "fail", False, Exit.FAILED),
        ("fail", "fail", False, Exit.FAILED),
        ("pass", "error", False, Exit.FAILED),
        ("pass", "inconclusive", False, Exit.PASSED),
        ("pass", "inconclusive", True, Exit.FAILED),
        ("pass", "not-tested", True, Exit.FAILED),
        ("pass", "not-applicable", False, Exit.PASSED),
        ("pass", "not-applicable", True, Exit.FAILED),
        ("fail", "inconclusive", True, Exit.PASSED),
        ("inconclusive", "pass", True, Exit.PASSED),
    ],
)
def test_what_closes_the_gate(before: str, after: str, strict: bool, expected: Exit) -> None:
    """A regression, or a failed MUST; what could not be judged any more only when asked to be strict."""
    found = gate(judged(("p/a", before)), judged(("p/a", after)), strict=strict, day=DAY)
    assert found.exit_code is expected
    assert bool(found.problems) is (expected is not Exit.PASSED)


def test_a_should_closes_it_only_when_it_was_better() -> None:
    """A failed SHOULD is no failed MUST, but a SHOULD that passed before is a regression; a draft is neither."""
    good, bad = (at("s", named("pass", "p/ok"), named(v, level="SHOULD")) for v in ("pass", "fail"))
    assert gate(bad, bad, day=DAY).exit_code is Exit.PASSED
    assert gate(good, bad, day=DAY).exit_code is Exit.FAILED
    old, new = (at("s", named("pass", "p/ok"), named(v, draft=True)) for v in ("pass", "fail"))
    assert gate(old, new, day=DAY).exit_code is Exit.PASSED


def test_without_a_baseline_it_is_the_musts() -> None:
    """Nothing to compare with is not nothing to say."""
    assert gate(None, judged(("p/a", "fail")), day=DAY).problems == ("failed MUST, not waived: p/a: ",)
    assert gate(None, judged(), day=DAY).exit_code is Exit.PASSED


@pytest.mark.parametrize(
    ("after", "expected", "words"),
    [
        (at("s", trouble="target out of reach"), Exit.UNREACHABLE, "nothing could be judged: target out of reach"),
        (at("s", named("pass"), footer=None), Exit.INCOMPLETE, "the run was cut short"),
        (at("s", named("not-tested")), Exit.INCOMPLETE, "no MUST was judged"),
    ],
)
def test_no_evidence_no_gate(after: Run, expected: Exit, words: str) -> None:
    """A dead target, a torn record and a run that judged nothing open nothing."""
    found = gate(after, after, day=DAY)
    assert (found.exit_code, found.problems) == (expected, (words,))


def test_a_waiver_lets_a_failure_pass_until_its_day() -> None:
    """The day that it names still counts; a day later it fails the gate itself, and says so."""
    before, after = judged(("p/a", "pass")), judged(("p/a", "fail"))
    found = gate(before, after, [waiver("p/a")], day=date(2026, 12, 31))
    assert found.exit_code is Exit.PASSED
    assert [c.result.requirement for c in found.waived] == ["p/a"]
    late = gate(before, after, [waiver("p/a")], day=date(2027, 1, 1))
    assert late.exit_code is Exit.FAILED
    assert any(p.startswith("disposition expired on 2026-12-31: waived p/a at * (owner ops)") for p in late.problems)
    assert any(p.startswith("failed MUST, not waived: p/a") for p in late.problems)


def test_a_waiver_of_what_passes_closes_it() -> None:
    """It has done its work: remove it. A pattern is needed as long as one of its requirements fails."""
    assert gate(None, judged(("p/a", "pass")), [waiver("p/a")], day=DAY).problems == (
        "waived, but it passes: p/a (waiver of p/a at *, owner ops): remove it",
    )
    mixed = judged(("p/a", "pass"), ("p/b", "fail"))
    assert gate(None, mixed, [waiver("p/[ab]")], day=DAY).exit_code is Exit.PASSED
    assert gate(None, judged(("p/a", "inconclusive")), [waiver("p/a")], day=DAY).exit_code is Exit.PASSED


def test_a_dispute_lets_nothing_pass() -> None:
    """It is shown beside the failure, which counts meanwhile."""
    found = gate(None, judged(("p/a", "fail")), [waiver("p/a", disposition="disputed")], day=DAY)
    assert found.exit_code is Exit.FAILED
    assert [c.by.disposition for c in found.disputed] == ["disputed"]


def test_dispositions_of_others_are_not_mine() -> None:
    """Another system's, another profile's: neither waives, nor expires, nor is moot here."""
    others = [waiver("p/a", target="t"), waiver("q/*", expires="2000-01-01"), waiver("p/ok", target="t", expires="2000-01-01")]
    assert gate(None, judged(("p/a", "fail")), others, day=DAY).problems == ("failed MUST, not waived: p/a: ",)
    assert covering([waiver("p/*", disposition="disputed"), waiver("p/a")], "p/a", "s", DAY) == waiver("p/a")


def test_the_day_is_that_of_the_run() -> None:
    """Without another one dispositions are held against the end of the run, so that the answer never changes."""
    one = judged(("p/a", "fail"))
    then = replace(one, header=replace(one.header, started=1_798_761_598.5))  # 2026-12-31T23:59:58.5Z, and it lasted a second
    assert gate(None, then, [waiver("p/a")]).exit_code is Exit.PASSED
    after = replace(then, header=replace(then.header, started=1_798_761_599.5))
    assert gate(None, after, [waiver("p/a")]).exit_code is Exit.FAILED


BAD = """
- {requirement: "p/a b", disposition: waved, reason: "", owner: o, expires: tomorrow}
- {requirement: p/a, disposition: waived, reason: r, owner: o}
- {requirement: p/a, disposition: waived, reason: r, owner: o, expires: 2026-02-30, sinse: x}
"""


def test_every_problem_of_the_file_at_once(tmp_path: Path) -> None:
    """No expiry, no reason, a day that does not exist, a typo; each with its place."""
    file = tmp_path / "d.yaml"
    file.write_text(BAD)
    with pytest.raises(UsageError) as caught:
        load_dispositions(file)
    told = str(caught.value)
    for words in (
        "[0].requirement",
        "did you mean 'waived'",
        "[0].reason",
        "[0].expires",
        "[1]: 'expires' is missing",
        "[2].expires",
        "'sinse'",
    ):
        assert words in told, words
    file.write_text(2 * "- {requirement: p/a, disposition: waived, reason: r, owner: o, expires: 2026-02-28}\n")
    with pytest.raises(UsageError, match=r"\[1\]: says again what \[0\] says"):
        load_dispositions(file)
    file.write_text("")
    assert load_dispositions(file) == ()
    assert load_dispositions(None) == ()


def test_the_command(conformance: Command, ran: Path, tmp_path: Path, capsys: Captured) -> None:
    """Exit code, text, JSON and Markdown of one gate."""
    worse = tmp_path / "worse"
    with served(Notes("delete-is-ignored")) as url:
        conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(worse), "-q")
    capsys.readouterr()
    assert conformance("diff", str(ran), str(worse), "--gate") == Exit.FAILED
    told = capsys.readouterr().out
    assert "gate: regression: notes/" in told
    assert conformance("diff", str(ran), str(worse), "--gate", "--format", "markdown") == Exit.FAILED
    page = capsys.readouterr().out
    assert page.startswith("## Conformance gate: closed (exit 1)")
    assert "### Why it is closed" in page
    file = tmp_path / "d.yaml"
    file.write_text("- {requirement: 'notes/*', disposition: waived, reason: known, owner: o, expires: 2999-01-01}\n")
    assert conformance("diff", str(ran), str(worse), "--gate", "--dispositions", str(file)) == Exit.PASSED
    assert "waived until 2999-01-01: notes/" in capsys.readouterr().out
    assert conformance("diff", str(ran), str(ran), "--gate", "--dispositions", str(file)) == Exit.FAILED
    assert "waived, but it passes" in capsys.readouterr().out
    words = ["--dispositions", str(file), "--as-of", "2999-01-02", "--format", "json"]
    assert conformance("diff", str(ran), str(worse), "--gate", *words) == Exit.FAILED
    [found] = json.loads(capsys.readouterr().out)["runs"]
    assert found["expired"][0]["owner"] == "o"
    assert found["failed"]
    assert conformance("diff", str(ran), str(worse), "--gate", "--as-of", "soon") == Exit.USAGE


def test_folders_are_paired_and_what_is_missing_is_told(conformance: Command, ran: Path, tmp_path: Path, capsys: Captured) -> None:
    """Runs of the same system and profile belong together, the newest of each; one that is gone does not go unnoticed."""
    a, b = tmp_path / "a", tmp_path / "b"
    for where, names in ((a, ("one", "two")), (b, ("one",))):
        for name in names:
            lines = (ran / "run.jsonl").read_text().splitlines(keepends=True)
            head = json.loads(lines[0]) | {"system": name}
            (where / name).mkdir(parents=True)
            (where / name / "run.jsonl").write_text(json.dumps(head) + "\n" + "".join(lines[1:]))
    assert conformance("diff", str(a), str(a), "--gate") == Exit.PASSED
    assert capsys.readouterr().out == ""
    assert conformance("diff", str(a), str(b), "--gate") == Exit.INCOMPLETE
    assert capsys.readouterr().out == "gate: not in B: two/notes\n"
    assert conformance("diff", str(a), str(tmp_path / "none")) == Exit.USAGE


def test_markdown_is_only_text() -> None:
    """Nothing hostile becomes markup, a link, a mention or another row."""
    page = write_markdown(
        HOSTILE, [HOSTILE], [Section(title=HOSTILE, columns=(HOSTILE,), rows=((HOSTILE,), ("@user http://x.y www.z #1",)))]
    )
    for words in ("<script", "<img", "{{", "@user", "http://", "www.", "z #1", "\x1b", "\u202e"):
        assert words not in page
    assert len(page.splitlines()) == 10
    assert md("a|b") == "a&#124;b"
