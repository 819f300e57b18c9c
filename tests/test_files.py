"""Files from outside: bombs, duplicate keys, wrong types, path-like names; every problem at once, with file, place and hint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.cli.main import main
from conformance.errors import UsageError, did_you_mean
from conformance.loading.plain_yaml import MAX_BYTES, parse_yaml, read_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.targets import load_claim, load_target
from conformance.loading.validation import place_of, problems_of
from tests.notes import PROFILES, SPECS, shelf

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "aliases are not read here"),
        ("a: 1\na: 2\n", "line 2, column 1: the key 'a' stands here twice"),
        ("200: a\n'200': b\n", "stands here twice"),
        ("[" * 1000, "nested more than 200 deep"),
        ("- " * 1000 + "x", "nested more than 200 deep"),
        ("a: !!python/object:os.system x", "tags are not read here"),
        ("a: !!binary aGk=", "tags are not read here"),
        ("a: !!timestamp 2026-01-01", "tags are not read here"),
        ("a: 1e999", "more than a number can hold"),
        ("? [a]\n: b", "a key must be a word"),
        ("a: b\n---\nc: d", "another document"),
        ("a: \x1b[31m", "not YAML"),
        ("a: 'x", "line 1"),
        ("\ta: b", "line 1"),
        ("a: b: c", "line 1"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_hostile_yaml_is_told_in_a_line(text: str, told: str) -> None:
    """Nothing is built from it, nothing blows up."""
    with pytest.raises(UsageError) as caught:
        parse_yaml(text, "f.yaml")
    assert told in str(caught.value)
    assert str(caught.value).startswith("f.yaml: ")
    assert len(str(caught.value)) < 500


def test_plain_yaml_is_the_core_schema() -> None:
    """Words are words: on, yes, dates, versions, numbers in odd notations; keys are text as in JSON."""
    read = parse_yaml(
        'on: yes\n2: no\nd: 2026-01-01\nv: 1.10.2\nx: 0x10\ny: 012\nt: true\nn: null\ne:\nf: 1.5\ni: -3\n"u": "\\u00e9"\n<<: {a: 1}\n', "f"
    )
    assert read == {
        "on": "yes",
        "2": "no",
        "d": "2026-01-01",
        "v": "1.10.2",
        "x": "0x10",
        "y": "012",
        "t": True,
        "n": None,
        "e": None,
        "f": 1.5,
        "i": -3,
        "u": "é",
        "<<": {"a": 1},
    }


@given(st.text(max_size=60) | st.text("-:[]{}&*!|>'\"#%@`, \n\tab1", max_size=60))
def test_any_text_is_read_or_told(text: str) -> None:
    """A value, or a usage error; and whatever value it is can be held against a schema."""
    try:
        value = parse_yaml(text, "f")
    except UsageError:
        return
    problems_of(value, "target", "f")


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e999}', "[" * 100_000, '{"a": "\\ud800"}', "{'a': 1}", ""])
def test_hostile_json_is_told_in_a_line(tmp_path: Path, text: str) -> None:
    """JSON files are as strict."""
    file = tmp_path / "t.json"
    file.write_text(text)
    with pytest.raises(UsageError, match="not JSON"):
        read_yaml(file)


def test_files_that_are_none(tmp_path: Path) -> None:
    """Missing, a folder, too large, not UTF-8."""
    (tmp_path / "latin").write_bytes(b"a: \xff")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(MAX_BYTES + 1)
    for name, told in (("none", "No such file"), (".", "not a file"), ("latin", "not UTF-8"), ("large", "larger than 8 MB")):
        with pytest.raises(UsageError, match=told):
            read_yaml(tmp_path / name)


# -- targets and claims ------------------------------------------------------------------------------------------------
def told(tmp_path: Path, text: str, **more: Any) -> list[str]:
    file = tmp_path / "target.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_target(file, **more)
    return [str(p).removeprefix(f"{tmp_path}/") for p in caught.value.problems]


def test_every_problem_of_a_file_at_once(tmp_path: Path) -> None:
    """File, place, problem, hint; all of them in one go."""
    problems = told(
        tmp_path,
        "url: ftp://h\nnam: x\nlimits: {rate: fast, in_flight: 0, tmeout: 3}\nallow: [writ]\n"
        "credentials: {default: {scheme: bearr, token: {envv: X}}}\ntls: {verify: maybe}\n",
    )
    text = "\n".join(problems)
    assert len(problems) >= 8
    for part in (
        "target.yaml: url:",
        "'nam' is not known here (did you mean 'name'?)",
        "limits: 'tmeout' is not known here (did you mean 'timeout'?)",
        "limits.rate",
        "limits.in_flight",
        "allow[0]: 'writ' is not one of them (did you mean 'write'?)",
        "scheme: 'bearr' is not one of them (did you mean 'bearer'?)",
        "tls.verify",
        "credentials.default.token",
    ):
        assert part in text, text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        "//h",
        "http://",
        "http://user:secret@h",
        "file:///etc/passwd",
        "http://[",
        "http://h:99999",
        "javascript:x",
        "http://h/a b",
        "http://h?x=1",
        "http://h#x",
        "http://h\n",
    ],
)
def test_urls_that_are_none(url: str, tmp_path: Path) -> None:
    """From the file or the command line: refused, and a secret in it is not repeated."""
    with pytest.raises(UsageError) as caught:
        load_target(None, url=url)
    if "user" in url:
        file = tmp_path / "t.yaml"
        file.write_text(json.dumps({"url": url}))
        with pytest.raises(UsageError, match="credentials do not belong into a URL") as in_file:
            load_target(file)
        assert "secret" not in f"{caught.value}{in_file.value}"
    assert caught.value.problems


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "text",
        "3",
        "null",
        "url: 3",
        "url: [http://h]",
        "url: http://h\ntest_data: []",
        "url: http://h\nheaders: {a: 1}",
        'url: http://h\nheaders: {a: "b\\nc: d"}',
    ],
)
def test_wrong_types_are_told(tmp_path: Path, text: str) -> None:
    """A target that is no target."""
    assert told(tmp_path, text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda v: (
            st.lists(v, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["url", "limits", "credentials", "default", "scheme", "token", "env", "tls", "allow", "profile", "features", "x"]
                )
                | st.text(max_size=3),
                v,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_any_value_is_a_target_a_claim_or_told(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    """Whatever stands in a file, the loader has an answer."""
    file = tmp_path_factory.mktemp("t") / "t.json"
    file.write_text(json.dumps(value))
    for load in (load_target, load_claim):
        try:
            load(file)
        except UsageError:
            continue


def test_options_win_over_the_file(tmp_path: Path) -> None:
    """`--url`, `--allow`, `--token-env`, certificates: each replaces or adds to what the file says."""
    file = tmp_path / "t.yaml"
    file.write_text("url: http://one/\nallow: [write]\ncredentials: {other: {scheme: none}}\ntls: {verify: false}\n")
    target = load_target(file, url="https://two/base/", allow=("disruptive", "write"), token_env="T", cert="c.pem")
    assert (target.url, target.base_path, target.allow) == ("https://two/base", "/base", ("write", "disruptive"))
    assert set(target.credentials) == {"other", "default"}
    assert (target.tls.verify, target.tls.cert) == (False, "c.pem")
    assert load_target(None, url="http://h").url == "http://h"
    with pytest.raises(UsageError, match="where is the target"):
        load_target(None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("profile: other", "this claim is for other"),
        ("profile: notes\nedition: '9'", "no edition '9' (there are 1.0)"),
        ("profile: notes\nfeatures: {archiv: yes}", "did you mean 'archive'"),
        ("profile: notes\nfeatures: {core: no}", "core cannot be denied"),
        ("profile: notes\nfeatures: {archive: perhaps}", "'perhaps' is not one of them"),
        ("features: {}", "'profile' is missing"),
        ("profile: ../../etc", "profile"),
    ],
)
def test_claims_are_held_against_the_profile(tmp_path: Path, text: str, problem: str) -> None:
    """Another profile, an unknown feature, core denied."""
    file = tmp_path / "claim.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_claim(file, load_profile("notes", shelf()))
    assert problem in str(caught.value)


def test_a_claim_takes_words_and_booleans(tmp_path: Path) -> None:
    """`yes`, `no`, `planned`, true, false; what is not named is silent."""
    file = tmp_path / "claim.yaml"
    for said, meant in (("yes", "yes"), ("true", "yes"), ("no", "no"), ("false", "no"), ("planned", "planned")):
        file.write_text(f"profile: notes\nfeatures: {{archive: {said}}}\n")
        claim = load_claim(file, load_profile("notes", shelf()))
        assert claim.support("archive") == meant
        assert claim.support("core") == "yes"
        assert claim.support("other") == "silent"


# -- profiles ----------------------------------------------------------------------------------------------------------
@pytest.fixture
def copy(tmp_path: Path) -> Shelf:
    """A copy of the tiny profile that a test may spoil."""
    shutil.copytree(PROFILES, tmp_path / "profiles")
    shutil.copytree(SPECS, tmp_path / "specs")
    return Shelf((tmp_path / "profiles",), (tmp_path / "specs",))


def spoil(copy: Shelf, name: str, old: str, new: str) -> str:
    """Change one of the files and return what loading the profile says."""
    file = (copy.spec_dirs if name == "openapi.yaml" else copy.profile_dirs)[0] / (
        "notes/1.0/openapi.yaml" if name == "openapi.yaml" else f"notes/{name}"
    )
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError) as caught:
        load_profile("notes", copy)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        (
            "1.0.yaml",
            "getAbout: {level: MUST",
            "getAbout: {level: MUSST",
            "operations.getAbout.level: 'MUSST' is not one of them (did you mean 'MUST'?)",
        ),
        ("1.0.yaml", "  getAbout:", "  getAbuot:", "operations.getAbuot: not an operation of the contract (did you mean 'getAbout'?)"),
        ("1.0.yaml", "feature: archive", "feature: arkive", "notes/archive.answers: 'arkive' is not a feature (did you mean 'archive'?)"),
        (
            "1.0.yaml",
            "id: note.read-after-create",
            "id: note.delete-is-effective",
            "notes/note.delete-is-effective: this id stands here twice",
        ),
        ("1.0.yaml", "id: note.read-after-create", "id: get-note.answers", "notes/get-note.answers: this id stands here twice"),
        ("1.0.yaml", "on: note}", "on: noet}", "'noet' is neither a resource nor an operation (did you mean 'note'?)"),
        ("1.0.yaml", "reason: unobservable", "reason: too hard", "'too hard' is not one of them"),
        (
            "1.0.yaml",
            "check: delete-is-effective, on: note}",
            "check: delete-is-effective, on: note, needs: [no.such]}",
            "needs 'notes/no.such', which is not a requirement",
        ),
        (
            "1.0.yaml",
            "check: delete-is-effective, on: note}",
            "check: delete-is-effective, on: note, basis: programme}",
            "'decided' is missing",
        ),
        ("1.0.yaml", 'edition: "1.0"', 'edition: "1.1"', "says it is notes 1.1"),
        ("1.0.yaml", "contract: notes/1.0", "contract: ../1.0", "contract"),
        ("1.0.yaml", "contract: notes/1.0", "contract: notes/9.9", "no such contract"),
        ("1.0.yaml", "state: effective", 'state: effective\nextends: "1.0"', "in a circle"),
        (
            "bindings.yaml",
            "probe: getAbout",
            "probe: getAbot",
            "probe: 'getAbot' is not an operation of the contract (did you mean 'getAbout'?)",
        ),
        ("bindings.yaml", "  createNote: {effect: own}\n", "", "operations.createNote: 'effect' of POST /notes is missing"),
        ("bindings.yaml", "schema: Error", "schema: Eror", "error.schema: 'Eror' is not a component schema"),
        ("bindings.yaml", "    read: getNote", "    raed: getNote", "resources.note: 'raed' is not known here (did you mean 'read'?)"),
        ("bindings.yaml", "    read: getNote", "    read: getNot", "resources.note.read: 'getNot' is not an operation"),
        ("openapi.yaml", "openapi: 3.1.0", "openapi: 2.0.0", "openapi"),
        ("openapi.yaml", "      operationId: getAbout\n", "", "paths./about.get: 'operationId' is missing"),
        ("openapi.yaml", "operationId: getNote", "operationId: getAbout", "two operations are called 'getAbout'"),
        ("openapi.yaml", "#/components/schemas/About", "#/components/schemas/Abuot", "leads nowhere"),
        ("openapi.yaml", "#/components/schemas/About", "https://example.org/evil.yaml", "leads nowhere"),
        ("openapi.yaml", "  /about:", "  about:", "paths"),
        ("openapi.yaml", "in: query", "in: body", "'body' is not one of them"),
    ],
    ids=lambda value: str(value)[:28],
)
def test_a_wrong_profile_is_told(copy: Shelf, file: str, old: str, new: str, told: str) -> None:
    """Each mistake with its file, its place and what was meant."""
    said = spoil(copy, file, old, new)
    assert told in said, said
    assert file in said or "contract" in said or "notes/9.9" in said


@pytest.mark.parametrize(
    "document",
    [
        "paths: []",
        "paths: {/a: []}",
        "paths: {/a: {get: []}}",
        "paths: {/a: {get: {operationId: x, responses: []}}}",
        "paths: {/a: {get: {operationId: x, responses: {200: []}}}}",
        "paths: {/a: {get: {operationId: x, parameters: {}, responses: {}}}}",
        "paths: {/a: {get: {operationId: [], responses: {}}}}",
        "paths: {/a: {get: {operationId: x, responses: {}, requestBody: {content: []}}}}",
        "paths: {/a: {get: {operationId: x, responses: {'200': {$ref: '#/components/responses/A'}}}}}\n"
        "components: {responses: {A: {$ref: '#/components/responses/A'}}}",
        "components: {}",
    ],
)
def test_a_contract_of_wrong_types_is_told(copy: Shelf, document: str) -> None:
    """An OpenAPI file from anywhere is refused in words, never with a traceback, never without end."""
    (copy.spec_dirs[0] / "notes/1.0/openapi.yaml").write_text(f"openapi: 3.1.0\n{document}\n")
    with pytest.raises(UsageError):
        load_profile("notes", copy)


def test_statuses_need_no_quotes(copy: Shelf) -> None:
    """`200:` and `"200":` are the same key."""
    file = copy.spec_dirs[0] / "notes/1.0/openapi.yaml"
    file.write_text(file.read_text().replace('"200"', "200").replace('"404"', "404"))
    profile = load_profile("notes", copy)
    assert profile.contract.responses.is_valid(profile.operation("getAbout").answers["200"].media["application/json"], {"version": "1"})


@pytest.mark.parametrize("name", ["../notes", "/etc/passwd", "notes/1.0", "", "notes@../1.0", "notes@9", "Notes", "notes\x1b[31m"])
def test_names_of_profiles_are_names(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A path-like or unknown name is refused; what is printed of it holds no escape sequence."""
    assert main(["coverage", name, "--profile-dir", str(PROFILES), "--spec-dir", str(SPECS)]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_later_editions_extend_earlier_ones(copy: Shelf) -> None:
    """Entries with the same id replace, `removed` takes away, the rest stays; editions are ordered by their numbers."""
    home = copy.profile_dirs[0] / "notes"
    (home / "1.10.yaml").write_text(
        'profile: notes\nedition: "1.10"\ntitle: Notes\ninterface: 1\ntier: basic\nstate: draft\n'
        'contract: notes/1.0\nextends: "1.0"\nremoved: [archive.answers, listNotes]\n'
        "requirements:\n  - {id: note.delete-is-effective, level: SHOULD, clause: §9, sentence: S.,"
        " check: delete-is-effective, on: note}\n"
    )
    old, new = load_profile("notes@1.0", copy), load_profile("notes@1.10", copy)
    assert load_profile("notes", copy).edition == "1.10"
    assert new.by_id["notes/note.delete-is-effective"].level == "SHOULD"
    assert set(old.by_id) - set(new.by_id) == {"notes/archive.answers", "notes/list-notes.answers", "notes/list-notes.answer"}
    assert old.digests["profile"] != new.digests["profile"]


def test_hints_name_the_nearest() -> None:
    """A near word, or the few there are, or nothing."""
    assert did_you_mean("wirte", ["write", "read"]) == "did you mean 'write'?"
    assert did_you_mean("zzz", ["write", "read"]) == "one of read, write"
    assert did_you_mean("zzz", [f"word{n}" for n in range(20)]) == ""
    assert did_you_mean("zzz", []) == ""
    assert place_of(["requirements", 3, "level"]) == "requirements[3].level"
