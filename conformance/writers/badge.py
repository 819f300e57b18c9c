"""A badge as data: the JSON that badge servers read (`schemaVersion` 1), with the conclusion in few words and its denominator."""

from __future__ import annotations

import json

from conformance.run import Run
from conformance.scoring import Exit, score
from conformance.verdict import Level, Verdict
from conformance.writers.text import clipped

COLOURS = {Exit.PASSED: "brightgreen", Exit.FAILED: "red", Exit.BROKEN: "lightgrey", Exit.UNREACHABLE: "lightgrey"}


def write_badge(run: Run) -> str:
    """Return the badge of a run: green only for a whole run in which every MUST in scope passed."""
    said = score(run)
    must = said.tallies[Level.MUST]
    words = {
        Exit.PASSED: f"conforms, {run.header.run_by}-run",
        Exit.FAILED: f"{must[Verdict.FAIL]} of {must.applicable} MUSTs failed",
        Exit.UNREACHABLE: "out of reach",
        Exit.INTERRUPTED: "cut short",
    }
    told = {
        "schemaVersion": 1,
        "label": clipped(f"{run.header.profile} {run.header.edition}", 60),
        "message": clipped(words.get(said.exit_code, f"{must[Verdict.PASS]} of {must.applicable} MUSTs passed, not enough to say"), 80),
        "color": COLOURS.get(said.exit_code, "yellow"),
    }
    return json.dumps(told, indent=1) + "\n"
