"""Tokens that must open nothing, and limits: each weakness is found, and what is opaque or not allowed is not looked at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.driving.forging import Opaque, forged
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import Shelf
from conformance.run import Run
from conformance.scoring import score
from conformance.target import Target
from conformance.verdict import Verdict
from tests.baseline.test_http import EPOCH, URL, failed, having
from tests.baseline.vault import Vault, b64, credentials, key, shelf_with_vault, token, unb64

FORGED = ("unsigned", "tampered", "foreign-key", "own-key", "key-as-secret")


@pytest.fixture(scope="module")
def vault_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return shelf_with_vault(tmp_path_factory.mktemp("vault"))


def look(
    shelf: Shelf,
    folder: Path,
    *faults: str,
    only: str = "token",
    jwt: bool = True,
    limit: int = 0,
    allow: tuple[str, ...] = (),
    **data: object,
) -> Run:
    vault = Vault(*faults, clock=lambda: EPOCH, url=URL)
    vault.limit = limit
    for name, made in {
        "expired_token": token("default", EPOCH, lasts=-30), "early_token": token("default", EPOCH, begins=300),
        "foreign_token": token("default", EPOCH, audience="another"), "id_token": token("default", EPOCH, audience="client-1", typ="JWT"),
    }.items():  # fmt: skip
        file = folder / name
        file.write_text(made)
        data.setdefault(name, {"file": str(file)})
    target = Target(url=URL, allow=allow, credentials=credentials(folder / "c", EPOCH, jwt=jwt), test_data=data)
    session = Session(
        "security-baseline", target, Claim(beside="vault@1"), folder / "run", Options(patience=0.01), EPOCH, shelf, TwinWire(vault, EPOCH)
    )
    run = execute(session, expression=only, new_loop=VirtualLoop)
    text = (folder / "run" / "exchanges.jsonl").read_text()
    assert "forged:" in text or not jwt or only != "token"
    assert not any((folder / name).read_text() in text for name in ("c/default", "expired_token"))
    return run


def test_the_hardened_server_opens_to_no_token_but_its_own(vault_shelf: Shelf, tmp_path: Path) -> None:
    run = look(vault_shelf, tmp_path)
    assert having(run, Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE) == {}
    passed = having(run, Verdict.PASS)
    assert {f"iam.token-{name}-refused" for name in (*FORGED, "expired", "early")} | {
        "iam.token-audience-kept",
        "iam.id-token-refused",
    } <= set(passed)


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("alg-none", {"unsigned"}),
        ("any-key", {"foreign-key"}),
        ("trusts-jwk", {"own-key"}),
        ("confused", {"key-as-secret"}),
        ("no-signature", set(FORGED)),
        ("no-expiry", {"expired", "early"}),
    ],
)
def test_each_weakness_is_found(fault: str, wanted: set[str], vault_shelf: Shelf, tmp_path: Path) -> None:
    run = look(vault_shelf, tmp_path, fault)
    assert failed(run) == {f"iam.token-{name}-refused" for name in wanted}, having(run, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR)


def test_a_token_for_somebody_else_is_found(vault_shelf: Shelf, tmp_path: Path) -> None:
    assert failed(look(vault_shelf, tmp_path, "any-audience")) == {"iam.token-audience-kept", "iam.id-token-refused"}


def test_opaque_tokens_are_not_forged(vault_shelf: Shelf, tmp_path: Path) -> None:
    run = look(vault_shelf, tmp_path, jwt=False)
    told = having(run, Verdict.NOT_APPLICABLE)
    assert {told[f"iam.token-{name}-refused"] for name in FORGED} == {"the token is opaque"}
    assert failed(run) == set()


def test_limits_need_consent_and_a_number(vault_shelf: Shelf, tmp_path: Path) -> None:
    for n, (allow, data) in enumerate([((), {"burst": 40}), (("disruptive",), {})]):
        folder = tmp_path / str(n)
        folder.mkdir()
        run = look(vault_shelf, folder, only="resilience", allow=allow, **data)
        assert "resilience.burst-limited" in having(run, Verdict.NOT_TESTED)
        assert having(run, Verdict.PASS, Verdict.FAIL) == {}


@pytest.mark.parametrize(
    ("faults", "limit", "wanted"),
    [
        ((), 20, set()),
        ((), 0, {"burst-limited"}),
        (("no-retry-after",), 20, {"burst-says-when"}),
        (("takes-all",), 20, {"large-body-refused"}),
    ],
)
def test_limits_are_looked_at(faults: tuple[str, ...], limit: int, wanted: set[str], vault_shelf: Shelf, tmp_path: Path) -> None:
    run = look(
        vault_shelf, tmp_path, *faults, only="resilience", limit=limit, allow=("write", "disruptive"), burst=60, large_body=1_500_000
    )
    assert failed(run) == {f"resilience.{name}" for name in wanted}, having(
        run, Verdict.FAIL, Verdict.NOT_TESTED, Verdict.INCONCLUSIVE, Verdict.ERROR
    )
    left = [r.seen_once for result in score(run).results for r in result.findings]
    assert all(left)
    assert not run.leftovers


def test_ways_of_forging() -> None:
    """Claims stay, what should be wrong is wrong; a token that is none is opaque."""
    real = token("default", EPOCH)
    head, claims, signature = real.split(".")
    assert forged(real, "tampered").endswith(f".{signature}")
    assert forged(real, "unsigned") == f"{_compact(head)}.{_compact(claims)}."
    assert json.loads(unb64(forged(real, "none:None").split(".")[0]))["alg"] == "None"
    assert len(unb64(forged(real, "other-key").split(".")[2])) == 256
    own = json.loads(unb64(forged(real, "own-key").split(".")[0]))
    assert own["jwk"]["kty"] == "RSA"
    assert "kid" not in own
    for algorithm, size in (("ES256", 64), ("ES512", 132), ("EdDSA", 64), ("PS384", 256), ("HS256", 32)):
        made = f"{b64(json.dumps({'alg': algorithm}).encode())}.{claims}.{signature}"
        assert len(unb64(forged(made, "other-key").split(".")[2])) == size
    for wrong in ("", "opaque", "a.b.c", f"{b64(b'[]')}.{claims}.x", "a.b.c.d.e", "é.é.é"):
        with pytest.raises(Opaque):
            forged(wrong, "unsigned")
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    jwk = {"kty": "EC", "crv": "P-256", "x": b64(point.x.to_bytes(32, "big")), "y": b64(point.y.to_bytes(32, "big"))}
    assert forged(real, f"shared:{b64(json.dumps(jwk).encode())}")
    with pytest.raises(Opaque):
        forged(real, f"shared:{b64(b'{}')}")
    assert key()


def _compact(part: str) -> str:
    return b64(json.dumps(json.loads(unb64(part)), separators=(",", ":")).encode())
