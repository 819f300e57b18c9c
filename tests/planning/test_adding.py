"""docs/adding-a-standard.md, followed line by line: from an OpenAPI file to a running profile with a twin that can be found out."""

from __future__ import annotations

import re
import shlex
import shutil
import statistics
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.cli.twins import run_in_process
from conformance.loading.plain_yaml import parse_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.validation import problems_of
from conformance.profile import Profile
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.verdict import Verdict
from tests import costs

ROOT = Path(__file__).parent.parent.parent
GUIDE = ROOT / "docs" / "adding-a-standard.md"
DESCRIPTION = ROOT / "tests" / "data" / "library.openapi.yaml"
#: Exit codes of the commands that do not end with 0: while all requirements are drafts, no MUST could be judged.
ENDS = {"run": 5}


def commands() -> list[list[str]]:
    """Return the commands of the guide, in its order."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text("utf-8"), re.S)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("conformance ")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with nothing but the description in it."""
    shutil.copy(DESCRIPTION, tmp_path / "library.openapi.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWIN_TOKEN", "twin-token")
    return tmp_path


@pytest.fixture
def library(desk: Path) -> tuple[Profile, Shelf]:
    """The profile, drafted as the guide says, its operations looked up."""
    assert main(["new-profile", "library.openapi.yaml", "-o", "mine", "--interface", "3", "--seen"]) == 0
    shelf = Shelf.standard(desk / "mine" / "profiles", desk / "mine" / "specs")
    return load_profile("library", shelf), shelf


def test_the_guide_can_be_followed(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of the guide does what it says; the twin is served here instead of in another terminal."""
    names = [words[0] for words in commands()]
    assert names == ["new-profile", "coverage", "plan", "serve-reference", "run", "specs", "specs"]
    assert main(commands()[0]) == 0
    shelf = Shelf.standard(desk / "mine" / "profiles", desk / "mine" / "specs")
    profile = load_profile("library", shelf)
    with serve(twin_for(profile), 0) as url:
        for words in commands()[1:]:
            if words[0] == "serve-reference":
                continue
            told = [word.replace("http://127.0.0.1:8080", url) for word in words]
            assert main(told) == ENDS.get(words[0], 0), (words, capsys.readouterr())
    assert "library/2.1.0" in capsys.readouterr().out
    assert (desk / "runs" / "library" / "report.html").is_file()


def test_a_drafted_profile_passes_on_its_twin(library: tuple[Profile, Shelf], desk: Path) -> None:
    """At least ten operations and paging; every requirement passes."""
    profile, shelf = library
    assert len(profile.contract.operations) >= 10
    assert any(r.check == "paging-complete" for r in profile.requirements)
    run = run_in_process(profile, twin_for(profile), desk / "run", shelf=shelf)
    assert [(r.requirement, r.verdict, r.reason) for r in run.results if r.verdict is not Verdict.PASS] == []


@pytest.mark.parametrize(
    "name",
    [
        "delete-forgotten@deleteBook",
        "always-the-first-page@listBooks",
        "member-missing@getBook",
        "error-of-another-shape",
        "replace-forgotten@replaceBook",
    ],
)
def test_a_generic_fault_turns_it_red(name: str, library: tuple[Profile, Shelf], desk: Path) -> None:
    """Faults that know nothing of this standard are found by what was drafted."""
    profile, shelf = library
    [fault] = [p for p in planted(profile) if p.name == name]
    run = run_in_process(profile, fault.twin(twin_for(profile)), desk / "run", shelf=shelf)
    assert any(r.verdict is Verdict.FAIL for r in run.results)


def test_what_it_costs_is_counted() -> None:
    """The table of the guide is generated, and half of the basic profiles have no Python at all."""
    assert costs.table() in GUIDE.read_text("utf-8"), "python -m tests.costs"
    assert statistics.median(python for *_, python in costs.rows()) == 0


def test_the_example_of_a_deviation_is_one() -> None:
    """The YAML of the guide is valid where it is said to stand."""
    [block] = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text("utf-8"), re.S)
    head = {"standard": "library", "edition": "1", "title": "L", "publisher": "P", "licence": "x", "url": "", "document": None}
    assert problems_of({**head, **parse_yaml(block, "guide")}, "source", "guide") == []


def test_several_files_become_one_contract(desk: Path) -> None:
    """Each is named with its digest, and the contract is proved against all of them together."""
    text = DESCRIPTION.read_text("utf-8")
    (desk / "more.yaml").write_text(text.replace("/books", "/maps").replace("_book", "_map").replace("/status:", "/health:"), "utf-8")
    assert main(["new-profile", "library.openapi.yaml", "more.yaml", "-o", "mine", "--path-prefix", "/api/v2", "--profile", "both"]) == 0
    source = (desk / "mine" / "specs" / "both" / "2.1.0" / "source.yaml").read_text("utf-8")
    assert "document: [library.openapi.yaml, more.yaml]" in source
    contract = (desk / "mine" / "specs" / "both" / "2.1.0" / "openapi.yaml").read_text("utf-8")
    assert "/api/v2/maps/{mapId}" in contract
    assert "Book_2" not in contract
    assert main(["specs", "verify", "both", "--upstream", ".", "--spec-dir", "mine/specs"]) == 0


def test_commands_tell_bad_input_in_a_line(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file, no description, a wrong name, an unknown contract: exit code 2, never a traceback."""
    for words in (
        ["new-profile", "gone.yaml", "-o", "mine"],
        ["new-profile", "library.openapi.yaml", "-o", "mine", "--profile", "Not A Name"],
        ["new-profile", "library.openapi.yaml", "-o", "mine", "--edition", "../1"],
        ["new-profile", "library.openapi.yaml", "-o", "mine", "--operations", "gone"],
        ["specs", "verify", "gone"],
        ["specs", "verify", "alertmanager-v2", "--upstream", "gone"],
        ["specs", "dance"],
    ):
        assert main(words) == 2, words
        assert "Traceback" not in capsys.readouterr().err
    assert not (desk / "mine").exists()


def test_contracts_are_listed_and_told(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As text and as JSON."""
    assert main(["specs", "list"]) == 0
    assert re.search(r"(?m)^scim2/2\.0 ", capsys.readouterr().out)
    assert main(["specs", "list", "--format", "json"]) == 0
    assert '"contract": "scim2/2.0"' in capsys.readouterr().out
    assert main(["specs", "feedback", "alertmanager-v2/0.34"]) == 0
    assert capsys.readouterr().out.startswith("# Prometheus")


def test_a_difference_ends_verify_with_one(library: tuple[Profile, Shelf], desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And shows where, as text and as JSON; listed in source.yaml it ends with 0."""
    folder = desk / "mine" / "specs" / "library" / "2.1.0"
    contract = folder / "openapi.yaml"
    contract.write_text(contract.read_text("utf-8").replace("exclusiveMinimum: 0", "minimum: 0"), "utf-8")
    words = ["specs", "verify", "library", "--upstream", ".", "--spec-dir", "mine/specs"]
    assert main(words) == 1
    assert "/components/schemas/NewBook/properties/pages/exclusiveMinimum" in capsys.readouterr().out
    assert main([*words, "--format", "json"]) == 1
    assert '"listed": null' in capsys.readouterr().out
    source = folder / "source.yaml"
    place = "/components/schemas/NewBook/properties/pages"
    listed = f"deviations: [{{pointer: {place}, theirs: more than 0, ours: 0 or more, kind: defect, reason: maps}}]"
    source.write_text(source.read_text("utf-8").replace("deviations: []", listed), "utf-8")
    assert main([*words, "--all"]) == 0
    assert "structure, defect" in capsys.readouterr().out
