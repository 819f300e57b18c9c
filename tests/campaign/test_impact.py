"""Re-judging at scale: a changed profile over a folder of runs ends with who flips, on which requirement."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.scoring import Exit
from tests.conftest import Command
from tests.notes import PROFILES, SPECS, Notes, served

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def runs(conformance: Command, tmp_path: Path, capsys: Captured) -> Path:
    """Three systems: two alike, and one that gives a number for its version; the first has an older run, too."""
    folder = tmp_path / "runs"
    for name, faults in (("a", ()), ("b", ()), ("c", ("about-is-wrong",))):
        with served(Notes(*faults)) as url:
            where = folder / name / "notes" / "20261101T000000Z-aaaaaaaa"
            conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(where), "-q")
            file = where / "run.jsonl"
            head, rest = file.read_text().split("\n", 1)
            file.write_text(json.dumps(json.loads(head) | {"system": name}) + "\n" + rest)
    older = folder / "a" / "notes" / "20261001T000000Z-aaaaaaaa"
    shutil.copytree(folder / "a" / "notes" / "20261101T000000Z-aaaaaaaa", older)
    head, rest = (older / "run.jsonl").read_text().split("\n", 1)
    (older / "run.jsonl").write_text(json.dumps(json.loads(head) | {"started": 1.0}) + "\n" + rest)
    capsys.readouterr()
    return folder


def test_an_unchanged_profile_flips_nobody(conformance: Command, runs: Path, capsys: Captured) -> None:
    """The newest run of each system, each as recorded."""
    conformance("judge", str(runs))
    told = capsys.readouterr().out
    assert "impact: 0 of 3 runs flip, 0 of them to another exit code" in told
    assert "20261001" not in told


def test_a_changed_profile_says_who_flips_on_what(runs: Path, tmp_path: Path, capsys: Captured) -> None:
    """A stricter edition: what was a SHOULD is a MUST now, and a contract that asks for more fails whom it did not."""
    profiles, specs = tmp_path / "p", tmp_path / "s"
    shutil.copytree(PROFILES, profiles)
    shutil.copytree(SPECS, specs)
    file = specs / "notes" / "1.0" / "openapi.yaml"
    file.write_text(file.read_text().replace("required: [version]", "required: [version, motto]"))
    code = main(["judge", str(runs), "--profile-dir", str(profiles), "--spec-dir", str(specs)])
    told = capsys.readouterr().out
    assert code == Exit.FAILED
    assert "impact: 2 of 3 runs flip, 2 of them to another exit code" in told
    assert "  notes/get-about.answer: a (pass -> fail), b (pass -> fail)\n" in told
    main(["judge", str(runs), "--profile-dir", str(profiles), "--spec-dir", str(specs), "--format", "json"])
    impact = json.loads(capsys.readouterr().out)["impact"]
    assert {c["system"]: (c["before"], c["after"]) for c in impact["conclusions"]} == dict.fromkeys("ab", ("passed", "failed"))
    assert [f["system"] for f in impact["requirements"]["notes/get-about.answer"]] == ["a", "b"]


def test_only_who_is_concerned_flips(runs: Path, tmp_path: Path, capsys: Captured) -> None:
    """A contract that lets versions be numbers turns the one that has such green."""
    profiles, specs = tmp_path / "p", tmp_path / "s"
    shutil.copytree(PROFILES, profiles)
    shutil.copytree(SPECS, specs)
    file = specs / "notes" / "1.0" / "openapi.yaml"
    file.write_text(file.read_text().replace("{version: {type: string}", "{version: {}"))
    main(["judge", str(runs), "--profile-dir", str(profiles), "--spec-dir", str(specs)])
    told = capsys.readouterr().out
    assert "impact: 1 of 3 runs flip" in told
    assert "c (fail -> pass)" in told
