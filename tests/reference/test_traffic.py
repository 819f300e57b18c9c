"""A faultless server that others use all the time and whose reads are behind its writes: nothing is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cli.twins import run_in_process
from conformance.loading.profiles import Shelf, load_profile
from conformance.reference.twins import twin_for
from conformance.scoring import score
from conformance.verdict import Verdict
from tests.reference.traffic import Behind, Shared

SHELF = Shelf.standard()
WRITTEN = [n for n in sorted(SHELF.profiles) if any(r.create for r in load_profile(n, SHELF).bindings.resources.values())]
#: Profiles whose runs are short: a seed of each in `make test`.
SHORT = ("alertmanager-v2", "camara-quality-on-demand")
#: Profiles that send thousands of requests, and others in `make test-all`: with so many seeds.
LONG, SEEDS_OF_LONG, SEEDS = ("dmtf-redfish", "gsma-opg-ewbi", "kubernetes-core", "seca"), 3, 20


def runs() -> list[object]:
    """Return profile and seed of each run."""
    return [
        pytest.param(name, seed, marks=() if name in SHORT and seed == 1 else pytest.mark.slow)
        for name in WRITTEN
        for seed in range(1, (SEEDS_OF_LONG if name in LONG else SEEDS) + 1)
    ]


@pytest.mark.parametrize(("name", "seed"), runs())
def test_nothing_is_found_in_a_shared_server_that_is_behind(name: str, seed: int, tmp_path: Path) -> None:
    """Another client of the same owner makes, changes and removes things all the time; reads are 300 ms behind."""
    profile = load_profile(name, SHELF)
    twin = Shared(Behind(twin_for(profile), profile), profile, seed)
    run = run_in_process(profile, twin, tmp_path, shelf=SHELF, seed=seed)
    found = {r.requirement: r.reason for r in score(run).results if r.verdict in (Verdict.FAIL, Verdict.ERROR)}
    assert found == {}
    assert twin.wire.sent > 50, "the other client is busy"
    assert score(run).results
