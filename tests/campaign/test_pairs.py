"""Pair sessions: each message judged by its sender's contract and by its reader's; what passed is kept without secrets."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cli.campaign import not_held
from conformance.cli.main import main
from conformance.cli.pairing import not_reached
from conformance.driving.relay import Relay
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges
from conformance.loading.testbeds import load_testbed
from conformance.pairing import Passed, Step, Word, judged_steps, operation_at, whole
from conformance.profile import Profile
from conformance.reference.dressing import names
from conformance.run import Result
from conformance.target import Target
from conformance.verdict import Level, Verdict
from conformance.wire import WireRequest, WireResponse
from tests.notes import PROFILES, SPECS, Notes, served, shelf


@pytest.fixture
def dialects(tmp_path: Path) -> tuple[Path, Path]:
    """Folders in which the tiny standard has a second edition: it asks for `kind`, and its notes show it."""
    profiles, specs = tmp_path / "profiles", tmp_path / "specs"
    shutil.copytree(PROFILES, profiles)
    shutil.copytree(SPECS, specs)
    old = (specs / "notes" / "1.0" / "openapi.yaml").read_text()
    new = (
        old.replace('version: "1.0"', 'version: "2.0"')
        .replace("required: [text]\n      properties: {", "required: [text, kind]\n      properties: {kind: {type: string, minLength: 1}, ")
        .replace("required: [id, text]\n      properties: {", "required: [id, text, kind]\n      properties: {kind: {type: string}, ")
    )
    new = new[: new.index("    delete:\n")] + new[new.index("components:") :]
    assert new.count("kind: {") == 2
    (specs / "notes" / "2.0").mkdir()
    (specs / "notes" / "2.0" / "openapi.yaml").write_text(new)
    text = (profiles / "notes" / "1.0.yaml").read_text().replace('"1.0"', '"2.0"').replace("notes/1.0", "notes/2.0")
    text = "\n".join(line for line in text.splitlines() if "deleteNote" not in line and "delete-is-effective" not in line)
    (profiles / "notes" / "2.0.yaml").write_text(text)
    bindings = (profiles / "notes" / "bindings.yaml").read_text()
    (profiles / "notes" / "bindings.yaml").write_text(bindings + 'default_edition: "1.0"\n')
    return profiles, specs


def editions(dialects: tuple[Path, Path]) -> tuple[Profile, Profile]:
    shelf = Shelf.standard(*dialects)
    return load_profile("notes@1.0", shelf), load_profile("notes@2.0", shelf)


def passed(
    method: str, target: str, sent: object = None, status: int = 200, answer: object = None, media: str = "application/json"
) -> Passed:
    """Return one exchange."""
    body = b"" if sent is None else json.dumps(sent).encode()
    seen = WireResponse(status=status, headers=(("Content-Type", media),), body=b"" if answer is None else json.dumps(answer).encode())
    return Passed(request=WireRequest(method=method, target=target, body=body), answer=seen if status else None)


NOTE, KIND = {"id": "n", "text": "t"}, {"id": "n", "text": "t", "kind": "k"}


@pytest.mark.parametrize(
    ("one", "a", "b", "expected", "words"),
    [
        (passed("GET", "/notes/n?x=1", answer=NOTE), 1, 1, "OK", "1 of 1 processed"),
        (passed("GET", "/notes/n", answer=KIND), 1, 2, "OK", ""),
        (passed("GET", "/notes/n", answer=NOTE), 2, 1, "NO", "A cannot read B's answer"),
        (passed("GET", "/notes/n", answer=NOTE), 1, 2, "NO", "B's answer is not what its own contract says"),
        (passed("POST", "/notes", {"text": "t"}, 400, {"message": "m"}), 1, 2, "NO", "B refused A's request (400): by B's contract"),
        (passed("POST", "/notes", {"text": 7}, 201, NOTE), 1, 1, "NO", "A's request is not what its own contract says"),
        (passed("POST", "/notes", {"text": "t"}, 400, {"message": "m"}), 1, 1, "OT", "B answered 400 to what both contracts allow"),
        (passed("DELETE", "/notes/n", status=204), 1, 2, "NA", "B's contract (2.0) does not have it"),
        (passed("GET", "/notes", status=501), 1, 1, "NA", "B does not offer it"),
        (passed("GET", "/about", status=404), 1, 1, "NA", "B does not offer it"),
        (passed("GET", "/notes/n", status=404), 1, 1, "OT", "B answered 404"),
        (passed("GET", "/notes", status=500), 1, 1, "NO", "B answered 500"),
        (passed("GET", "/notes", status=0), 1, 1, "OT", "B did not answer"),
        (passed("GET", "/notes", status=299, answer={}), 1, 1, "NO", "status 299 is not documented"),
        (passed("GET", "/about", answer={"version": "1"}, media="text/html"), 1, 1, "NO", "media type text/html"),
        (passed("GET", "/elsewhere"), 1, 1, "NO", "A sends what is not in its own contract"),
    ],
)
def test_a_step(dialects: tuple[Path, Path], one: Passed, a: int, b: int, expected: Word, words: str) -> None:
    """OK when both can go on, NO with who is at odds with which contract, NA and OT where that cannot be said."""
    both = editions(dialects)
    [step] = judged_steps([one], both[a - 1], both[b - 1])
    assert (step.verdict, words in step.detail) == (expected, True), step.detail


def test_steps_are_operations_in_the_order_of_the_first(dialects: tuple[Path, Path]) -> None:
    """One bad exchange of an operation is a NO of that step, and of the session."""
    old, _ = editions(dialects)
    steps = judged_steps(
        [passed("GET", "/notes/n", answer=NOTE), passed("GET", "/about", answer={"version": "1"}), passed("GET", "/notes/n")], old, old
    )
    assert [(s.step, s.verdict) for s in steps] == [("getNote", "NO"), ("getAbout", "OK")]
    assert whole(steps) == "NO"
    assert operation_at(old.contract, WireRequest(method="GET", target="/notes/a/b")) is None


@pytest.mark.parametrize(
    ("words", "expected"), [([], "OT"), (["OK", "NA"], "OK"), (["NA"], "NA"), (["OK", "OT"], "OT"), (["OK", "OT", "NO"], "NO")]
)
def test_a_session(words: list[Word], expected: Word) -> None:
    """One NO is a NO; OK takes something that went well and nothing that could not be judged."""
    assert whole([Step(step="s", verdict=w) for w in words]) == expected


def parts_sent(method: str, target: str, members: dict[str, object], boundary: str) -> WireRequest:
    """Return a request in parts, as another client than ours writes it."""
    lines: list[bytes] = []
    for name, value in members.items():
        kind = "" if isinstance(value, str) else "\r\nContent-Type: application/json"
        text = value if isinstance(value, str) else json.dumps(value)
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{kind}\r\n\r\n{text}\r\n'.encode())
    body = b"".join([*lines, f"--{boundary}--\r\n".encode()])
    return WireRequest(method=method, target=target, headers=(("content-type", f'multipart/form-data; boundary="{boundary}"'),), body=body)


ARTEFACT: dict[str, object] = {
    "artefactId": "8f1f7f2e-6d9e-4a44-9f0e-3f6f0a3d1a01", "appProviderId": "provider01", "artefactName": "name", "artefactVersionInfo": "1",
    "artefactVirtType": "VM_TYPE", "artefactDescriptorType": "COMPONENTSPEC",
    "componentSpec": [
        {
            "componentName": "web", "images": ["8f1f7f2e-6d9e-4a44-9f0e-3f6f0a3d1a01"], "numOfInstances": 1,
            "restartPolicy": "RESTART_POLICY_NEVER",
            "exposedInterfaces": [{"interfaceId": "http", "commProtocol": "TCP", "commPort": 80, "visibilityType": "VISIBILITY_EXTERNAL"}],
            "computeResourceProfile": {"cpuArchType": "ISA_X86_64", "numCPU": "1", "memory": 128},
        }
    ],
}  # fmt: skip


JSON_SENT = WireRequest(method="POST", target="/f/artefact", headers=(("content-type", "application/json"),))


@pytest.mark.parametrize(
    ("a", "b", "sent", "status", "expected", "words"),
    [
        ("1.3", "1.3", parts_sent("POST", "/f/artefact", ARTEFACT, "of its own"), 200, "OK", "1 of 1"),
        (
            "1.3",
            "1.3",
            parts_sent("POST", "/f/artefact", {**ARTEFACT, "artefactVirtType": "ZZ"}, "x"),
            200,
            "NO",
            "A's request is not what",
        ),
        ("1.3", "1.3", parts_sent("POST", "/f/artefact", {"artefactId": "a"}, "x"), 200, "NO", "A's request is not what"),
        ("1.3", "1.3-openop", parts_sent("POST", "/f/artefact", ARTEFACT, "x"), 400, "NO", "instead of application/json"),
        ("1.3-openop", "1.3", replace(JSON_SENT, body=json.dumps(ARTEFACT).encode()), 400, "NO", "instead of multipart/form-data"),
    ],
)
def test_bodies_in_parts_are_judged_by_their_parts(a: str, b: str, sent: WireRequest, status: int, expected: Word, words: str) -> None:
    """The form of a body is part of a dialect; whose client wrote the parts does not matter."""
    both = [load_profile(f"gsma-opg-ewbi@{edition}", shelf()) for edition in (a, b)]
    headers = (("Content-Type", "application/problem+json"),)
    answer = WireResponse(status=status, headers=headers if status >= 400 else (), body=b"{}" if status >= 400 else b"")
    [step] = judged_steps([Passed(request=sent, answer=answer)], *both)
    assert (step.verdict, words in step.detail) == (expected, True), step.detail


def test_what_the_originator_did_not_come_to_is_said() -> None:
    """Where a step before it did not go well, an operation is neither right nor left out."""
    stuck = Result(requirement="r", level=Level.MUST, on="deleteNote", verdict=Verdict.INCONCLUSIVE, reason="no note could be made")
    fine = Result(requirement="s", level=Level.MUST, on="createNote", verdict=Verdict.PASS)
    [step] = not_reached([stuck, fine], {"deleteNote", "createNote"}, {"createNote"})
    assert (step.step, step.verdict, step.detail) == ("deleteNote", "OT", "A did not come to it: no note could be made")
    assert not_reached([stuck], {"deleteNote"}, {"deleteNote"}) == ()


def test_the_relay_hands_on_and_keeps_without_secrets(tmp_path: Path) -> None:
    """Method, target, headers and body arrive; the answer comes back; a secret never reaches the file; silence is told as 502."""
    notes = Notes()
    with served(notes) as url:
        relay = Relay(Target(url=f"{url}/"), tmp_path)
        sent = WireRequest(
            method="POST",
            target="/notes",
            headers=(("authorization", "Bearer canary-canary"), ("connection", "close")),
            body=b'{"text": "x"}',
        )
        assert relay.handle(sent, 5.0).status == 201
    assert ("authorization", "Bearer canary-canary") in notes.asked[0].headers
    assert "canary" not in (tmp_path / "exchanges.jsonl").read_text()
    assert relay.handle(replace(sent, method="GET", body=b""), 6.0).status == 502
    kept = read_exchanges(tmp_path)["pair"]
    assert [e.status for e in kept.values()] == [201, 0]
    assert relay.passed[1].detail.startswith("B did not answer")


def test_sessions_of_a_campaign(dialects: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two of one dialect interoperate, two of two do not, each direction by itself; who does not originate has no session."""
    file, out = tmp_path / "testbed.yaml", tmp_path / "out"
    both = "roles: {notes: [originating, partner]}"
    file.write_text(
        f"""
name: pairs
partners: {{p: {{}}}}
systems:
  new: {{partner: p, twin: {{}}, claims: {{notes: {{edition: "2.0"}}}}, {both}}}
  old: {{partner: p, twin: {{}}, claims: {{notes: {{edition: "1.0"}}}}, {both}}}
  listens: {{partner: p, twin: {{}}, claims: {{notes: {{edition: "1.0"}}}}, roles: {{notes: [partner]}}}}
"""
    )
    words = ["--profile-dir", str(dialects[0]), "--spec-dir", str(dialects[1]), "--format", "json"]
    main(["run", "--testbed", str(file), "-o", str(out), *words])
    told = json.loads(capsys.readouterr().out)
    sessions = {p["pair"]: p["verdict"] for p in told["pairs"]}
    assert sessions == {
        "pairs/new__old/notes": "NO",
        "pairs/new__listens/notes": "NO",
        "pairs/old__new/notes": "NO",
        "pairs/old__listens/notes": "OK",
    }
    [file] = out.glob("pairs/old__new/notes/*/session.json")
    held = json.loads(file.read_text())
    assert (held["a"], held["b"], held["profile"]) == ("old", "new", "notes")
    assert held["dialects"] == {"a": ["1.0"], "b": ["2.0"]}
    steps = {s["step"]: s for s in held["steps"]}
    assert "by B's contract" in steps["createNote"]["detail"]
    assert steps["getAbout"]["verdict"] == "OK"
    assert not list(out.glob("pairs/**/run.jsonl")), "what tries the operations is no run of anybody"


def test_who_cannot_be_made_to_originate_is_named(tmp_path: Path) -> None:
    """A product of somebody else has no session here, and the table says why."""
    file = tmp_path / "t.yaml"
    file.write_text(
        """
name: n
partners: {p: {}}
systems:
  real: {partner: p, target: {url: "http://h:1"}, claims: {notes: {}}, roles: {notes: [originating]}}
  twin: {partner: p, twin: {profile: notes}, roles: {notes: [partner]}}
"""
    )
    testbed = load_testbed(file, shelf(), names)
    assert [(p.name, p.lock, p.drivable) for p in testbed.pairs] == [("pairs/real__twin/notes", "pairs/real__twin/notes", False)]
    assert not_held(testbed) == ["real__twin/notes: no session: real is no twin, only its owner can make it originate"]
