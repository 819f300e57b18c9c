"""The documentation says what there is, and its examples work."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from conformance.checks.registry import known_checks
from conformance.cli.main import main, parser
from conformance.loading.dispositions import load_dispositions
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.targets import load_claim, load_target
from conformance.loading.testbeds import load_testbed
from conformance.loading.validation import schema_of
from conformance.reference.dressing import names
from conformance.verdict import Verdict

ROOT = Path(__file__).parent.parent
PAGES = {file.name: file.read_text("utf-8") for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}


def _commands() -> dict[str, argparse.ArgumentParser]:
    [commands] = [a for a in parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(commands.choices)


def _blocks(page: str, language: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a language: what else stands on the fence, and the text."""
    return [(m[1].strip(), m[2]) for m in re.finditer(rf"^```{language}\b([^\n]*)\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)]


@pytest.mark.parametrize("name", sorted(_commands()))
def test_every_command_and_option_is_documented(name: str) -> None:
    """Each stands in docs/commands.md."""
    page = PAGES["commands.md"]
    assert re.search(rf"conformance {name}\b", page)
    for action in _commands()[name]._actions:
        if action.help is argparse.SUPPRESS or action.dest == "help":
            continue
        for option in action.option_strings:
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", page), f"{name} {option}"


@pytest.mark.parametrize("page", sorted(PAGES))
def test_examples_use_options_that_exist(page: str) -> None:
    """Every `conformance …` line in a block of a page parses up to its values."""
    known = _commands()
    for language in ("sh", "yaml"):
        for _, text in _blocks(page, language):
            for line in re.findall(r"(?:^|- |run: )conformance ([a-z-]+[^\n#]*)", text, re.MULTILINE):
                words = shlex.split(line)
                assert words[0] in known, f"{page}: conformance {words[0]}"
                options = {o for a in known[words[0]]._actions for o in a.option_strings}
                used = {w.partition("=")[0].strip("[]") for w in words[1:] if w.strip("[").startswith("-")}
                assert used <= options, f"{page}: {line}: {used - options}"


def test_exit_codes_are_documented() -> None:
    """The table of exit codes is in the page and in the README."""
    for code in (0, 1, 2, 3, 4, 5, 130):
        assert re.search(rf"^\| {code} \|", PAGES["commands.md"], re.MULTILINE)
        assert re.search(rf"^\| {code} \|", PAGES["README.md"], re.MULTILINE)


def test_verdicts_are_documented() -> None:
    """Each verdict has its meaning."""
    for verdict in Verdict:
        assert f"`{verdict.value}`" in PAGES["verdicts.md"]


def _keys(schema: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                found |= set(value)
            found |= _keys(value)
    elif isinstance(schema, list):
        for value in schema:
            found |= _keys(value)
    return found


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("profile", "profiles.md"),
        ("bindings", "profiles.md"),
        ("twin", "twins.md"),
        ("source", "profiles.md"),
        ("target", "targets.md"),
        ("claim", "targets.md"),
        ("testbed", "testbeds.md"),
        ("dispositions", "testbeds.md"),
    ],
)
def test_every_key_of_a_file_is_documented(kind: str, page: str) -> None:
    """Each member that the schema knows stands in its page."""
    missing = {key for key in _keys(schema_of(kind)) if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", PAGES[page])}
    assert not missing


@pytest.mark.parametrize(("marks", "text"), [b for b in _blocks("targets.md", "yaml") if b[0]], ids=lambda b: str(b)[:20])
def test_examples_of_targets_and_claims_load(marks: str, text: str, tmp_path: Path) -> None:
    """Each example is read by the real loader."""
    file = tmp_path / "example.yaml"
    file.write_text(text)
    kind, _, profile = marks.partition(" ")
    if kind == "target":
        target = load_target(file)
        assert target.url.startswith("https://")
        assert (target.limits.timeout, target.limits.in_flight, target.limits.body_bytes, target.limits.header_bytes) == (
            10,
            8,
            8_000_000,
            64_000,
        ), "the page tells the defaults"
    else:
        assert load_claim(file, load_profile(profile)).features


def test_the_target_example_holds_every_key(tmp_path: Path) -> None:
    """The first example shows all there is at the top level and under limits, so that it can be copied and cut down."""
    (tmp_path / "t.yaml").write_text(_blocks("targets.md", "yaml")[0][1])
    from conformance.loading.plain_yaml import read_yaml

    shown = read_yaml(tmp_path / "t.yaml")
    assert set(schema_of("target")["properties"]) == set(shown)
    assert set(schema_of("target")["properties"]["limits"]["properties"]) == set(shown["limits"])
    assert set(schema_of("target")["properties"]["tls"]["properties"]) == set(shown["tls"])


@pytest.mark.parametrize(("marks", "text"), [b for b in _blocks("testbeds.md", "yaml") if b[0]], ids=lambda b: str(b)[:20])
def test_examples_of_testbeds_and_dispositions_load(marks: str, text: str, tmp_path: Path) -> None:
    """Each example is read by the real loader, and the one of dispositions shows every key there is."""
    file = tmp_path / "example.yaml"
    file.write_text(text)
    if marks == "testbed":
        assert [u.name for u in load_testbed(file, Shelf.standard(), names).units] == [
            "acme-idp/scim2",
            "zenith-network/camara-quality-on-demand",
        ]
    else:
        [one] = load_dispositions(file)
        assert one.issue
        assert one.disposition == "waived"


def test_every_check_says_what_it_does() -> None:
    """The sentence that `explain` prints."""
    for check in known_checks().values():
        assert check.sentence.endswith("."), check.name
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", check.name)


@pytest.mark.parametrize("kind", ["profile", "bindings", "twin", "source", "target", "claim", "contract", "testbed", "dispositions"])
def test_schemas_are_schemas(kind: str) -> None:
    """Each is valid itself, and closed where people write by hand."""
    import jsonschema  # type: ignore[import-untyped]

    schema = schema_of(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"]
    closed = schema["items"] if schema["type"] == "array" else schema
    assert kind == "contract" or closed["additionalProperties"] is False


@pytest.mark.parametrize("page", sorted(PAGES))
def test_links_between_pages_lead_somewhere(page: str) -> None:
    """A relative link names a file that is there."""
    base = ROOT if page == "README.md" else ROOT / "docs"
    for link in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", PAGES[page]):
        assert (base / link).exists(), f"{page}: {link}"


#: Lines of documentation that run as they stand, without a network.
TESTED = [
    (page, line.partition("#")[0].strip())
    for page in sorted(PAGES)
    for marks, text in _blocks(page, "sh")
    for line in text.splitlines()
    if "-dir " not in line  # of files that the reader has yet to write
    and (
        line.startswith(("conformance profiles", "conformance explain", "conformance coverage", "conformance plan"))
        or ("tested" in marks and line.startswith("conformance"))
    )
]


@pytest.mark.parametrize(("page", "line"), TESTED)
def test_commands_of_the_documentation_run(page: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What only reads is run as it stands in the page."""
    assert main(shlex.split(line)[1:]) in (0, 1), line
    out = capsys.readouterr().out
    assert out
    assert "PROFILE" not in line


def test_the_readme_says_what_coverage_says() -> None:
    """The profiles that the first screen names exist."""
    for name in re.findall(r"conformance (?:run|coverage|plan) ([a-z0-9-]+)", PAGES["README.md"]):
        assert json.dumps(load_profile(name).name)
