"""Twins and faults as data: conditions, texts, rules, members, and each thing that a fault may change."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.main import main
from conformance.cli.twins import run_in_process
from conformance.errors import UsageError
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.faults import planted
from conformance.reference.rules import describes, filled
from conformance.reference.twins import twin_for
from conformance.twin import Change, FaultRule, Refusal, Rule, TwinRules
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.notes import shelf

ROOT = Path(__file__).parent.parent.parent
NOTES = load_profile("notes", shelf())
NOW = 1_767_225_600.0


def ask(twin: Any, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None) -> WireResponse:
    """Send one request to a twin of the notes."""
    sent = {"content-type": "application/json", **(headers or {})}
    answer: WireResponse = twin.handle(
        WireRequest(method=method, target=target, headers=tuple(sent.items()), body=b"" if body is None else json.dumps(body).encode()), NOW
    )
    return answer


def with_rules(**said: Any) -> Profile:
    return replace(NOTES, twin=TwinRules(**said))


def faulty(**said: Any) -> Any:
    """A twin of the notes with one fault."""
    rule = FaultRule(**{"name": "the-fault", "group": "state", "sentence": "It is wrong.", "turns": {"": ()}, **said})
    profile = with_rules(faults=(rule,))
    return next(p for p in planted(profile) if p.fault.name == "the-fault").twin(twin_for(profile))


# -- conditions and texts --------------------------------------------------------------------------------------------
def test_a_part_that_is_not_there_is_described_by_nothing() -> None:
    assert describes({"query": {"required": ["a"]}}, {"query": {"a": "1"}})
    assert not describes({"query": {"required": ["a"]}}, {"query": {}})
    assert not describes({"body": True}, {"query": {}})
    assert describes({}, {})


def test_a_text_takes_values_and_texts_from_a_call() -> None:
    parts = {"body": {"n": 1, "deep": [{"x": None}]}, "path": {"id": "a"}}
    assert filled(["{/body/n}", "n={/body/n}", "{/body/deep}", "{/body/gone}", "-{/body/gone}-", 5], parts) == [
        1,
        "n=1",
        [{"x": None}],
        None,
        "--",
        5,
    ]


# -- rules -----------------------------------------------------------------------------------------------------------
def test_the_first_rule_that_describes_a_call_answers_it() -> None:
    old = Rule(at=("getAbout",), when={"headers": {"required": ["x-old"]}}, refuse=Refusal(status=410, detail="too old"))
    new = Rule(at=("getAbout",), answer=Change(headers={"x-of": "{/query/of}"}, body={"version": "of {/query/of}"}))
    twin = twin_for(with_rules(rules=(old, new)))
    twin.options.strict_query = False
    refused = ask(twin, "GET", "/about", headers={"x-old": "1"})
    assert (refused.status, json.loads(refused.body)["message"]) == (410, "too old")
    answer = ask(twin, "GET", "/about?of=1&of=2")
    assert (answer.status, json.loads(answer.body)["version"], header(answer.headers, "x-of")) == (200, "of 2", "2")
    assert ask(twin, "GET", "/notes").status == 200


def test_a_rule_comes_after_the_path_and_the_body_were_found_right() -> None:
    twin = twin_for(with_rules(rules=(Rule(answer=Change(body={"id": "n", "text": "always"})),)))
    assert ask(twin, "POST", "/notes", {"text": 5}).status == 400
    assert ask(twin, "GET", "/notes/unknown").status == 404
    assert json.loads(ask(twin, "POST", "/notes", {"text": "x"}).body)["text"] == "always"


def test_a_rule_may_speak_of_who_asks_and_of_times() -> None:
    rules = (
        Rule(at=("getAbout",), when={"who": {"const": "other"}}, refuse=Refusal(status=403)),
        Rule(
            at=("getAbout",),
            when={"query": {"required": ["at"], "properties": {"at": {"minimum": 10}}}},
            answer=Change(body={"version": "{/query/at}s"}),
        ),
    )
    twin = twin_for(with_rules(rules=rules, instants=("at",)))
    assert ask(twin, "GET", "/about", headers={"authorization": "Bearer other-token"}).status == 403
    for text in ("12.5", "1970-01-01T00:00:12.5Z", "1970-01-01T01:00:12.5%2B01:00"):
        assert json.loads(ask(twin, "GET", f"/about?at={text}").body)["version"] == "12.5s"
    assert json.loads(ask(twin, "GET", "/about?at=9").body)["version"] != "9.0s"
    for text in ("soon", "1e400", "2026-01-01", "nan"):
        assert ask(twin, "GET", f"/about?at={text}").status == NOTES.bindings.error.invalid[0]


def test_members_are_put_into_what_is_made_and_stay_with_what_the_client_said() -> None:
    twin = twin_for(with_rules(members={"note": {"at": "{/now}", "self": "{/href}", "text": "ours"}}))
    made = json.loads(ask(twin, "POST", "/notes", {"text": "theirs"}).body)
    assert (made["at"], made["self"], made["text"]) == ("2026-01-01T00:00:00.000Z", f"/notes/{made['id']}", "theirs")


def test_an_unknown_family_is_told() -> None:
    with pytest.raises(UsageError, match=r"no family 'camera'.*did you mean 'camara'"):
        twin_for(with_rules(like="camera"))


# -- faults ----------------------------------------------------------------------------------------------------------
def test_a_fault_refuses_where_its_condition_holds() -> None:
    twin = faulty(at=("getAbout",), when={"headers": {"required": ["x-new"]}}, refuse=Refusal(status=400, detail="no"))
    assert ask(twin, "GET", "/about").status == 200
    assert ask(twin, "GET", "/about", headers={"X-New": "1"}).status == 400


def test_a_fault_changes_what_is_asked() -> None:
    seen: list[WireRequest] = []
    for change in (
        Change(query={"a": None, "b": "{/query/a}", "c": "x y"}),
        Change(headers={"X-A": None, "X-B": "{/headers/x-a}"}),
        Change(body={"text": "{/body/text}!"}),
        Change(patch={"text": "new", "more": None}),
    ):
        twin = faulty(request=change)
        inner = twin.inner.handle
        twin.inner.handle = lambda request, now, inner=inner: (seen.append(request), inner(request, now))[1]
        ask(twin, "POST", "/notes?a=1&d=2", {"text": "old", "more": 1}, headers={"x-a": "1"})
    assert seen[0].target == "/notes?d=2&b=1&c=x%20y"
    assert dict(seen[1].headers) == {"content-type": "application/json", "X-B": "1"}
    assert [json.loads(request.body) for request in seen[2:]] == [{"text": "old!"}, {"text": "new"}]


def test_a_fault_changes_answers() -> None:
    assert ask(faulty(response=Change(status=299)), "GET", "/about").status == 299
    answer = ask(faulty(response=Change(headers={"Content-Type": None, "x-a": "{/response/status}"})), "GET", "/about")
    assert answer.headers == (("x-a", "200"),)
    assert json.loads(ask(faulty(response=Change(patch={"version": None, "x": 1})), "GET", "/about").body) == {"archive": True, "x": 1}
    first, second = (json.loads(ask(faulty(response=Change(body=["{/uuid}"])), "GET", "/about").body) for _ in range(2))
    assert first == second
    twin = faulty(response=Change(body=["{/uuid}"]))
    assert ask(twin, "GET", "/about").body != ask(twin, "GET", "/about").body


def test_bodies_of_refusals_are_changed_only_where_the_condition_speaks_of_answers() -> None:
    gone = json.loads(ask(faulty(response=Change(patch={"x": 1})), "GET", "/notes/gone").body)
    assert "x" not in gone
    always = faulty(when={"response": {"properties": {"status": {"const": 404}}}}, response=Change(status=410, patch={"x": 1}))
    answer = ask(always, "GET", "/notes/gone")
    assert (answer.status, json.loads(answer.body)["x"]) == (410, 1)
    assert ask(always, "GET", "/about").status == 200


def test_a_fault_may_hang_on_what_would_have_been_answered_without_doing_it_twice() -> None:
    twin = faulty(when={"response": {"properties": {"status": {"const": 201}}}}, request=Change(patch={"text": "another"}))
    made = json.loads(ask(twin, "POST", "/notes", {"text": "mine"}).body)
    assert made["text"] == "another"
    assert len(json.loads(ask(twin, "GET", "/notes").body)["items"]) == 1


def test_a_fault_may_not_be_called_like_one_that_any_service_has() -> None:
    with pytest.raises(UsageError, match=r"faults.server-error: any service has a fault of this name"):
        faulty(name="server-error")


def test_what_is_no_json_is_left_as_it_is() -> None:
    twin = faulty(request=Change(patch={"text": "x"}))
    request = WireRequest(method="POST", target="/notes", headers=(("content-type", "application/json"),), body=b"{")
    assert twin.handle(request, NOW).status == 400
    assert ask(faulty(response=Change(patch={"x": 1})), "GET", "/nowhere").status == 404


# -- the example of the documentation --------------------------------------------------------------------------------
@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Profile, Shelf]:
    """The drafted profile of the guide, with the twin of docs/twins.md."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "tests" / "data" / "library.openapi.yaml", tmp_path)
    assert main(["new-profile", "library.openapi.yaml", "-o", "mine", "--interface", "3", "--seen"]) == 0
    [example] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "twins.md").read_text("utf-8"), re.S)
    (tmp_path / "mine/profiles/library/twin.yaml").write_text(example)
    mine = Shelf.standard(tmp_path / "mine" / "profiles", tmp_path / "mine" / "specs")
    return load_profile("library", mine), mine


def test_the_example_is_green_and_its_faults_are_found(library: tuple[Profile, Shelf], tmp_path: Path) -> None:
    profile, mine = library
    right = run_in_process(profile, twin_for(profile), tmp_path / "right", shelf=mine)
    assert {r.verdict for r in right.results} == {Verdict.PASS}
    own = [p for p in planted(profile) if p.fault.profile == "library"]
    assert [p.name for p in own] == ["total-of-nothing@listBooks", "title-shortened@getBook"]
    for one in own:
        run = run_in_process(profile, one.twin(twin_for(profile)), tmp_path / one.name, shelf=mine, only=tuple(one.expected))
        assert {r.verdict for r in run.results if r.requirement in one.expected} == {Verdict.FAIL}


def test_the_command_of_the_documentation_runs(library: tuple[Profile, Shelf], capsys: pytest.CaptureFixture[str]) -> None:
    [command] = re.findall(r"```sh\nconformance (.*?)\n```", (ROOT / "docs" / "twins.md").read_text("utf-8"))
    assert main(command.split()) == 0
    assert "1 of 1" in capsys.readouterr().out
