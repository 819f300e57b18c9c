"""The action and the include: what they run, with our own tiny standard in front; inputs are never part of a script."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conformance.scoring import Exit
from tests.notes import PROFILES, SPECS, Notes, served

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github" / "actions" / "gate"
INCLUDE = ROOT / ".gitlab" / "conformance-gate.yml"

pytestmark = pytest.mark.skipif(not ACTION.is_dir() or shutil.which("bash") is None, reason="not a checkout, or no bash")


def _run(folder: Path, script: str, **variables: str) -> tuple[int, str]:
    """Run a script with a `conformance` in the path that knows the tiny standard."""
    shim = folder / "bin" / "conformance"
    shim.parent.mkdir(exist_ok=True)
    shim.write_text(
        f'#!/bin/sh\nname="$1"; shift\nexec "{sys.executable}" -m conformance "$name" "$@" --profile-dir "{PROFILES}" --spec-dir "{SPECS}"\n'
    )
    shim.chmod(0o755)
    environment = {**os.environ, "PATH": f"{shim.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_action_opens_and_closes(tmp_path: Path) -> None:
    """Open for a server that is right; closed for one that became worse; open again when that was waived; 3 when nobody is there."""
    script = f'bash "{ACTION / "gate.sh"}"'
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    common = {"PROFILE": "notes", "ALLOW": "write", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}
    with served(Notes()) as right, served(Notes("delete-is-ignored")) as worse:
        code, told = _run(tmp_path, script, TARGET_URL=right, OUTPUT="base", **common)
        assert code == 0, told
        assert "gate: open" in summary.read_text()
        code, told = _run(tmp_path, script, TARGET_URL=worse, OUTPUT="new", BASELINE="base", **common)
        assert code == Exit.FAILED, told
        assert "regression: notes/" in summary.read_text()
        assert output.read_text() == "exit-code=0\nexit-code=1\n"
        (tmp_path / "d.yaml").write_text("- {requirement: 'notes/*', disposition: waived, reason: r, owner: o, expires: 2999-01-01}\n")
        assert _run(tmp_path, script, TARGET_URL=worse, OUTPUT="n", BASELINE="base", DISPOSITIONS="d.yaml", **common)[0] == 0
    assert _run(tmp_path, script, TARGET_URL="http://127.0.0.1:9", OUTPUT="dead", **common)[0] == Exit.UNREACHABLE
    assert _run(tmp_path, script, TARGET_URL="$(touch pwned)", OUTPUT="x", **common)[0] == Exit.USAGE
    assert not (tmp_path / "pwned").exists()


@pytest.mark.slow
def test_the_include_opens_and_closes(tmp_path: Path) -> None:
    """The same decision from the job's own lines."""
    job = yaml.safe_load(INCLUDE.read_text())[".conformance-gate"]
    script = "set -e\n" + "\n".join(job["script"])
    variables = {k: str(v) for k, v in job["variables"].items()}
    with served(Notes()) as right, served(Notes("delete-is-ignored")) as worse:
        told = {**variables, "CONFORMANCE_PROFILE": "notes", "CONFORMANCE_ALLOW": "write"}
        code, text = _run(tmp_path, script, **told | {"CONFORMANCE_URL": right, "CONFORMANCE_OUTPUT": "base"})
        assert code == 0, text
        code, text = _run(
            tmp_path, script, **told | {"CONFORMANCE_URL": worse, "CONFORMANCE_OUTPUT": "new", "CONFORMANCE_BASELINE": "base"}
        )
        assert code == Exit.FAILED, text
    assert "gate: closed" in (tmp_path / "conformance-gate.md").read_text()


def test_inputs_are_no_part_of_a_script() -> None:
    """An expression inside `run:` would let whoever chooses an input run commands; every input reaches the script by `env`."""
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"]
    passed = {m for step in action["runs"]["steps"] for v in step.get("env", {}).values() for m in re.findall(r"inputs\.([a-z-]+)", v)}
    assert passed == set(action["inputs"])


def test_our_own_workflow_uses_it() -> None:
    """On a twin that is right and on one that is not."""
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    uses = [step for step in jobs["gate"]["steps"] if step.get("uses") == "./.github/actions/gate"]
    assert len(uses) == 2
