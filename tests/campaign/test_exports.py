"""GITB and the badge of any run: valid by the publisher's own schema, the scorer's numbers, no banned words."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest
import xmlschema
from hypothesis import given

from conformance.run import Run
from conformance.scoring import Exit, score
from conformance.verdict import Level, Verdict
from conformance.writers.badge import write_badge
from conformance.writers.gitb import TR, write_gitb
from tests import strategies
from tests.conftest import Command
from tests.test_scoring import result, run
from tests.writers.records import hostile, realistic

NAMES = {"t": TR}


@cache
def _schema(folder: str) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(folder) / "gitb" / "gitb_tr.xsd"))


@given(strategies.runs())
def test_gitb_is_valid_whatever_a_run_holds(any_run: Run) -> None:
    """The pinned schema accepts it; where the folder is not there, the numbers are still looked at."""
    _holds(any_run)


@pytest.mark.parametrize("made", [realistic, hostile])
def test_gitb_of_real_and_hostile_runs(made: object) -> None:
    """Everything escaped."""
    assert callable(made)
    _holds(made()[0])


def test_the_schema_is_the_publishers() -> None:
    """It refuses a report without its summary: the comparison above can fail."""
    folder = os.environ.get("CONFORMANCE_UPSTREAM", "")
    if not (Path(folder) / "gitb").is_dir():
        pytest.skip("CONFORMANCE_UPSTREAM names no folder with gitb/")
    text = write_gitb(realistic()[0])
    assert _schema(folder).is_valid(text.encode())
    assert not _schema(folder).is_valid(text.replace("<succeeded>", "<succeded>").replace("</succeeded>", "</succeded>").encode())


def _holds(one: Run) -> None:
    text = write_gitb(one)
    folder = os.environ.get("CONFORMANCE_UPSTREAM", "")
    if one.results and (Path(folder) / "gitb").is_dir():
        _schema(folder).validate(text.encode())
    root = ET.fromstring(text.encode())
    said = score(one)
    must = said.tallies[Level.MUST]
    summary = root.find("t:statement/t:summary", NAMES)
    assert summary is not None
    told = {part.tag.rpartition("}")[2]: part.text for part in summary}
    assert (told["succeeded"], told["failed"]) == (str(must[Verdict.PASS]), str(must[Verdict.FAIL]))
    assert (told["status"] == "SUCCESS") is (said.exit_code is Exit.PASSED)
    cases = root.findall(".//t:testCase", NAMES)
    assert len(cases) == len(said.results)
    words = [(c.attrib["optional"], c.findtext("t:result", "", NAMES)) for c in cases if c.attrib["disabled"] == "false"]
    for suffix, optional in (("", "false"), ("Ignored", "true")):
        for name, word in (("succeeded", "SUCCESS"), ("failed", "FAILURE"), ("incomplete", "UNDEFINED")):
            assert told[name + suffix] == str(words.count((optional, word))), name + suffix


@given(strategies.runs())
def test_a_badge_is_green_only_for_a_whole_pass(any_run: Run) -> None:
    """And it never says what no tool can say."""
    told = json.loads(write_badge(any_run))
    assert told["schemaVersion"] == 1
    assert (told["color"] == "brightgreen") is (score(any_run).exit_code is Exit.PASSED)
    assert not any(word in str(told["message"]).lower() for word in ("certified", "compliant"))


def test_the_badge_has_its_denominator() -> None:
    """Of how many."""
    assert json.loads(write_badge(run(result(), result("fail"))))["message"] == "1 of 2 MUSTs failed"
    assert json.loads(write_badge(run(result())))["message"] == "conforms, self-run"
    assert json.loads(write_badge(run(result(), result("inconclusive"))))["message"].startswith("1 of 2 MUSTs passed")


@pytest.mark.parametrize("kind", ["gitb", "badge"])
def test_the_command_writes_them(conformance: Command, ran: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`report --to`, to stdout or a file, the same bytes."""
    assert conformance("report", str(ran), "--to", kind) == 0
    out = capsys.readouterr().out
    assert conformance("report", str(ran), "--to", kind, "-o", str(tmp_path / "x")) == 0
    assert (tmp_path / "x").read_text() == out
