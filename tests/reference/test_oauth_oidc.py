"""The token issuer's twin follows its standards, and its profile is green on it, wherever its endpoints are, and red on its own faults."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest

from conformance.checks.registry import known_checks
from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, run_in_process, target_of_twin
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.planning.rejudge import flips, rejudge
from conformance.reference.engine import Options as TwinOptions
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.reference.twins.oauth_oidc import CLIENT, LIFETIME, REFRESH, SECRET, USER_TOKEN
from conformance.reference.twins.token_keys import EXPONENT, key_pair, signed
from conformance.reference.variants import known_variants
from conformance.run import Run
from conformance.verdict import Verdict
from conformance.wire import Twin, WireRequest, WireResponse, header

NOW = 1_800_000_000.0
PROFILE = load_profile("oauth-oidc@1.0")
BASIC = "Basic " + base64.b64encode(f"{quote_plus(CLIENT)}:{quote_plus(SECRET)}".encode()).decode()


class Client:
    """Speaks to a fresh twin; time moves only when told."""

    def __init__(self) -> None:
        self.twin, self.now = twin_for(PROFILE), NOW

    def post(self, place: str, form: Any, authorization: str = BASIC, media: str = "application/x-www-form-urlencoded") -> WireResponse:
        headers = (("content-type", media), *((("authorization", authorization),) if authorization else ()))
        body = form if isinstance(form, bytes) else urlencode(form).encode()
        return self.twin.handle(WireRequest(method="POST", target=f"/oauth2/{place}", headers=headers, body=body), self.now)

    def told(self, place: str, form: Any, authorization: str = BASIC) -> tuple[int, Any]:
        answer = self.post(place, form, authorization)
        return answer.status, json.loads(answer.body) if answer.body else None

    def get(self, target: str, authorization: str = "") -> WireResponse:
        headers = (("authorization", authorization),) if authorization else ()
        return self.twin.handle(WireRequest(method="GET", target=target, headers=headers), self.now)

    def token(self) -> str:
        return str(self.told("token", {"grant_type": "client_credentials"})[1]["access_token"])

    def active(self, token: str) -> bool:
        return bool(self.told("introspect", {"token": token})[1]["active"])


# -- the twin --------------------------------------------------------------------------------------------------------
def test_a_token_is_active_until_it_expires() -> None:
    client = Client()
    answer = client.post("token", {"grant_type": "client_credentials", "scope": "read write"})
    assert (answer.status, header(answer.headers, "cache-control")) == (200, "no-store")
    token = json.loads(answer.body)["access_token"]
    assert client.active(token)
    client.now += LIFETIME
    assert client.told("introspect", {"token": token}) == (200, {"active": False})


def test_a_revoked_token_is_not_active_and_revoking_it_again_is_no_error() -> None:
    client = Client()
    token = client.token()
    assert [client.post("revoke", {"token": token}).status for _ in range(2)] == [200, 200]
    assert not client.active(token)


def test_refresh_tokens_are_good_once() -> None:
    client = Client()
    status, renewed = client.told("token", {"grant_type": "refresh_token", "refresh_token": REFRESH})
    assert (status, renewed["scope"]) == (200, "openid read")
    assert client.told("token", {"grant_type": "refresh_token", "refresh_token": REFRESH})[1]["error"] == "invalid_grant"
    assert client.told("token", {"grant_type": "refresh_token", "refresh_token": renewed["refresh_token"]})[0] == 200


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "nobody"}, 400, "invalid_scope"),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": USER_TOKEN}, 400, "invalid_grant"),
        (b"grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
    ],
)
def test_each_error_has_its_code(form: Any, status: int, error: str) -> None:
    answered, body = Client().told("token", form)
    assert (answered, body["error"]) == (status, error)


def test_clients_prove_themselves_in_one_way() -> None:
    client, grant = Client(), {"grant_type": "client_credentials"}
    mine = {"client_id": CLIENT, "client_secret": SECRET}
    assert client.told("token", {**grant, **mine}, "")[0] == 200
    assert client.told("token", {**grant, **mine})[1]["error"] == "invalid_request"
    for authorization, form in (("", grant), ("Basic eDp5", grant), ("", {**grant, **mine, "client_secret": "x"})):
        refused = client.post("token", form, authorization)
        assert (refused.status, json.loads(refused.body)["error"]) == (401, "invalid_client")
        assert (header(refused.headers, "www-authenticate") or "").startswith("Basic")


def test_a_registered_client_gets_tokens() -> None:
    client = Client()
    sent = json.dumps({"redirect_uris": ["https://a.invalid/b"]}).encode()
    made = client.post("register", sent, "", "application/json")
    body = json.loads(made.body)
    assert (made.status, body["client_secret_expires_at"], body["redirect_uris"]) == (201, 0, ["https://a.invalid/b"])
    proof = {"client_id": body["client_id"], "client_secret": body["client_secret"]}
    assert client.told("token", {"grant_type": "client_credentials", **proof}, "")[0] == 200
    fragment = json.dumps({"redirect_uris": ["https://a.invalid/b#c"]}).encode()
    assert json.loads(client.post("register", fragment, "", "application/json").body)["error"] == "invalid_redirect_uri"


@pytest.mark.parametrize("sent", [{"client_name": {}}, {"grant_types": [{}]}, {"grant_types": None}, {"grant_types": ["magic"]}, []])
def test_a_client_whose_metadata_are_of_another_type_is_not_registered(sent: object) -> None:
    seen = Client().post("register", json.dumps(sent).encode(), "", "application/json")
    assert (seen.status, json.loads(seen.body)["error"]) == (400, "invalid_client_metadata")


def test_the_user_information_needs_a_token_of_a_user() -> None:
    client = Client()
    assert json.loads(client.get("/oauth2/userinfo", f"Bearer {USER_TOKEN}").body) == {"sub": "user-1"}
    refused = client.get("/oauth2/userinfo", f"Bearer {client.token()}")
    assert header(refused.headers, "www-authenticate") == 'Bearer realm="twin", error="invalid_token"'
    assert client.get("/oauth2/userinfo").status == 401


def test_metadata_are_where_each_standard_puts_them() -> None:
    twin = twin_for(PROFILE, TwinOptions(base="/tenants/one"))
    for target in ("/tenants/one/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/tenants/one"):
        shown = json.loads(twin.handle(WireRequest(method="GET", target=target), NOW).body)
        assert (shown["issuer"], shown["token_endpoint"]) == (
            "http://twin.invalid/tenants/one",
            "http://twin.invalid/tenants/one/oauth2/token",
        )
    assert twin.handle(WireRequest(method="GET", target="/.well-known/openid-configuration"), NOW).status == 404


def test_a_signature_is_verified_by_the_published_key() -> None:
    token = signed("kid", {"sub": "me"})
    signature = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
    n, d = key_pair()
    opened = pow(int.from_bytes(signature, "big"), EXPONENT, n).to_bytes(256, "big")
    assert n.bit_length() == 2048
    assert opened.endswith(hashlib.sha256(token.rpartition(".")[0].encode()).digest())
    assert opened.startswith(b"\x00\x01\xff")
    assert pow(pow(12345, EXPONENT, n), d, n) == 12345


# -- the profile -----------------------------------------------------------------------------------------------------
def run(twin: Twin, folder: Path, expression: str = "", url: str = "http://twin.invalid", origins: tuple[str, ...] = ()) -> Run:
    target = replace(target_of_twin(PROFILE, twin, url, folder), origins=origins)
    claim = Claim(profile="oauth-oidc", edition="1.0", features={})
    session = Session("oauth-oidc@1.0", target, claim, folder, Options(seed=1), EPOCH, None, TwinWire(twin, EPOCH))
    return execute(session, expression=expression, new_loop=VirtualLoop)


def verdicts(run: Run) -> dict[str, Verdict]:
    return {r.requirement: r.verdict for r in run.results}


def test_the_profile_is_green_on_the_twin_and_judged_so_again(tmp_path: Path) -> None:
    run_in_process(PROFILE, twin_for(PROFILE), tmp_path)
    made = read_run(tmp_path)
    seen = verdicts(made)
    assert set(seen.values()) == {Verdict.PASS, Verdict.NOT_TESTED}
    assert {i for i, v in seen.items() if v is Verdict.NOT_TESTED} == {r.id for r in PROFILE.not_tested}
    again = rejudge(made, read_exchanges(tmp_path), PROFILE, Claim(profile="oauth-oidc", edition="1.0", features={}), known_checks())
    assert flips(made, again) == []


def test_no_secret_is_in_the_record(tmp_path: Path) -> None:
    twin = twin_for(PROFILE)
    run(twin, tmp_path, "introspection or registration or refresh or userinfo")
    written = "".join(f.read_text("utf-8") for f in tmp_path.rglob("*.jsonl"))
    encoded = BASIC.removeprefix("Basic ")
    issued = [t for t in twin.store.notes["tokens"] if len(t) > 30]
    assert issued
    assert [s for s in (SECRET, quote_plus(SECRET), encoded, REFRESH, USER_TOKEN, *issued) if s in written] == []


def test_a_secret_of_the_test_data_may_be_a_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWIN_SECRET", SECRET)
    twin = twin_for(PROFILE)
    twin.test_data = {**twin.test_data, "client_secret": {"env": "TWIN_SECRET"}}
    made = run(twin, tmp_path, "introspection and active")
    assert verdicts(made)["oauth-oidc/introspection.active"] is Verdict.PASS
    assert str(made.header.target["test_data"]["client_secret"]).startswith("«secret:")
    assert SECRET not in "".join(f.read_text("utf-8") for f in tmp_path.rglob("*.jsonl"))


def test_an_issuer_with_a_path_is_looked_at_in_both_places(tmp_path: Path) -> None:
    twin = twin_for(PROFILE, TwinOptions(base="/tenants/one"))
    seen = verdicts(run(twin, tmp_path, "metadata or configuration or keys or token", "http://twin.invalid/tenants/one"))
    assert {i: v for i, v in seen.items() if v not in (Verdict.PASS, Verdict.NOT_TESTED)} == {}
    assert seen["oauth-oidc/server-metadata.place"] is Verdict.PASS


def test_what_is_found_only_behind_the_path_of_the_issuer_is_out_of_place(tmp_path: Path) -> None:
    twin = twin_for(PROFILE, TwinOptions(base="/tenants/one"))

    class Appended:
        test_data = twin.test_data

        def handle(self, request: WireRequest, now: float) -> WireResponse:
            inserted, appended = (
                "/.well-known/oauth-authorization-server/tenants/one",
                "/tenants/one/.well-known/oauth-authorization-server",
            )
            swapped = {inserted: "/nowhere", appended: inserted}.get(request.target, request.target)
            return twin.handle(replace(request, target=swapped), now)

    seen = verdicts(run(Appended(), tmp_path, "server-metadata or authorization-server-metadata", "http://twin.invalid/tenants/one"))
    assert seen["oauth-oidc/server-metadata.place"] is Verdict.FAIL
    assert seen["oauth-oidc/server-metadata.issuer"] is Verdict.PASS


def test_endpoints_of_another_origin_are_not_asked(tmp_path: Path) -> None:
    twin = known_variants()["endpoints-on-another-host"].twin(twin_for(PROFILE))
    results = {r.requirement: r for r in run(twin, tmp_path, "token or keys").results}
    assert results["oauth-oidc/token.no-store"].verdict is Verdict.INCONCLUSIVE
    assert "off-origin link" in results["oauth-oidc/token.no-store"].reason
    assert Verdict.FAIL not in {r.verdict for r in results.values()}


@pytest.mark.parametrize(
    "name",
    [
        "opaque-tokens", "endpoints-elsewhere", "client-in-the-form", "no-user-ever-came", "refresh-token-used-up", "issuer-with-slash",
        "scant-metadata", "server-metadata-alone", "openid-metadata-alone", "invalid-client-in-a-form-is-400", "unknown-scope-left-out",
        "token-without-expiry", "errors-of-one-word", "keys-labelled", "no-client-credentials", "registration-with-a-statement", "each-its-own-metadata",
    ],
)  # fmt: skip
def test_what_the_standards_permit_is_no_finding(name: str, tmp_path: Path) -> None:
    seen = verdicts(run(known_variants()[name].twin(twin_for(PROFILE)), tmp_path))
    assert {i for i, v in seen.items() if v in (Verdict.FAIL, Verdict.ERROR)} == set()


@pytest.mark.parametrize(
    ("name", "judged"),
    [
        (
            "no-client-credentials",
            ["code.unknown", "refresh.unknown", "registration.works", "introspection.active", "introspection.altered"],
        ),
        ("each-its-own-metadata", ["token.no-store", "introspection.active", "revocation.effective", "registration.works"]),
    ],
)
def test_what_a_server_permissibly_leaves_out_hides_nothing_else(name: str, judged: list[str], tmp_path: Path) -> None:
    words = " or ".join(f"({' and '.join(one.split('.'))})" for one in judged)
    seen = verdicts(run(known_variants()[name].twin(twin_for(PROFILE)), tmp_path, words))
    assert {one: seen[f"oauth-oidc/{one}"] for one in judged} == dict.fromkeys(judged, Verdict.PASS)


def test_a_request_without_a_token_needs_no_token_of_ours(tmp_path: Path) -> None:
    twin = twin_for(PROFILE)
    twin.test_data = {k: v for k, v in twin.test_data.items() if k != "user_access_token"}
    asked = ["oauth-oidc/userinfo.token-missing", "oauth-oidc/userinfo.token-unknown"]
    seen = verdicts(run(twin, tmp_path / "right", "userinfo and token"))
    assert [seen[i] for i in asked] == [Verdict.PASS, Verdict.PASS]
    faults = {p.fault.name: p for p in planted(PROFILE)}
    for name, found in zip(("userinfo-without-challenge", "token-refused-without-a-word"), asked, strict=True):
        assert verdicts(run(faults[name].twin(twin), tmp_path / name, "userinfo and token"))[found] is Verdict.FAIL


@pytest.mark.parametrize(
    ("fault", "requirement"),
    [
        ("registration-forgotten", "registration.works"),
        ("grants-refused-with-403", "code.unknown"),
        ("grants-refused-with-403", "refresh.unknown"),
    ],
)
def test_faults_are_found_where_clients_get_no_tokens_of_their_own(fault: str, requirement: str, tmp_path: Path) -> None:
    inner = twin_for(PROFILE)
    known_variants()["no-client-credentials"].twin(inner)
    twin = next(p for p in planted(PROFILE) if p.fault.name == fault).twin(inner)
    assert verdicts(run(twin, tmp_path, " and ".join(requirement.split("."))))[f"oauth-oidc/{requirement}"] is Verdict.FAIL


def test_over_http_the_verdicts_are_the_same(tmp_path: Path) -> None:
    with serve(twin_for(PROFILE)) as url:
        target = target_of_twin(PROFILE, twin_for(PROFILE), url, tmp_path)
        claim = Claim(profile="oauth-oidc", edition="1.0", features={})
        session = Session("oauth-oidc@1.0", target, claim, tmp_path, Options(seed=1), EPOCH, None, None)
        seen = verdicts(execute(session, expression="not expired"))
    assert len(seen) > 80
    assert {i for i, v in seen.items() if v not in (Verdict.PASS, Verdict.NOT_TESTED)} == set()
    assert {i for i, v in seen.items() if v is Verdict.NOT_TESTED} <= {r.id for r in PROFILE.not_tested}


@pytest.mark.slow  # the sample of test_matrices.py stands for them in `make test`
@pytest.mark.parametrize(
    "planted", [p for p in planted(PROFILE) if p.fault.profile == "oauth-oidc" and p.representative], ids=lambda p: p.name
)
def test_a_fault_of_its_own_turns_its_requirement_red(planted: Any, tmp_path: Path) -> None:
    words = [i.partition("/")[2].split(".") for i in planted.expected]
    seen = verdicts(run(planted.twin(twin_for(PROFILE)), tmp_path, " or ".join(f"({' and '.join(w)})" for w in words)))
    assert {i: seen[i] for i in planted.expected} == dict.fromkeys(planted.expected, Verdict.FAIL)
