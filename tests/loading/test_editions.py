"""An edition that extends another: where its clauses stand, and what it binds otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance.errors import UsageError
from conformance.loading.profiles import Shelf, load_profile

NAME = "camara-quality-on-demand"
ROOT = Path(__file__).parents[2]


def copied(tmp_path: Path, change: tuple[str, str] = ("", "")) -> Shelf:
    """Return a shelf with a copy of the profile, changed in its later edition."""
    shutil.copytree(ROOT / "profiles" / NAME, tmp_path / NAME)
    file = tmp_path / NAME / "1.2.0-rc.3.yaml"
    assert change[0] in file.read_text()
    file.write_text(file.read_text().replace(*change))
    return Shelf.standard(tmp_path)


def test_clauses_that_are_taken_over_name_the_lines_of_the_edition() -> None:
    """Lines move with the document they are in; what is no line stays."""
    old, new = load_profile(f"{NAME}@1.1.0").by_id, load_profile(f"{NAME}@1.2.0-rc.3").by_id
    both = f"{NAME}/device.unnecessary-for-profiles"
    assert (old[both].clause, new[both].clause) == (
        "qos-profiles.yaml L40; API Design Guide 3.2.2",
        "qos-profiles.yaml L43; API Design Guide 3.2.2",
    )
    assert new[f"{NAME}/create-session.answer"].clause == "quality-on-demand.yaml L130"
    assert new[f"{NAME}/create-session.errors"].clause == "quality-on-demand.yaml L1078; API Design Guide 3.2.2"


def test_a_line_that_nobody_moved_is_a_problem(tmp_path: Path) -> None:
    """A clause never points at the wrong line of another document."""
    with pytest.raises(UsageError, match=r"moved\.quality-on-demand\.yaml: L124 is missing"):
        load_profile(f"{NAME}@1.2.0-rc.3", copied(tmp_path, ("L124: L130, ", "")))


def test_an_edition_binds_what_is_otherwise_in_it() -> None:
    """Zones stand deeper and single instances are read; the edition before has neither."""
    name = "camara-edge-application-management"
    old, new = load_profile(f"{name}@0.1.0-alpha.1").bindings, load_profile(f"{name}@wip").bindings
    assert (old.resources["zone"].items, new.resources["zone"].items) == ("", "/edgeCloudZones")
    assert (old.resources["instance"].read, new.resources["instance"].read) == ("", "getAppInstance")
    assert "cluster" in old.resources
    assert "cluster" not in new.resources


def test_a_read_that_tells_an_edition_is_one_of_its_operations(tmp_path: Path) -> None:
    """Else nothing could be asked."""
    shelf = copied(tmp_path)
    file = tmp_path / NAME / "bindings.yaml"
    file.write_text(file.read_text().replace("1.2.0-rc.3: retrieveSessionsByDevice", "1.2.0-rc.3: retrieveSession"))
    with pytest.raises(UsageError, match=r"identify\.reads"):
        load_profile(f"{NAME}@1.2.0-rc.3", shelf)
