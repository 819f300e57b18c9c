"""The release gate: what the suite was known to catch it still catches. A sample here; `make test-all` runs the whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from conformance.cli.selftest import every_edition, jobs_of, page, run_jobs
from conformance.loading.matrices import read_matrix
from conformance.loading.profiles import Shelf, load_profile
from conformance.reference.faults import known_faults, planted
from conformance.sensitivity import worse

SHELF = Shelf.standard()
CHECKOUT = Path(__file__).resolve().parents[2]
#: Faults and variants of each profile that are run here, always the same ones.
SAMPLE = 3


@pytest.mark.parametrize("name", every_edition(SHELF))
def test_a_sample_is_as_good_as_stored(name: str) -> None:
    """No kill lost, no false finding gained."""
    profile = load_profile(name, SHELF)
    stored = read_matrix(profile.name, profile.edition, SHELF)
    if stored is None:
        pytest.skip("not measured yet: conformance selftest --store")
    jobs = sorted(jobs_of(name, SHELF), key=lambda job: hashlib.sha256(repr(job).encode()).hexdigest())
    assert worse(stored, run_jobs(jobs[:SAMPLE], SHELF, 1)) == []


@pytest.mark.parametrize("name", every_edition(SHELF))
def test_stored_faults_apply_still(name: str) -> None:
    """A pair of fault and place may go only with a fragment in changelog.d that names it."""
    profile = load_profile(name, SHELF)
    stored = read_matrix(profile.name, profile.edition, SHELF)
    if stored is None:
        pytest.skip("not measured yet: conformance selftest --store")
    told = "".join(f.read_text("utf-8") for f in (CHECKOUT / "changelog.d").glob("*.verdict.md"))
    now = {p.name: p for p in planted(profile)}
    for fault, row in stored.faults.items():
        assert fault in now or fault in told, f"{fault} applied when the matrix was stored"
        if row.expected and fault in now:
            assert now[fault].expected or fault in told, f"{fault} had to turn something red when the matrix was stored"


def test_every_fault_applies_somewhere() -> None:
    """An operator without a place measures nothing."""
    applied = {p.fault.name for name in every_edition(SHELF) for p in planted(load_profile(name, SHELF)) if p.expected}
    assert set(known_faults()) - applied == set()


def test_every_fault_was_measured() -> None:
    """A fault that stands in no matrix may be one that nobody can tell from the twin itself."""
    stored = [m for p in (load_profile(name, SHELF) for name in every_edition(SHELF)) if (m := read_matrix(p.name, p.edition, SHELF))]
    assert set(known_faults()) - {name.partition("@")[0] for matrix in stored for name in matrix.faults} == set()


def test_the_page_is_made_from_what_is_stored() -> None:
    """docs/sensitivity.md is generated, not typed."""
    profiles = [load_profile(name, SHELF) for name in every_edition(SHELF)]
    stored = [m for p in profiles if (m := read_matrix(p.name, p.edition, SHELF))]
    assert (CHECKOUT / "docs" / "sensitivity.md").read_text("utf-8") == page(stored)
