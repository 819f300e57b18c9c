"""`twin.yaml`: each mistake is told with its place and what was meant."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from conformance.errors import UsageError
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.validation import schema_of
from conformance.twin import GROUPS, TwinRules
from tests.notes import PROFILES, SPECS

GOOD = """\
members:
  note: {text: "{/now}"}
rules:
  - at: [getAbout]
    when: {headers: {required: [x-old]}}
    refuse: {status: 410, detail: gone}
faults:
  note-empty:
    group: value fidelity
    sentence: Notes are empty.
    at: [getNote]
    response: {patch: {text: ""}}
    turns: [note.read-after-create]
"""


@pytest.fixture
def copy(tmp_path: Path) -> Shelf:
    """A copy of the tiny profile, with a twin of its own."""
    shutil.copytree(PROFILES, tmp_path / "profiles")
    shutil.copytree(SPECS, tmp_path / "specs")
    (tmp_path / "profiles" / "notes" / "twin.yaml").write_text(GOOD)
    return Shelf((tmp_path / "profiles",), (tmp_path / "specs",))


def test_a_twin_is_read_for_its_profile(copy: Shelf) -> None:
    """It is no edition, and a profile without one has no rules."""
    assert copy.profiles["notes"] == ("1.0",)
    twin = load_profile("notes", copy).twin
    assert [f.turns for f in twin.faults] == [{"getNote": ("note.read-after-create",)}]
    assert load_profile("notes", Shelf((PROFILES,), (SPECS,))).twin == TwinRules()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("members:", "member:", "'member' is not known here (did you mean 'members'?)"),
        ("  note: {text", "  noet: {text", "members.noet: not a resource of the bindings (did you mean 'note'?)"),
        ("at: [getAbout]", "at: [getAbot]", "rules[0].at: 'getAbot' is not an operation of the contract (did you mean 'getAbout'?)"),
        ("at: [getNote]", "at: [getNotes]", "faults.note-empty.at: 'getNotes' is not an operation"),
        ("headers: {required: [x-old]}", "header: {required: [x-old]}", "rules[0].when: 'header' is not known here (did you mean 'headers'?)"),
        ("{required: [x-old]}", "{required: x-old}", "rules[0].when.headers: no JSON Schema: "),
        ("headers: {required: [x-old]}", "response: {required: [x-old]}", "rules[0].when: 'response' is not known here"),
        ("refuse: {status: 410,", "refuse: {status: 210,", "rules[0].refuse.status"),
        ("    refuse: {status: 410, detail: gone}\n", "", "rules[0]"),
        ("group: value fidelity", "group: values", "faults.note-empty.group: 'values' is not one of them"),
        ("Notes are empty.", "Notes are empty", "faults.note-empty.sentence"),
        ('    response: {patch: {text: ""}}\n', "", "faults.note-empty"),
        ('patch: {text: ""}', 'patch: {text: ""}, body: {}', "faults.note-empty.response"),
        ("turns: [note.read-after-create]", "turns: [note.read]", "faults.note-empty.turns: 'note.read' is not a requirement"),
        ("turns: [note.read-after-create]", "turns: {getAbout: [note.read-after-create]}", "'getAbout' stands either here or in 'at'"),
        ("    turns: [note.read-after-create]\n", "", "faults.note-empty: 'turns' is missing"),
        ("note-empty:", "Note empty:", "faults"),
    ],
    ids=lambda value: str(value)[:28],
)  # fmt: skip
def test_a_wrong_twin_is_told(copy: Shelf, old: str, new: str, told: str) -> None:
    assert old in GOOD
    (copy.profile_dirs[0] / "notes" / "twin.yaml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        load_profile("notes", copy)
    assert told in str(caught.value)
    assert "twin.yaml" in str(caught.value)


def test_editions_share_a_twin(copy: Shelf) -> None:
    """What one edition lacks may be named, as in the bindings."""
    home = copy.profile_dirs[0] / "notes"
    (home / "1.1.yaml").write_text((home / "1.0.yaml").read_text().replace('edition: "1.0"', 'edition: "1.1"'))
    (home / "twin.yaml").write_text(GOOD.replace("at: [getNote]", "at: [getNote, ofAnother]").replace("read-after", "of-another"))
    assert load_profile("notes@1.1", Shelf(copy.profile_dirs, copy.spec_dirs)).twin.faults


def test_the_groups_are_those_of_the_schema() -> None:
    assert tuple(schema_of("twin")["properties"]["faults"]["additionalProperties"]["properties"]["group"]["enum"]) == GROUPS
