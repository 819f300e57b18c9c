"""The rows of the baseline that lie below HTTP: what is agreed on, with whom, and what our own greeting proves."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import rsa

from conformance.checks.registry import known_checks
from conformance.claim import Claim
from conformance.cli.common import write_views
from conformance.cli.running import execute
from conformance.driving.handshake import Hello, certificate, hello_in
from conformance.driving.session import Options, Session
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_exchanges, read_run
from conformance.loading.targets import claim_of
from conformance.planning.rejudge import flips, rejudge
from conformance.run import Run
from conformance.scoring import score
from conformance.target import Limits, Target, Tls
from conformance.verdict import Verdict
from tests.baseline.vault import Vault, credentials, shelf_with_vault
from tests.driving.servers import served

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def vault_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return shelf_with_vault(tmp_path_factory.mktemp("vault"))


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def issued(*names: str, ends: timedelta = 90 * DAY, begins: timedelta = -1 * DAY) -> trustme.LeafCert:
    now = datetime.now(UTC)
    return authority().issue_cert(*(names or ("localhost",)), not_before=now + begins, not_after=now + ends)


def server_context(leaf: trustme.LeafCert, *faults: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    for fault in faults:
        if fault in ("TLS 1.0", "TLS 1.1"):
            context.set_ciphers("ALL:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning, match="TLSv1"):
                context.minimum_version = ssl.TLSVersion.TLSv1 if fault == "TLS 1.0" else ssl.TLSVersion.TLSv1_1
        elif fault == "no 1.3":
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        else:
            context.set_ciphers(fault)
    return context


@contextmanager
def vault_at(context: ssl.SSLContext | None, *faults: str) -> Iterator[str]:
    vault = Vault(*faults, "no-issuer", clock=time.time)
    with served(vault.handle, tls=context) as server:
        vault.url = server.url.replace("127.0.0.1", "localhost")
        yield vault.url


def look(
    shelf: Shelf,
    folder: Path,
    url: str,
    *,
    verify: bool = True,
    cacert: bool = True,
    origins: tuple[str, ...] = (),
    only: str = "network or future",
) -> Run:
    folder.mkdir(exist_ok=True)
    authority().cert_pem.write_to_path(str(folder / "ca.pem"))
    tls = Tls(verify=verify, cacert=str(folder / "ca.pem") if cacert else "")
    target = Target(url=url, credentials=credentials(folder / "c", time.time()), tls=tls, origins=origins, limits=Limits(timeout=5))
    session = Session("security-baseline", target, Claim(beside="vault@1"), folder / "run", Options(patience=0.02), time.time(), shelf)
    return execute(session, expression=only)


def having(run: Run, *verdicts: Verdict) -> dict[str, str]:
    return {r.requirement.partition("/")[2]: r.reason for r in score(run).results if r.verdict in verdicts}


def test_the_hardened_server_is_clean_and_judged_alike_offline(vault_shelf: Shelf, tmp_path: Path) -> None:
    with vault_at(server_context(issued())) as url:
        run = look(vault_shelf, tmp_path, url, origins=(url.replace("https", "http"),))
    assert having(run, Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE) == {}
    passed = having(run, Verdict.PASS)
    for name in (
        "tls-1-3-offered",
        "tls-newest-preferred",
        "tls-strong-suite",
        "certificate-trusted",
        "certificate-name",
        "plain-http-closed",
        "strict-transport",
    ):
        assert f"network.{name}" in passed
    old = having(run, Verdict.PASS, Verdict.NOT_TESTED)  # where our library cannot offer it, it says so
    assert old["network.tls-1-0-refused"] == "" or "does not offer" in old["network.tls-1-0-refused"]
    before = read_run(tmp_path / "run")
    claim = claim_of(before.header.claim)
    after = rejudge(
        before, read_exchanges(tmp_path / "run"), load_profile("security-baseline", vault_shelf, claim.beside), claim, known_checks()
    )
    assert flips(before, after) == []
    write_views(run, tmp_path / "run")
    assert "openssl s_client -connect localhost:" in (tmp_path / "run" / "report.html").read_text()


SUITES = {
    "ECDHE+AESGCM:ECDHE+CHACHA20:kRSA+AESGCM": {"network.tls-static-keys-refused"},
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES": {"network.tls-unauthenticated-encryption-refused"},
    "ECDHE+AESGCM:eNULL:@SECLEVEL=0": {"network.tls-open-suites-refused"},
}


@pytest.mark.parametrize("suites", SUITES)
def test_weak_suites_are_found(suites: str, vault_shelf: Shelf, tmp_path: Path) -> None:
    leaf = issued()
    context = server_context(leaf, suites)
    if "kRSA" in suites:  # a key that can be used so: trustme's are elliptic
        context = server_context(rsa_leaf(2048), suites)
    with vault_at(context) as url:
        run = look(vault_shelf, tmp_path, url, only="network.tls", verify="kRSA" not in suites)
    found = set(having(run, Verdict.FAIL))
    assert found == SUITES[suites], having(run, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED)


def rsa_leaf(bits: int) -> trustme.LeafCert:
    """Return a certificate of our authority with an RSA key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

    key = rsa.generate_private_key(65537, bits)
    ca = x509.load_pem_x509_certificate(authority().cert_pem.bytes())
    signer = load_pem_private_key(authority().private_key_pem.bytes(), None)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(ca.subject).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - DAY).not_valid_after(now + 90 * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True).sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    )  # fmt: skip
    return trustme.LeafCert(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()), made.public_bytes(Encoding.PEM), []
    )


@pytest.mark.parametrize("version", ["TLS 1.0", "TLS 1.1"])
def test_old_versions_are_found_where_this_library_can_speak_them(version: str, vault_shelf: Shelf, tmp_path: Path) -> None:
    """The weak server speaks it and nothing else is said; where ours cannot offer it, it is not tested and no pass."""
    with vault_at(server_context(issued(), version)) as url:
        run = look(vault_shelf, tmp_path, url, only="refused")
    name = f"network.tls-{version[4:].replace('.', '-')}-refused"
    untested = having(run, Verdict.NOT_TESTED)
    if name in untested:
        assert "does not offer" in untested[name]
        pytest.skip(untested[name])
    assert having(run, Verdict.FAIL)[name] == f"expected {version} is refused; observed {version} is agreed on"


def test_a_server_of_tls_1_2_alone_is_asked_for_1_3_and_not_failed_for_its_preference(vault_shelf: Shelf, tmp_path: Path) -> None:
    with vault_at(server_context(issued(), "no 1.3")) as url:
        run = look(vault_shelf, tmp_path, url, only="network.tls")
    assert set(having(run, Verdict.FAIL)) == {"network.tls-1-3-offered"}
    assert "network.tls-newest-preferred" in having(run, Verdict.NOT_APPLICABLE)


CERTIFICATES = {
    "expired": (("localhost",), timedelta(hours=-1), -9 * DAY, {"network.certificate-in-time"}),
    "not begun": (("localhost",), 9 * DAY, timedelta(hours=1), {"network.certificate-in-time"}),
    "of another host": (("elsewhere.example",), 90 * DAY, -1 * DAY, {"network.certificate-name"}),
    "ends soon": (("localhost",), timedelta(hours=30), -80 * DAY, {"network.certificate-renewed"}),
    "short-lived": (("localhost",), 3 * DAY, -3 * DAY, set()),
    "wildcard of an address": (("*.localhost", "localhost"), 90 * DAY, -1 * DAY, set()),
}


@pytest.mark.parametrize("case", CERTIFICATES)
def test_each_fault_of_a_certificate_is_one_finding(case: str, vault_shelf: Shelf, tmp_path: Path) -> None:
    names, ends, begins, wanted = CERTIFICATES[case]
    with vault_at(server_context(issued(*names, ends=ends, begins=begins))) as url:
        run = look(vault_shelf, tmp_path, url, verify=False, only="certificate")
    assert set(having(run, Verdict.FAIL)) == wanted, having(run, Verdict.FAIL, Verdict.INCONCLUSIVE)


def test_an_authority_that_nobody_named_proves_nothing(vault_shelf: Shelf, tmp_path: Path) -> None:
    """Private authorities are common in testbeds; where one is named and another signed, that is a finding."""
    with vault_at(server_context(issued())) as url:
        run = look(vault_shelf, tmp_path / "a", url, verify=False, cacert=False, only="certificate")
    assert "--cacert" in having(run, Verdict.INCONCLUSIVE)["network.certificate-trusted"]
    assert having(run, Verdict.FAIL) == {}
    stranger = trustme.CA().issue_cert("localhost")
    with vault_at(server_context(stranger)) as url:
        run = look(vault_shelf, tmp_path / "b", url, verify=False, only="certificate")
    assert set(having(run, Verdict.FAIL)) == {"network.certificate-trusted"}


def test_an_expired_certificate_keeps_credentials_at_home_unless_told_otherwise(vault_shelf: Shelf, tmp_path: Path) -> None:
    with vault_at(server_context(issued(ends=timedelta(hours=-1), begins=-9 * DAY))) as url:
        run = look(vault_shelf, tmp_path, url, only="network")
    assert "certificate has expired" in score(run).trouble
    assert having(run, Verdict.PASS, Verdict.FAIL) == {}


def test_a_short_key_is_found() -> None:
    leaf = rsa_leaf(1024)
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    told = certificate(der)
    assert (told["key"], told["bits"], told["names"]) == ("RSA", 1024, ["localhost"])
    assert "unread" in certificate(b"nonsense")


def test_plain_http_on_loopback_is_not_asked_for_tls(vault_shelf: Shelf, tmp_path: Path) -> None:
    with vault_at(None) as url:
        run = look(vault_shelf, tmp_path, url)
    assert set(having(run, Verdict.NOT_APPLICABLE)) >= {"network.encrypted", "network.tls-1-0-refused", "network.plain-http-closed"}
    assert having(run, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR) == {}


@pytest.mark.parametrize(
    ("fault", "wanted"), [("", set()), ("serves", {"network.plain-http-closed"}), ("leads on", {"network.plain-http-leads-nowhere"})]
)
def test_plain_http_beside_https(fault: str, wanted: set[str], vault_shelf: Shelf, tmp_path: Path) -> None:
    """Looked at only where the target file lists that origin; asked without credentials."""
    from conformance.checks.baseline import transport
    from tests.driving.servers import answer, json_answer

    plain = {"serves": json_answer("{}"), "leads on": answer(308, location="https://localhost/things"), "": answer(400, b"no")}[fault]
    with vault_at(server_context(issued())) as url, served(lambda request: plain) as beside:
        port = beside.url.rpartition(":")[2]
        moved = pytest.MonkeyPatch()
        real = transport.urlsplit

        def split(text: str):  # type: ignore[no-untyped-def]
            """Let the plain port of the same host be the one that we serve."""
            found = real(text)
            return found if found.scheme != "https" else _Moved(found, port)

        moved.setattr(transport, "urlsplit", split)
        try:
            run = look(vault_shelf, tmp_path, url, origins=(f"http://localhost:{port}",), only="plain")
        finally:
            moved.undo()
    assert set(having(run, Verdict.FAIL)) == wanted
    assert not any("authorization" in dict(r.headers) for r in beside.requests)


class _Moved:
    def __init__(self, found: object, port: str) -> None:
        self.found, self.netloc = found, f"localhost:{port}"

    def __getattr__(self, name: str) -> object:
        return getattr(self.found, name)


def test_greetings_are_read_from_their_bytes() -> None:
    """Ours say what they offer, whatever `ssl` was asked for; what is cut short or no greeting at all is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    line = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        line.do_handshake()
    sent = outgoing.read()
    said = hello_in(sent)
    assert said is not None
    assert set(said.versions) == {"TLS 1.2", "TLS 1.3"}
    assert 29 in said.groups
    assert 0x1301 in said.suites
    assert 0x00FF not in said.suites
    assert all(hello_in(sent[:n]) is None for n in range(len(sent)))
    assert hello_in(b"HTTP/1.1 400 Bad Request\r\n\r\n") is None
    text = b"\x02\x00\x00\x26\x03\x01" + bytes(32) + b"\x00\x00\x2f\x00"
    assert hello_in(b"\x16\x03\x01" + len(text).to_bytes(2, "big") + text) == Hello(versions=("TLS 1.0",), suites=(0x2F,))


def test_nothing_is_greeted_through_a_proxy(vault_shelf: Shelf, tmp_path: Path) -> None:
    """A proxy stands between: what it shows is not the target's."""
    from conformance.driving import handshake

    target = replace(Target(url="https://localhost:1"), proxy="http://localhost:2")
    driver = type("D", (), {"target": target})()
    assert handshake._impossible(driver)[1] == "TLS is not looked at through a proxy"
