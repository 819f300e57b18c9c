"""Text, JSON and JUnit of any run: one screen, no escape sequences, valid, the same numbers everywhere, no banned words."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache

import xmlschema
from hypothesis import given

from conformance.run import Leftover, Run
from conformance.scoring import score
from conformance.verdict import Level, Verdict
from conformance.writers.data import run_data, write_json
from conformance.writers.junit import write_junit
from conformance.writers.text import SCREEN, WIDTH, plain, write_text
from tests import strategies
from tests.notes import DATA
from tests.test_scoring import result, run

CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@cache
def _xsd() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(DATA / "junit.xsd"))


@given(strategies.runs(most=16))
def test_the_summary_fits_one_screen(any_run: Run) -> None:
    """At most forty lines that no terminal can mistake for orders, ending with the conclusion."""
    text = write_text(any_run)
    lines = text.splitlines()
    assert len(lines) <= SCREEN, text
    assert not CONTROL.search(text.replace("\n", ""))
    assert all(len(line) <= 4 * WIDTH for line in lines)
    assert lines[-1].startswith(plain(score(any_run).conclusion)[:20])


def test_everything_at_once_still_fits() -> None:
    """Many causes, reasons, leftovers, notes: failing MUSTs come first, and what is left out is counted."""
    fails = [result("fail", cause=f"c{n}", reason=f"expected {n}", sentence="S.", id=f"p/f{n}") for n in range(30)]
    unsure = [result("inconclusive", reason=f"reason {n}") for n in range(30)]
    full = run(*fails, *unsure)
    full = replace(
        full,
        header=replace(full.header, notes=tuple(f"note {n}" for n in range(9))),
        leftovers=tuple(Leftover(resource="r", where=f"/{n}", state="200") for n in range(9)),
    )
    lines = write_text(full).splitlines()
    assert len(lines) <= SCREEN
    assert any("FAIL MUST p/f0" in line for line in lines)
    assert any(re.search(r"… and \d+ more causes of \d+ FAIL", line) for line in lines)
    assert "left at the target (9):" in lines
    assert "notes:" in lines
    assert lines.index("MUSTs that could not be judged:") > next(i for i, line in enumerate(lines) if "FAIL MUST" in line)


def test_a_short_summary_hides_nothing() -> None:
    """Where everything fits, everything is shown."""
    text = write_text(run(*[result("fail", cause=f"c{n}", id=f"p/f{n}") for n in range(6)], result("inconclusive", reason="why not")))
    assert all(f"p/f{n}" in text for n in range(6))
    assert "why not" in text
    assert "more" not in text


def test_what_the_target_file_can_mend_comes_first() -> None:
    reasons = [result("inconclusive", reason="set-up: POST /things answered 400") for _ in range(3)]
    text = write_text(run(*reasons, result("inconclusive", reason="needs test_data thing_example: POST /things refused our example")))
    assert text.index("needs test_data thing_example") < text.index("set-up: POST")


def test_counts_have_their_denominator() -> None:
    """Passed of applicable, and every other verdict by its word."""
    text = write_text(
        run(result(), result("fail"), result("not-applicable"), result("not-tested"), result("inconclusive"), result("error"))
    )
    assert "MUST   1 of 5 passed, 1 FAIL, 1 error (ours), 1 inconclusive, 1 not tested, 1 not applicable" in text


def test_colours_only_when_asked() -> None:
    """Colour is an addition: without it the same words stand there."""
    failed = run(result("fail", id="p/x"))
    assert "\x1b[" in write_text(failed, colour=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", write_text(failed, colour=True)) == write_text(failed)


@given(strategies.runs())
def test_json_tells_the_same_numbers(any_run: Run) -> None:
    """The JSON is valid, holds every result, agrees with the scorer, and has no raw control characters."""
    text = write_json(any_run)
    read = json.loads(text)
    said = score(any_run)
    assert not CONTROL.search(re.sub("[\u202a-\u202e\u2066-\u2069\n]", "", text))
    assert read == json.loads(json.dumps(run_data(any_run)))
    assert read["exit_code"] == said.exit_code
    assert read["conclusion"] == said.conclusion
    assert len(read["results"]) == len(said.results)
    for level in Level:
        assert read["totals"][level.value]["total"] == said.tallies[level].total
        assert sum(read["totals"][level.value][v.value] for v in Verdict) == said.tallies[level].total


@given(strategies.runs())
def test_junit_is_valid_whatever_a_run_holds(any_run: Run) -> None:
    """JUnit of any run satisfies the schema, with one test case per requirement and counts that agree with its elements."""
    text = write_junit(any_run)
    _xsd().validate(text.encode())
    suite = ET.fromstring(text.encode())[0]
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == len(any_run.results)
    for word, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert sum(case.find(word) is not None for case in cases) == int(suite.attrib[attribute])
    musts = [r for r in score(any_run).results if r.verdict is Verdict.FAIL and r.level is Level.MUST and not r.draft]
    assert int(suite.attrib["failures"]) == len(musts), "a failure is a failed effective MUST, nothing else"


def test_the_schema_refuses_what_consumers_refuse() -> None:
    """Our copy of the rules knows a fault when it sees one."""
    for bad in (
        "<testsuites><testsuite name='x' tests='1' failures='0'/></testsuites>",
        "<testsuites><testsuite name='x' tests='a' failures='0' errors='0'/></testsuites>",
        "<testsuites><testsuite name='x' tests='1' failures='0' errors='0'>"
        "<testcase name='a'><properties/></testcase></testsuite></testsuites>",
    ):
        assert not _xsd().is_valid(bad)


def test_verdicts_stand_in_the_message() -> None:
    """What JUnit cannot say (inconclusive, a failed SHOULD) stands in the message of `skipped`."""
    text = write_junit(
        run(
            result("fail", "SHOULD", reason="r1"),
            result("inconclusive", reason="r2"),
            result("fail", draft=True, reason="r3"),
            result("fail", reason="r4"),
        )
    )
    assert [(e.tag, e.attrib["message"]) for case in ET.fromstring(text.encode()).iter("testcase") for e in case] == [
        ("skipped", "FAIL: r1"),
        ("skipped", "inconclusive: r2"),
        ("skipped", "FAIL: r3"),
        ("failure", "FAIL: r4"),
    ]


def test_no_output_certifies() -> None:
    """The words that only a certification body may use stand in no output of ours."""
    for verdicts in (["pass"], ["pass", "fail"], ["inconclusive"], ["error"], []):
        shown = run(*[result(v) for v in verdicts])
        for text in (write_text(shown), write_json(shown), write_junit(shown)):
            assert not re.search("certif|complian", text, re.IGNORECASE)
