"""Whole runs: interrupted, resumed, cut short by a budget; secrets; ways to the target: mTLS, proxies, other addresses, logins."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from conformance.cli.main import main
from conformance.driving.session import Options
from conformance.driving.wires import HttpWire, NoAnswer
from conformance.exchange import Trouble
from conformance.loading.profiles import load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.reference.engine import Options as TwinOptions
from conformance.reference.engine import ResourceTwin
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.scoring import Exit, score
from conformance.target import Credential, Limits, Reference, Target, Tls
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse, header
from tests.driving.running import EPOCH, Handled, assert_whole, run_live, run_twin, shelf
from tests.driving.servers import Server, answer, json_answer, served

CHECKOUT = Path(__file__).resolve().parents[2]
#: How long a process of ours may take on a machine that has much else to do.
PATIENCE_S = 240.0


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN", "twin-token")


@pytest.fixture
def scim() -> Iterator[tuple[Server, ResourceTwin, list[Callable[[int], None]]]]:
    """A served SCIM twin, and a list of what to do at each request."""
    actions: list[Callable[[int], None]] = []
    count = [0]

    def handler(request: WireRequest) -> WireResponse:
        count[0] += 1
        for action in actions:
            action(count[0])
        return twin.handle(request, EPOCH)

    with served(handler) as server:
        twin = twin_for(load_profile("scim2", shelf()), TwinOptions(origin=server.url))
        yield server, twin, actions


#: A part of the profile that creates, changes and deletes.
PART = "user and not refuses and not paging"


def command(server: Server, folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """Start `conformance run` in a process of its own."""
    arguments = [
        sys.executable,
        "-m",
        "conformance",
        "run",
        "scim2",
        "--url",
        server.url,
        "--token-env",
        "TWIN",
        "--allow",
        "write",
        "-k",
        PART,
        "-o",
        str(folder),
        "-q",
    ]
    return subprocess.Popen(
        [*arguments, *options],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


def users(server: Server, twin: ResourceTwin) -> int:
    """Return how many users the twin has."""
    seen = twin.handle(WireRequest(method="GET", target="/Users", headers=(("authorization", "Bearer twin-token"),)), EPOCH)
    return int(json.loads(seen.body)["totalResults"])


def verdicts(run: Run) -> dict[str, Verdict]:
    """Return requirement -> settled verdict."""
    return {r.requirement: r.verdict for r in score(run).results}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """The verdicts of a run of the same part that nobody interrupts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TWIN", "twin-token")
        target = Target(
            url="http://twin.invalid", allow=("write",), credentials={"default": Credential(scheme="bearer", token=Reference(env="TWIN"))}
        )
        run = run_twin("scim2", twin_for(load_profile("scim2", shelf())), tmp_path_factory.mktemp("whole"), target=target, expression=PART)
    assert Verdict.PASS in verdicts(run).values()
    return verdicts(run)


# -- interruption ----------------------------------------------------------------------------------------------------------
def test_ctrl_c_leaves_nothing_behind_and_the_run_can_be_resumed(
    scim: tuple[Server, ResourceTwin, list[Callable[[int], None]]], whole: dict[str, Verdict], tmp_path: Path
) -> None:
    """Exit 130, a readable record that says so, no object of ours at the target; resumed, it ends as a whole run does."""
    server, twin, actions = scim
    before = users(server, twin)
    process: list[subprocess.Popen[bytes]] = []
    actions.append(lambda number: process[0].send_signal(signal.SIGINT) if number == 60 else None)
    process.append(command(server, tmp_path / "a"))
    _, err = process[0].communicate(timeout=PATIENCE_S)
    assert process[0].returncode == 130, err.decode()
    cut = read_run(tmp_path / "a")
    assert cut.footer is not None
    assert cut.footer.ended == "interrupted"
    assert 0 < len(cut.results) < 30
    assert_whole(tmp_path / "a", footer="interrupted")
    assert users(server, twin) == before
    actions.clear()

    resumed = command(server, tmp_path / "a", "--resume")
    _, err = resumed.communicate(timeout=PATIENCE_S)
    assert resumed.returncode == 5, err.decode()  # a part was selected
    run = read_run(tmp_path / "a")
    assert run.footer is not None
    assert run.footer.ended == "complete"
    assert run.results[: len(cut.results)] == cut.results
    assert users(server, twin) == before
    assert verdicts(run) == whole


def test_a_run_that_was_killed_is_cleaned_up_and_resumed(
    scim: tuple[Server, ResourceTwin, list[Callable[[int], None]]],
    whole: dict[str, Verdict],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Killed without warning: its record has no end, `conformance cleanup` removes what it left, `--resume` goes on."""
    server, twin, actions = scim
    before = users(server, twin)
    process: list[subprocess.Popen[bytes]] = []
    actions.append(lambda number: process[0].kill() if number == 60 else None)
    process.append(command(server, tmp_path))
    process[0].communicate(timeout=PATIENCE_S)
    assert read_run(tmp_path).footer is None
    assert users(server, twin) > before
    actions.clear()
    assert main(["cleanup", str(tmp_path), "--token-env", "TWIN"]) == 0
    assert "nothing is left" in capsys.readouterr().out
    assert users(server, twin) == before
    resumed = command(server, tmp_path, "--resume")
    _, err = resumed.communicate(timeout=PATIENCE_S)
    assert resumed.returncode == 5, err.decode()
    assert verdicts(read_run(tmp_path)) == whole
    assert users(server, twin) == before


def test_a_resumed_run_removes_first_what_the_killed_one_left(
    scim: tuple[Server, ResourceTwin, list[Callable[[int], None]]], whole: dict[str, Verdict], tmp_path: Path
) -> None:
    """Its fresh values are the same as before, so what was left would be in its way."""
    server, twin, actions = scim
    before = users(server, twin)
    process: list[subprocess.Popen[bytes]] = []
    actions.append(lambda number: process[0].kill() if number == 60 else None)
    process.append(command(server, tmp_path))
    process[0].communicate(timeout=PATIENCE_S)
    actions.clear()
    resumed = command(server, tmp_path, "--resume")
    _, err = resumed.communicate(timeout=PATIENCE_S)
    assert resumed.returncode == 5, err.decode()
    assert verdicts(read_run(tmp_path)) == whole
    assert users(server, twin) == before


def test_a_budget_ends_the_run_and_resume_goes_on(tmp_path: Path) -> None:
    """What the budget left out is not tested, exit 5; resumed, it is looked at."""
    twin = twin_for(load_profile("scim2", shelf()))

    class Slow:
        def handle(self, request: WireRequest, now: float) -> WireResponse:
            return replace(twin.handle(request, now), delay_s=0.1)

    target = Target(
        url="http://twin.invalid", allow=("write",), credentials={"default": Credential(scheme="bearer", token=Reference(env="TWIN"))}
    )
    first = run_twin("scim2", Slow(), tmp_path, target=target, options=Options(budget_s=2.0))
    assert_whole(tmp_path, footer="budget")
    left_out = [r for r in first.results if r.reason.startswith("the budget of 2 s is spent")]
    assert left_out
    assert {r.verdict for r in left_out} == {Verdict.NOT_TESTED}
    assert score(first).exit_code is Exit.INCOMPLETE
    resumed = run_twin("scim2", Slow(), tmp_path, target=target, options=Options(resume=True))
    assert len(resumed.results) == len(first.results)
    straight = run_twin("scim2", Slow(), tmp_path / "straight", target=target)
    assert verdicts(resumed) == verdicts(straight) == verdicts(read_run(tmp_path))
    assert score(resumed).exit_code is score(straight).exit_code


# -- secrets ---------------------------------------------------------------------------------------------------------------
def test_planted_secrets_are_in_no_file_of_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In headers, bodies, query strings, cookies, the target's own headers, test data and the proxy: in no file, and not printed."""
    monkeypatch.setenv("TWIN", "planted-bearer-0123456789")
    monkeypatch.setenv("PW", 'planted/pass"word +&=0123')
    twin = twin_for(load_profile("scim2", shelf()), TwinOptions(tokens={"planted-bearer-0123456789": "default"}))

    def handler(request: WireRequest) -> WireResponse:
        seen = twin.handle(request, EPOCH)
        echo = header(request.headers, "authorization") or "nobody"
        headers = (
            *seen.headers,
            ("set-cookie", "sid=planted-cookie-01"),
            ("x-echo", echo),
            ("x-again", 'planted/pass"word +&=0123'),
            ("x-auth-token", "planted-header-02"),
        )
        headers = tuple((k, f"{v}?access_token=planted-query-03" if k.lower() == "location" and "?" not in v else v) for k, v in headers)
        body = seen.body
        if body.startswith(b"{"):
            more = {
                "password": "planted-body-04",
                "clientSecret": "planted-body-05",
                "debug": echo,
                "note": "planted-bearer-0123456789",
                "pw": os.environ["PW"],
            }
            body = json.dumps({**json.loads(body), **more}).encode()
        return replace(seen, headers=headers, body=body)

    target = Target(
        url="http://twin.invalid",
        allow=("write",),
        headers={"X-Api-Key": "planted-header-06", "X-Note": "planted-bearer-0123456789"},
        proxy="http://joe:planted-proxy-07@127.0.0.1:1",
        test_data={"password": "planted-data-08", "tenant": "acme"},
        credentials={
            "default": Credential(scheme="bearer", token=Reference(env="TWIN")),
            "other": Credential(scheme="basic", username="joe", password=Reference(env="PW")),
        },
    )
    run_twin("scim2", Handled(function=handler), tmp_path, target=target)
    assert_whole(tmp_path)
    main(["report", str(tmp_path), "--to", "text"])
    main(["report", str(tmp_path), "--to", "json"])
    texts = {str(f): f.read_text("utf-8", "surrogateescape") for f in tmp_path.rglob("*") if f.is_file()} | {
        "stdout": capsys.readouterr().out
    }
    assert len(texts) >= 6
    secrets = [
        "planted-",
        base64.b64encode(os.environ["TWIN"].encode()).decode(),
        os.environ["PW"],
        json.dumps(os.environ["PW"])[1:-1],
        "planted/pass",
        "planted%2Fpass",
    ]
    for name, text in texts.items():
        for secret in secrets:
            assert secret not in text, f"{secret} in {name}: …{text[max(0, text.index(secret) - 80) : text.index(secret) + 60]}…"


# -- ways to the target ----------------------------------------------------------------------------------------------------
def fetched(aim: Target, **request: object) -> WireResponse | NoAnswer:
    """Send one request over a real socket."""

    async def one() -> WireResponse | NoAnswer:
        wire = HttpWire(aim)
        try:
            return await wire.fetch(aim.url, WireRequest(**{"method": "GET", "target": "/", **request}))  # type: ignore[arg-type]
        except NoAnswer as error:
            return error
        finally:
            await wire.close()

    return asyncio.run(one())


def test_mtls_needs_the_right_certificates_on_both_sides(tmp_path: Path) -> None:
    """Our authority and client certificate: answered; no certificate, a strange one, or a strange server: no answer, never a finding."""
    ours, strange = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.issue_cert("127.0.0.1").configure_cert(context)
    ours.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    files = {}
    for name, authority in (("good", ours), ("strange", strange)):
        certificate = authority.issue_cert("partner@example.com")
        certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.pem")
        authority.cert_pem.write_to_path(tmp_path / f"{name}-ca.pem")
        files[name] = (str(tmp_path / f"{name}.pem"), str(tmp_path / f"{name}-ca.pem"))
    with served(lambda request: json_answer("{}"), tls=context) as server:
        right = Target(url=server.url, limits=Limits(timeout=3.0), tls=Tls(cert=files["good"][0], cacert=files["good"][1]))
        seen = fetched(right)
        assert isinstance(seen, WireResponse)
        assert server.client_certificates[0]["subjectAltName"] == (("email", "partner@example.com"),)
        for tls in (Tls(cacert=files["good"][1]), Tls(cert=files["strange"][0], cacert=files["good"][1])):
            assert isinstance(fetched(replace(right, tls=tls)), NoAnswer)
        distrust = fetched(replace(right, tls=Tls(cert=files["good"][0], cacert=files["strange"][1])))
        assert isinstance(distrust, NoAnswer)
        assert distrust.trouble is Trouble.UNREACHABLE
        assert "certificate" in distrust.detail.lower()
        assert isinstance(fetched(replace(right, tls=replace(right.tls, cacert="", verify=False))), WireResponse)


def test_a_certificate_file_that_cannot_be_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and which option, no traceback."""
    (tmp_path / "x.pem").write_text("nonsense")
    code = main(["run", "scim2", "--url", "https://127.0.0.1:1", "--cert", str(tmp_path / "x.pem"), "-o", str(tmp_path / "run")])
    assert code == 2
    assert "--cert" in capsys.readouterr().err


def test_connect_to_goes_to_another_address_with_the_name_of_the_target() -> None:
    """The Host is the target's, the bytes go elsewhere; other origins of the target are reached where they are."""
    with served(lambda request: answer(204)) as server, served(lambda request: answer(204)) as other:
        authority = server.url.removeprefix("http://")
        target = Target(url="http://target.invalid:8080", connect_to=authority)
        assert isinstance(fetched(target), WireResponse)
        assert header(server.requests[0].headers, "host") == "target.invalid:8080"

        async def one() -> None:
            wire = HttpWire(target)
            await wire.fetch(other.url, WireRequest(method="GET", target="/"))
            await wire.close()

        asyncio.run(one())
        assert len(other.requests) == 1
        assert header(other.requests[0].headers, "host") == other.url.removeprefix("http://")


def test_connect_to_over_tls_asks_for_the_name_of_the_target(tmp_path: Path) -> None:
    """SNI and the check of the certificate use the name in the URL."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("target.example").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    asked: list[str] = []
    context.sni_callback = lambda _, name, __: asked.append(name)  # type: ignore[assignment]
    with served(lambda request: answer(204), tls=context) as server:
        port = server.url.rsplit(":", 1)[1]
        target = Target(url="https://target.example", connect_to=f"127.0.0.1:{port}", tls=Tls(cacert=str(tmp_path / "ca.pem")))
        assert isinstance(fetched(target), WireResponse)
        assert asked == ["target.example"]
        wrong = fetched(replace(target, url="https://another.example"))
    assert isinstance(wrong, NoAnswer)
    assert wrong.trouble is Trouble.UNREACHABLE


def test_a_proxy_carries_every_request_and_the_environment_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """`proxy` of the target is used, HTTP_PROXY is not."""
    with served(lambda request: answer(204)) as server, served(lambda request: json_answer('{"via": 1}')) as proxy:
        assert isinstance(fetched(Target(url="http://target.invalid", proxy=proxy.url)), WireResponse)
        assert proxy.requests[0].target == "http://target.invalid/"
        assert header(proxy.requests[0].headers, "host") == "target.invalid"
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert fetched(Target(url=server.url)) == WireResponse(status=204, headers=(), body=b"")
        assert len(proxy.requests) == 1


def test_bytes_arrive_as_they_were_meant() -> None:
    """Request target, header case of nothing of ours, empty bodies with a length, no header that nobody asked for."""
    with served(lambda request: answer(204)) as server:
        fetched(Target(url=server.url), method="POST", target="/a//b/./c/%2e%2e/x?y=%ZZ&&=#", headers=(("accept", "*/*"),))
    [request] = server.requests
    assert request.target == "/a//b/./c/%2e%2e/x?y=%ZZ&&=#"
    assert {k for k, _ in request.headers} == {"host", "accept", "content-length"}
    assert header(request.headers, "content-length") == "0"


@pytest.mark.parametrize("scheme", ["basic", "api-key", "session"])
def test_a_run_below_a_base_path_with_each_kind_of_credential(scheme: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The service lives below a path and wants to know who we are: everything asked for passes."""
    monkeypatch.setenv("PW", "password-0123456789")
    credential = {
        "basic": Credential(scheme="basic", username="joe", password=Reference(env="PW")),
        "api-key": Credential(scheme="api-key", header="X-Key", token=Reference(env="PW")),
        "session": Credential(
            scheme="session",
            url="login",
            header="X-Auth-Token",
            username="joe",
            password=Reference(env="PW"),
            fields={"username": "UserName"},
        ),
    }[scheme]
    proof = {
        "basic": ("authorization", "Basic am9lOnBhc3N3b3JkLTAxMjM0NTY3ODk="),
        "api-key": ("x-key", "password-0123456789"),
        "session": ("x-auth-token", "session-token-0123"),
    }[scheme]
    logins: list[object] = []

    def handler(request: WireRequest) -> WireResponse:
        assert request.target.startswith("/scim/v2/"), request.target
        if request.target == "/scim/v2/login":
            logins.append(json.loads(request.body))
            return answer(201, x_auth_token="session-token-0123", location="/scim/v2/sessions/1")
        if request.target == "/scim/v2/sessions/1":
            logins.append(request.method)
            return answer(204)
        who = "Bearer twin-token" if proof in request.headers else "Bearer nobody"
        headers = tuple((k, v) for k, v in request.headers if k != proof[0])
        return twin.handle(replace(request, headers=(*headers, ("authorization", who))), EPOCH)

    only = ("scim2/list-users.answer", "scim2/create-user.answer", "scim2/list-users.authentication", "scim2/user.delete")
    with served(handler) as server:
        twin = twin_for(load_profile("scim2", shelf()), TwinOptions(origin=server.url, base="/scim/v2"))
        target = Target(url=f"{server.url}/scim/v2", allow=("write",), credentials={"default": credential})
        run = run_live("scim2", target.url, tmp_path, target=target, only=only)
    assert {r.requirement: (r.verdict.value, r.reason) for r in run.results} == dict.fromkeys(only, ("pass", ""))
    assert run.leftovers == ()
    if scheme == "session":
        assert logins == [{"UserName": "joe", "password": "password-0123456789"}, "DELETE"]
    everything = repr(read_exchanges(tmp_path))
    assert "password-0123456789" not in everything
    assert "session-token-0123" not in everything
