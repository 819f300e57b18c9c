"""Numbers about ourselves: rates, what is worse than what was stored, and the page made of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cli.selftest import page
from conformance.errors import UsageError
from conformance.loading.matrices import matrix_file, read_matrix, write_matrix
from conformance.loading.profiles import Shelf
from conformance.sensitivity import Trial, matrix, sensitivity, worse

LOSES = Trial(
    profile="p",
    kind="fault",
    name="loses@list",
    group="paging",
    sentence="Loses one.",
    expected=frozenset({"p/a"}),
    red=frozenset({"p/a", "p/b"}),
)
BLIND = Trial(profile="p", kind="fault", name="blind", group="paging", sentence="Nobody sees it.", expected=frozenset({"p/c"}))
ORDER = Trial(profile="p", kind="variant", name="other-order", seed=2, requests=5)
TWIN = Trial(profile="p", kind="twin", name="as it is", requests=7)


def test_rates_are_shares_of_what_there_was() -> None:
    """Killed of all, right of red, red of expected; nothing of nothing is no number."""
    counts = sensitivity([LOSES, BLIND, ORDER, TWIN])
    assert (counts.faults, counts.killed, counts.kill_rate) == (2, 1, 0.5)
    assert (counts.precision, counts.recall) == (0.5, 0.5)
    assert (counts.variants, counts.false_findings, counts.requests) == (2, 0, 12)
    assert counts.survivors == ("p: blind",)
    nothing = sensitivity([])
    assert (nothing.kill_rate, nothing.precision, nothing.recall) == (None, None, None)
    times = sensitivity([replace(LOSES, seconds=1.5, errors=frozenset({"p/a"})), replace(TWIN, seconds=0.5, errors=frozenset({"p/b"}))])
    assert (times.seconds, times.errors) == (2.0, 2)


def test_a_fault_that_no_requirement_speaks_of_does_not_apply() -> None:
    """It is neither caught nor a survivor, and no matrix holds it; a permitted variant is no fault whatever it is expected to do."""
    mute = replace(BLIND, expected=frozenset())
    odd = replace(ORDER, expected=frozenset({"p/a"}))
    assert (sensitivity([mute, odd]).faults, sensitivity([mute, odd]).survivors) == (0, ())
    assert matrix("p", "1", [mute, odd]).faults == {}
    assert matrix("p", "1", [mute, odd]).variants == ("other-order",)
    assert matrix("p", "1", []).seeds == 1


def test_a_red_variant_is_a_false_finding() -> None:
    """On a faultless twin too."""
    assert sensitivity([replace(ORDER, red=frozenset({"p/a"})), replace(TWIN, red=frozenset({"p/a", "p/b"}))]).false_findings == 3


def test_what_got_worse_is_said_and_what_got_better_is_not() -> None:
    """A kill lost, an expected red lost, a false finding, an error of ours."""
    stored = matrix("p", "1", [LOSES, BLIND, ORDER, TWIN])
    assert worse(stored, [LOSES, BLIND, ORDER, TWIN]) == []
    assert worse(stored, [replace(BLIND, red=frozenset({"p/c"})), replace(LOSES, red=frozenset({"p/a"}))]) == []
    [kill] = [p for p in worse(stored, [replace(LOSES, red=frozenset())]) if "survives" in p]
    assert "loses@list" in kill
    assert worse(stored, [replace(LOSES, red=frozenset({"p/b"}))]) == ["p: loses@list no longer turns p/a red"]
    assert worse(stored, [replace(ORDER, red=frozenset({"p/b"}))]) == ["p: p/b fails on a permitted variant, other-order (seed 2)"]
    assert worse(stored, [replace(TWIN, errors=frozenset({"p/b: boom"}))]) == ["p: as it is: error in p/b: boom"]
    assert worse(stored, [replace(LOSES, name="new", red=frozenset({"p/b"}))]) == [], "a fault that was not measured before is no loss"
    named = replace(ORDER, name=LOSES.name, red=frozenset({"p/b", "p/c"}))
    every = worse(stored, [replace(TWIN, red=frozenset({"p/a"})), replace(LOSES, red=frozenset({"p/b"})), named])
    assert len(every) == 4, "each is said, and a variant is none of the faults, whatever its name"


def test_a_matrix_is_stored_and_read_back(tmp_path: Path) -> None:
    """The file beside the profile; without one there is nothing to compare with, and what is no matrix is said to be none."""
    home = tmp_path / "profiles" / "p"
    home.mkdir(parents=True)
    (home / "1.yaml").write_text("title: x\n")
    shelf = Shelf((tmp_path / "profiles",), ())
    assert read_matrix("p", "1", shelf) is None
    stored = matrix("p", "1", [LOSES, BLIND, ORDER, TWIN])
    write_matrix(stored, shelf)
    assert read_matrix("p", "1", shelf) == stored
    assert stored.catchers("p/b") == ("loses@list",)
    matrix_file("p", "1", shelf).write_text('{"profile": 7}')
    with pytest.raises(UsageError, match=r"1\.sensitivity\.json"):
        read_matrix("p", "1", shelf)


def test_the_page_tells_rates_groups_and_survivors() -> None:
    """All of it from the stored matrices."""
    text = page([matrix("p", "1", [LOSES, BLIND, ORDER, TWIN])])
    assert "| p 1 | 1 of 2 | 50.0 % | 50.0 % | 50.0 % | 1 × 2 | 12 |" in text
    assert "| paging | 1 of 2 |" in text
    assert "- `p`: blind: Nobody sees it." in text
