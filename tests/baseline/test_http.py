"""The rows of the baseline that HTTP alone shows: the hardened server is clean, and each weakness is found by its own requirement."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.checks.registry import known_checks
from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.loading.targets import claim_of
from conformance.planning.rejudge import flips, rejudge
from conformance.run import Run
from conformance.scoring import score
from conformance.target import Target
from conformance.verdict import Verdict
from tests.baseline.vault import Vault, credentials, shelf_with_vault

EPOCH = 1_790_000_000.0
URL = "http://vault.invalid"


@pytest.fixture(scope="module")
def vault_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return shelf_with_vault(tmp_path_factory.mktemp("vault"))


def look(shelf: Shelf, folder: Path, *faults: str, allow: tuple[str, ...] = ("write",), alone: bool = False, **test_data: object) -> Run:
    vault = Vault(*faults, clock=lambda: EPOCH, url=URL)
    target = Target(url=URL, allow=allow, credentials=credentials(folder / "c", EPOCH), test_data=test_data)
    claim = Claim() if alone else Claim(beside="vault@1")
    session = Session("security-baseline", target, claim, folder / "run", Options(), EPOCH, shelf, TwinWire(vault, EPOCH))
    return execute(session, new_loop=VirtualLoop)


def failed(run: Run) -> set[str]:
    return {r.requirement.partition("/")[2] for r in score(run).results if r.verdict is Verdict.FAIL}


def having(run: Run, *verdicts: Verdict) -> dict[str, str]:
    return {r.requirement.partition("/")[2]: r.reason for r in score(run).results if r.verdict in verdicts}


def test_the_hardened_server_is_clean_and_judged_alike_offline(vault_shelf: Shelf, tmp_path: Path) -> None:
    run = look(vault_shelf, tmp_path)
    assert having(run, Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE) == {}
    passed = having(run, Verdict.PASS)
    for name in (
        "iam.anonymous-refused",
        "iam.tenant-reads-kept-out",
        "iam.rights-kept",
        "secops.security-txt",
        "application.origin-not-reflected",
    ):
        assert name in passed
    before = read_run(tmp_path / "run")
    assert before.header.claim["beside"] == "vault@1"
    claim = claim_of(before.header.claim)
    profile = load_profile("security-baseline@1.0", vault_shelf, claim.beside)
    assert profile.digests == before.header.digests
    after = rejudge(before, read_exchanges(tmp_path / "run"), profile, claim, known_checks())
    assert flips(before, after) == []


WEAK = {
    "open-reads": {"iam.anonymous-refused"},
    "open-writes": {"iam.anonymous-write-refused"},
    "no-challenge": {"iam.anonymous-challenged"},
    "hidden-401": {"iam.anonymous-status"},
    "all-read": {"iam.tenant-reads-kept-out"},
    "all-write": {"iam.tenant-writes-kept-out"},
    "existence": {"iam.existence-hidden"},
    "rights": {"iam.rights-kept"},
    "any-method": {"iam.undeclared-method-refused"},
    "wrong-issuer": {"iam.issuer-exact"},
    "no-pkce": {"iam.issuer-pkce"},
    "old-grants": {"iam.issuer-old-grants"},
    "none-offered": {"iam.issuer-signs"},
    "no-resource": {"iam.resource-metadata"},
    "no-keys": {"iam.key-set"},
    "secret-key": {"iam.keys-public"},
    "same-kid": {"iam.keys-told-apart"},
    "short-keys": {"iam.keys-not-short"},
    "old-keys": {"iam.keys-strong"},
    "no-cache": {"iam.keys-cacheable"},
    "traces": {"application.errors-disclose-nothing"},
    "bare-errors": {"application.errors-in-one-format"},
    "version": {"application.versions-not-shown"},
    "reflects": {"application.origin-not-reflected"},
    "sniffed": {"application.nosniff"},
    "no-security-txt": {"secops.security-txt"},
    "no-contact": {"secops.security-txt"},
    "expired-txt": {"secops.security-txt-expires"},
    "expires-twice": {"secops.security-txt-expires"},
    "stale-txt": {"secops.security-txt-fresh"},
    "plain-links": {"secops.security-txt-safe-links"},
    "unsigned-txt": {"secops.security-txt-signed"},
    "no-csaf": {"grc.advisories-published"},
    "no-publisher": {"grc.advisories-published"},
}


@pytest.mark.parametrize("fault", WEAK)
def test_each_weakness_is_found_by_its_own_requirement(fault: str, vault_shelf: Shelf, tmp_path: Path) -> None:
    run = look(vault_shelf, tmp_path, fault)
    assert having(run, Verdict.ERROR) == {}
    extra = {"application.errors-in-one-format"} if fault == "traces" else set()  # a trace is no problem document either
    assert failed(run) - extra == WEAK[fault], having(run, Verdict.FAIL, Verdict.INCONCLUSIVE)


@pytest.mark.parametrize("permitted", ["any-origin", "public", "no-issuer"])
def test_what_is_permitted_is_no_finding(permitted: str, vault_shelf: Shelf, tmp_path: Path) -> None:
    """A wildcard that browsers refuse to combine with credentials, an origin let in without them, a service that issues no tokens."""
    assert failed(look(vault_shelf, tmp_path, permitted)) == set()


def test_alone_it_looks_at_what_needs_no_operation(vault_shelf: Shelf, tmp_path: Path) -> None:
    """Without the target's own profile the rest is not tested, and says what is missing."""
    vault = Vault(clock=lambda: EPOCH, url=URL)

    class AtRoot:
        def handle(self, request, now):  # type: ignore[no-untyped-def]
            return (
                vault.handle(request, now)
                if request.target != "/"
                else vault.handle(type(request)(method=request.method, target="/about"), now)
            )

    target = Target(url=URL, allow=("write",))
    session = Session("security-baseline", target, Claim(), tmp_path, Options(), EPOCH, vault_shelf, TwinWire(AtRoot(), EPOCH))
    run = execute(session, new_loop=VirtualLoop)
    assert failed(run) == set()
    assert "--with PROFILE" in having(run, Verdict.NOT_TESTED)["iam.anonymous-refused"]
    assert "secops.security-txt" in having(run, Verdict.PASS)
