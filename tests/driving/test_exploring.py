"""Exploration: advisory, within the consent, through the driver; its engine is not trusted."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.common import write_views
from conformance.driving import exploring
from conformance.driving.exploring import PLACE, _doubt, _Gate, _Line, _Sorter, contract_for, left_out
from conformance.driving.session import Options
from conformance.exchange import Exchange, Request
from conformance.loading.profiles import load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.run import Advisory, Exploration
from conformance.scoring import score
from conformance.target import Credential, Limits, Reference, Target
from conformance.verdict import Effect
from conformance.wire import WireRequest, WireResponse
from conformance.writers.data import write_json
from conformance.writers.html import write_html
from conformance.writers.text import write_text
from tests.driving.running import run_live

PROFILE = "alertmanager-v2"
SECRET = "a-token-that-nobody-may-see-0123456789"


class Watched:
    """A twin that keeps what reached it; `fault` may replace an answer."""

    def __init__(self, fault: Callable[[WireRequest, WireResponse], WireResponse] | None = None) -> None:
        self.twin, self.fault, self.seen = twin_for(load_profile(PROFILE)), fault, list[WireRequest]()

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer as the twin does, or as the fault wants."""
        self.seen.append(request)
        answer = self.twin.handle(request, now)
        return self.fault(request, answer) if self.fault else answer


def _breaks(request: WireRequest, answer: WireResponse) -> WireResponse:
    """Break on a filter that is not empty, and say so in a way that a terminal and a browser would obey."""
    if request.method == "GET" and "/silences?" in request.target and answer.status == 400:
        return replace(answer, status=500, body=b'"\x1b[31m<script>alert(1)</script>' + SECRET.encode() + b'"')
    return answer


@pytest.fixture
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORING_TOKEN", SECRET)


def _run(twin: Watched, folder: Path, *, allow: tuple[str, ...] = (), explore_s: float = 0.0) -> Any:
    with serve(twin) as url:
        target = Target(
            url=url, allow=allow, limits=Limits(timeout=20.0), credentials={"default": Credential(scheme="bearer", token=Reference(env="EXPLORING_TOKEN"))}
        )  # fmt: skip
        only = ("alertmanager-v2/get-status.answer", "alertmanager-v2/get-status.answers")
        return run_live(PROFILE, url, folder, target=target, only=only, options=Options(patience=0.02, explore_s=explore_s, selected="x"))


@pytest.mark.usefixtures("_token")
@pytest.mark.slow
def test_a_fault_is_found_and_no_verdict_hears_of_it(tmp_path: Path) -> None:
    plain = _run(Watched(_breaks), tmp_path / "plain")
    twin = Watched(_breaks)
    run = _run(twin, tmp_path / "explored", explore_s=25.0)
    assert run.exploration is not None, run
    found = [f for f in run.exploration.findings if f.check == "not_a_server_error"]
    assert found, (run.exploration.ended, run.exploration.requests, run.exploration.findings)
    assert found[0].repeat.count("curl") == 1
    assert "/silences?" in found[0].repeat
    # the verdicts, the totals and the exit code are those of a run without exploration
    assert [(r.requirement, r.verdict) for r in run.results] == [(r.requirement, r.verdict) for r in plain.results]
    assert score(run).exit_code == score(plain).exit_code
    assert score(run).conclusion == score(plain).conclusion
    assert run.footer.exit_code == plain.footer.exit_code
    # only reads, only what the contract declares, only with our credentials
    assert {r.method for r in twin.seen} <= {"GET"}
    assert "needs --allow write" in run.exploration.left_out.values()
    # the record holds it, and no secret
    again = read_run(tmp_path / "explored")
    assert again.exploration == run.exploration
    assert len(read_exchanges(tmp_path / "explored")["exploration"]) == run.exploration.requests
    for file in (tmp_path / "explored").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    shown = write_text(run) + write_json(run)
    assert "advisory" in shown
    assert "\x1b" not in shown


# -- the gate ----------------------------------------------------------------------------------------------------------


class _Asked:
    """A driver that sends nothing."""

    def __init__(self, allow: tuple[str, ...], made: tuple[str, ...] = ()) -> None:
        self.target = Target(url="http://target.test", allow=allow)
        self.ledger = self
        self.made = made
        self.sent: list[Request] = []

    def open_entries(self) -> list[Any]:
        """Return the ledger's entries."""
        return [type("Entry", (), {"target": t, "link": "", "state": "made"})() for t in self.made]

    async def exchange(self, requirement: str, at: tuple[int, ...], request: Request) -> Exchange:
        """Answer 200."""
        self.sent.append(request)
        return Exchange(request=request, status=200, at=at)


def _gate(profile: str, allow: tuple[str, ...], made: tuple[str, ...] = ()) -> tuple[_Gate, _Asked]:
    loaded = load_profile(profile)
    out = left_out(loaded, frozenset(allow))
    driver = _Asked(allow, made)
    return _Gate(loaded, driver, {n: o for n, o in loaded.contract.operations.items() if n not in out}), driver  # type: ignore[arg-type]


def _line(method: str, target: str, body: Any = None, place: str = PLACE, headers: Mapping[str, str] | None = None) -> _Line:
    content = json.dumps(body).encode() if body is not None else b""
    return _Line(
        kind="send", method=method, url=place + target, headers=list((headers or {}).items()), body=base64.b64encode(content).decode()
    )


@pytest.mark.parametrize(
    ("method", "target", "place"),
    [
        ("DELETE", "/Users/0", PLACE), ("PUT", "/Users/0", PLACE), ("PATCH", "/Users/0", PLACE), ("TRACE", "/Users", PLACE),
        ("GET", "/Users", "http://elsewhere.test"), ("GET", "/Users", PLACE + ".elsewhere.test"), ("GET", "/secret", PLACE),
        ("GET", "/Users/%2e%2e", PLACE), ("GET", "/Users/..%2fadmin", PLACE), ("DELETE", "/Users", PLACE), ("POST", "/Bulk", PLACE),
    ],
)  # fmt: skip
def test_what_may_not_be_sent_is_not_sent(method: str, target: str, place: str) -> None:
    gate, driver = _gate("scim2", ("write",), made=("/Users/ours",))
    told = asyncio.run(gate.answer(_line(method, target, {}, place)))
    assert (told["status"], told["step"], driver.sent, gate.refused) == (404, -1, [], 1)


def test_what_it_made_may_be_changed_and_is_undone() -> None:
    gate, driver = _gate("scim2", ("write",), made=("/Users/ours",))
    asyncio.run(gate.answer(_line("DELETE", "/Users/ours")))
    asyncio.run(
        gate.answer(_line("POST", "/Users", {"userName": "x"}, headers={"Authorization": "Bearer x", "Content-Type": "application/json"}))
    )
    assert [r.method for r in driver.sent] == ["DELETE", "POST"]
    assert driver.sent[1].undo == "user"
    assert dict(driver.sent[1].headers) == {"content-type": "application/json"}
    asyncio.run(gate.answer(_line("POST", "/Users", {"userName": "x", "id": "somebody's"})))
    assert len(driver.sent) == 2


@pytest.mark.parametrize("name", ["scim2", "alertmanager-v2", "dmtf-redfish", "kubernetes-core", "oauth-oidc"])
def test_consent_decides_what_is_explored(name: str) -> None:
    profile = load_profile(name)
    for allow in (frozenset[str](), frozenset({"write"}), frozenset({"write", "disruptive"})):
        asked = [o for n, o in profile.contract.operations.items() if n not in left_out(profile, allow)]
        assert all(o.effect is Effect.READ or (o.effect is Effect.OWN and "write" in allow) for o in asked)
    document = contract_for(profile, {o.id: o for o in asked}, {})
    assert "security" not in document
    told = {o["operationId"] for item in document["paths"].values() for k, o in item.items() if k != "parameters"}
    assert told == {o.id for o in asked}


# -- the sorter --------------------------------------------------------------------------------------------------------


def _sorted(check: str, status: int, **more: Any) -> Advisory | None:
    gate, driver = _gate("scim2", ("write",))
    driver.redactor = type("R", (), {"text": staticmethod(lambda t: t), "headers": staticmethod(lambda h: h)})  # type: ignore[attr-defined]
    body = more.pop("sent", b"{}")
    request = Request(operation="createUser", method="POST", target="/Users", body=body)
    gate.seen[0] = Exchange(request=request, status=status, body=b"{}", url="http://target.test/Users")
    sorter = _Sorter(gate.profile, driver, gate)  # type: ignore[arg-type]
    sorter.take(_Line(kind="finding", check=check, operation="createUser", step=0, title="T", message="M", **more))
    assert len(sorter.found) + sorter.known == 1
    return next(iter(sorter.found.values()), None)


@pytest.mark.parametrize(
    ("check", "status", "more"),
    [
        ("status_code_conformance", 415, {}), ("status_code_conformance", 429, {}), ("not_a_server_error", 501, {}),
        ("negative_data_rejection", 200, {"place": "query"}), ("negative_data_rejection", 200, {"place": "body", "scenario": "object_unexpected_properties"}),
        ("positive_data_acceptance", 409, {}), ("positive_data_acceptance", 404, {}), ("response_schema_conformance", 503, {}),
    ],
)  # fmt: skip
def test_known_false_findings_are_dropped(check: str, status: int, more: dict[str, Any]) -> None:
    assert _sorted(check, status, **more) is None


def test_doubtful_findings_say_why() -> None:
    assert _sorted("not_a_server_error", 500).doubt == ""  # type: ignore[union-attr]
    for check, status in (("positive_data_acceptance", 400), ("negative_data_rejection", 201)):
        assert _sorted(check, status, place="body").doubt  # type: ignore[union-attr]
    assert "gateway" in _sorted("not_a_server_error", 500, sent=b'{"a": "\\u0000"}').doubt  # type: ignore[union-attr]
    assert _doubt(_Line(kind="finding"), Exchange(request=Request(operation="x", method="GET", target="/%00"), status=500))


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_hostile_findings_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    run = run_live(PROFILE, "http://127.0.0.1:9", tmp_path)
    nasty = "\x1b[2J<script>alert(1)</script>\u202e"
    finding = Advisory(check=nasty, operation=nasty, title=nasty, says=nasty, status=500, repeat=nasty, doubt=nasty)
    run = replace(run, exploration=Exploration(ended=nasty, findings=(finding,), left_out={nasty: nasty}))
    text, page, data = write_text(run), write_html(run, {}), write_json(run)
    assert "\x1b" not in text + page + data
    assert "<script>alert" not in page
    assert "\u202e" not in page + text
    write_views(run, tmp_path)


@pytest.mark.parametrize(
    "program", ["print('no JSON')", "print('{}')", "print('[1,2')", "import sys; sys.exit(3)", "print('{\"kind\": \"finding\", \"step\": \"x\"}')"]
)  # fmt: skip
def test_an_engine_that_breaks_loses_nothing(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "conformance" / "driving"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake.parent / "__init__.py").touch()  # a folder without it would stand behind an installed package of this name
    (fake / "explorer.py").write_text(program)
    monkeypatch.setattr(exploring, "_ROOT", tmp_path)
    gate, _ = _gate("scim2", ())
    ended = asyncio.run(exploring._conversation({}, gate, _Sorter(gate.profile, gate.driver, gate), 20.0))
    assert "process" in ended


def test_time_is_up_when_it_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "conformance" / "driving"
    fake.mkdir(parents=True)
    (fake / "__init__.py").touch()
    (fake.parent / "__init__.py").touch()
    (fake / "explorer.py").write_text('import time; print(\'{"kind": "ready"}\', flush=True); time.sleep(60)')
    monkeypatch.setattr(exploring, "_ROOT", tmp_path)
    gate, _ = _gate("scim2", ())
    assert "as allowed" in asyncio.run(exploring._conversation({}, gate, _Sorter(gate.profile, gate.driver, gate), 0.2))
