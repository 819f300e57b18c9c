"""Round trips as profiles ask for them: twins keep every text, and what loses one is caught there and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cli.twins import target_of_twin
from conformance.reference.faults.planting import planted
from conformance.reference.twins import twin_for
from conformance.verdict import Verdict
from tests.driving.running import run_twin
from tests.reference.walking import profile

ASKED = {
    "alertmanager-v2": "silence.values",
    "kubernetes-core": "config-map.values",
    "seca": "role.annotations",
}


@pytest.mark.parametrize("name", sorted(ASKED))
def test_texts_come_back_and_losing_them_is_seen(name: str, tmp_path: Path) -> None:
    target = target_of_twin(profile(name), twin_for(profile(name)), "http://twin.invalid", tmp_path)
    only = (f"{name}/{ASKED[name]}",)
    [whole] = run_twin(name, twin_for(profile(name)), tmp_path / "whole", target=target, only=only).results
    assert (whole.verdict, whole.judged) == (Verdict.PASS, whole.cases), whole.reason
    faults = [
        p for p in planted(profile(name)) if p.fault.name in ("texts-composed", "astral-lost", "astral-breaks") and only[0] in p.expected
    ]
    assert "astral-lost" in [p.fault.name for p in faults]
    for number, one in enumerate(faults):
        faulty = one.twin(twin_for(profile(name)))
        [result] = run_twin(name, faulty, tmp_path / str(number), target=target, only=only).results
        assert result.verdict is Verdict.FAIL, (one.fault.name, result.reason)
