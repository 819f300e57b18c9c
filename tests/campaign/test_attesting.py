"""Attestations: what is signed, and everything that must be refused, each with a reason that says what is wrong."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from conformance.attestation import Key, pae, sign
from conformance.cli.main import main
from conformance.loading.bundles import ENVELOPE_FILE
from conformance.scoring import Exit
from tests.conftest import Command
from tests.notes import PROFILES, SPECS, Notes, served

Captured = pytest.CaptureFixture[str]
SEEDS = {"testbed": b"1" * 32, "acme": b"2" * 32}


def private(who: str) -> Ed25519PrivateKey:
    """Return the same key each time."""
    return Ed25519PrivateKey.from_private_bytes(SEEDS[who])


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that passed and one that failed, made once: `good` and `bad`."""
    folder = tmp_path_factory.mktemp("runs")
    for name, faults in (("good", ()), ("bad", ("delete-is-ignored",))):
        with served(Notes(*faults)) as url:
            where = ["--url", url, "--allow", "write", "-o", str(folder / name), "-q"]
            main(["run", "notes", *where, "--profile-dir", str(PROFILES), "--spec-dir", str(SPECS)])
    return folder


@pytest.fixture
def ran(once: Path, tmp_path: Path) -> Path:
    """A copy of the run that passed, to be tampered with."""
    return Path(shutil.copytree(once / "good", tmp_path / "run"))


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """Key files of the testbed and of a partner: NAME, and NAME.pub."""
    found = {}
    for who in SEEDS:
        key = private(who)
        found[who] = tmp_path / f"{who}.pem"
        found[who].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        found[f"{who}.pub"] = tmp_path / f"{who}.pub"
        found[f"{who}.pub"].write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return found


@dataclass
class Bundle:
    """A run that was attested, with ways to tamper."""

    folder: Path
    conformance: Command
    capsys: Captured
    keys: dict[str, Path]

    def attest(self, who: str = "acme", *more: str) -> int:
        return self.conformance("attest", str(self.folder), "--key", str(self.keys[who]), *more)

    def verify(self, *said: str) -> tuple[int, str]:
        self.capsys.readouterr()
        words = [w for s in said for w in ("--key", s)]
        code = self.conformance("verify", str(self.folder), *words)
        return code, self.capsys.readouterr().out

    def pub(self, who: str, whose: str = "") -> str:
        return f"{whose}={self.keys[f'{who}.pub']}" if whose else str(self.keys[f"{who}.pub"])

    @property
    def envelope(self) -> Any:
        return json.loads((self.folder / ENVELOPE_FILE).read_text())

    def lines(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        file = self.folder / "run.jsonl"
        told = change([json.loads(line) for line in file.read_text().splitlines()])
        file.write_text("".join(json.dumps(line) + "\n" for line in told))


@pytest.fixture
def bundle(conformance: Command, ran: Path, keys: dict[str, Path], capsys: Captured) -> Bundle:
    """A run that passed, attested by partner acme."""
    made = Bundle(ran, conformance, capsys, keys)
    assert made.attest() == 0
    return made


def test_what_is_signed(bundle: Bundle) -> None:
    """An in-toto Statement with the test-result predicate in a DSSE envelope; the same run and key give the same bytes."""
    envelope = bundle.envelope
    payload = base64.b64decode(envelope["payload"])
    told = json.loads(payload)
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert [s["name"] for s in told["subject"]] == ["exchanges.jsonl", "run.jsonl"]
    predicate = told["predicate"]
    assert predicate["result"] in ("PASSED", "WARNED")
    assert {"notes@1.0: profile", "notes@1.0: contract", "claim"} <= {c["name"] for c in predicate["configuration"]}
    assert all(len(c["digest"]["sha256"]) == 64 for c in predicate["configuration"])
    assert predicate["failedTests"] == []
    assert "notes/get-note.answers" in predicate["passedTests"]
    [signature] = envelope["signatures"]
    private("acme").public_key().verify(base64.b64decode(signature["sig"]), pae(payload))
    assert signature["keyid"] == Key(public=private("acme").public_key()).id
    before = (bundle.folder / ENVELOPE_FILE).read_bytes()
    assert bundle.attest() == 0
    assert (bundle.folder / ENVELOPE_FILE).read_bytes() == before


def test_it_holds(bundle: Bundle) -> None:
    """A partner's key proves origin; a key that is nobody's says nothing of who ran it; without a key nobody vouches."""
    code, told = bundle.verify(bundle.pub("testbed", "testbed"), bundle.pub("acme", "partner:acme"))
    assert code == 0, told
    assert "conforms to profile notes edition 1.0, self-run" in told
    assert "signed by partner:acme" in told
    assert "this proves where it comes from" in told
    assert "every verdict follows from what was exchanged" in told
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == 0
    assert "self-run" not in told
    assert "whose that is was not said" in told
    code, told = bundle.verify()
    assert code == Exit.FAILED
    assert told == "refused: no key was named, so nobody vouches for it (--key)\n"


def test_another_key_is_refused(bundle: Bundle) -> None:
    """Signed by somebody whose key was not named."""
    code, told = bundle.verify(bundle.pub("testbed"))
    assert code == Exit.FAILED
    assert "refused: signed with another key than those named" in told


@pytest.mark.parametrize("place", ["record", "exchanges", "payload", "signature"])
def test_a_changed_byte_is_refused(bundle: Bundle, place: str) -> None:
    """Wherever it is."""
    words = {"record": "run.jsonl is not the one that was attested", "exchanges": "exchanges.jsonl is not the one that was attested"}
    if place in words:
        file = bundle.folder / ("run.jsonl" if place == "record" else "exchanges.jsonl")
        text = bytearray(file.read_bytes())
        text[text.index(b"notes")] ^= 1
        file.write_bytes(bytes(text))
    else:
        envelope = bundle.envelope
        if place == "payload":
            payload = base64.b64decode(envelope["payload"]).replace(b'"result":"', b'"result":"X', 1)
            envelope["payload"] = base64.b64encode(payload).decode()
        else:
            sig = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
            sig[0] ^= 1
            envelope["signatures"][0]["sig"] = base64.b64encode(bytes(sig)).decode()
        (bundle.folder / ENVELOPE_FILE).write_text(json.dumps(envelope))
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == Exit.FAILED
    assert words.get(place, "the signature does not fit what it signs") in told, told


def _resigned(bundle: Bundle, who: str = "acme") -> None:
    """Sign what the files are now, past every check of `attest`."""
    from conformance.attestation import statement
    from conformance.loading.bundles import digests_of
    from conformance.loading.records import read_run

    payload = statement(read_run(bundle.folder), digests_of(bundle.folder), ())
    (bundle.folder / ENVELOPE_FILE).write_text(json.dumps(sign(payload, private(who))))


def test_a_removed_requirement_is_refused(bundle: Bundle) -> None:
    """Even when the record was signed again without it."""
    bundle.lines(lambda lines: [line for line in lines if line.get("requirement") != "notes/get-note.answers"])
    _resigned(bundle)
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == Exit.FAILED
    assert told == "refused: notes/get-note.answers is missing from the record\n"
    assert bundle.attest() == Exit.USAGE


def test_a_lowered_level_is_refused(bundle: Bundle) -> None:
    """A MUST that is recorded as a MAY is another requirement."""
    bundle.lines(lambda lines: [line | ({"level": "MAY"} if line.get("requirement") == "notes/get-note.answers" else {}) for line in lines])
    _resigned(bundle)
    assert "notes/get-note.answers is recorded as MAY" in bundle.verify(bundle.pub("acme"))[1]


def test_a_forged_verdict_is_refused(conformance: Command, once: Path, tmp_path: Path, keys: dict[str, Path], capsys: Captured) -> None:
    """With the exchanges beside it a pass has to follow from them; without them it says that it is taken as recorded."""
    shutil.copytree(once / "bad", tmp_path / "r")
    bundle = Bundle(tmp_path / "r", conformance, capsys, keys)
    forged = {"verdict": "pass", "findings": [], "reason": "", "cause": ""}
    bundle.lines(lambda lines: [line | (forged if line.get("verdict") == "fail" else {}) for line in lines])
    _resigned(bundle)
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == Exit.FAILED
    assert "the verdict pass does not follow from what was exchanged" in told
    (bundle.folder / "exchanges.jsonl").unlink()
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == 0
    assert "verdicts are taken as recorded" in told


def test_only_the_testbed_says_testbed_run(bundle: Bundle) -> None:
    """A partner's key under a record that says testbed-run is refused; so is a run of another partner."""
    bundle.lines(lambda lines: [line | ({"run_by": "testbed", "partner": "acme"} if line["kind"] == "header" else {}) for line in lines])
    _resigned(bundle)
    code, told = bundle.verify(bundle.pub("acme", "partner:acme"))
    assert code == Exit.FAILED
    assert "only the testbed's own key can say that" in told
    _resigned(bundle, "testbed")
    code, told = bundle.verify(bundle.pub("testbed", "testbed"))
    assert code == 0
    assert "conforms to profile notes edition 1.0, testbed-run" in told
    bundle.lines(lambda lines: [line | ({"run_by": "self"} if line["kind"] == "header" else {}) for line in lines])
    _resigned(bundle)
    assert "but it is a run of partner acme" in bundle.verify(bundle.pub("acme", "partner:other"))[1]
    _resigned(bundle, "testbed")
    assert "did not run it" in bundle.verify(bundle.pub("testbed", "testbed"))[1]


def test_dispositions_hold_when_the_run_ended(bundle: Bundle, once: Path, tmp_path: Path) -> None:
    """A waiver turns a failed test into a warned one; one that had expired when the run ended is refused by `attest` and by `verify`."""
    shutil.copytree(once / "bad", tmp_path / "r")
    bundle.folder = tmp_path / "r"
    file = tmp_path / "d.yaml"
    file.write_text("- {requirement: 'notes/*', disposition: waived, reason: known, owner: o, expires: 2999-01-01}\n")
    assert bundle.attest("acme") == 0
    assert json.loads(base64.b64decode(bundle.envelope["payload"]))["predicate"]["result"] == "FAILED"
    assert bundle.attest("acme", "--dispositions", str(file)) == 0
    told = json.loads(base64.b64decode(bundle.envelope["payload"]))["predicate"]
    assert told["failedTests"] == []
    assert told["warnedTests"]
    code, out = bundle.verify(bundle.pub("acme"))
    assert code == 0
    assert "waived until 2999-01-01: notes/* (owner o): known" in out
    assert "does not conform" in out, "a waiver changes no verdict"
    file.write_text("- {requirement: 'notes/*', disposition: waived, reason: known, owner: o, expires: 2020-01-01}\n")
    assert bundle.attest("acme", "--dispositions", str(file)) == Exit.USAGE
    assert "expired on 2020-01-01, before the run ended" in bundle.capsys.readouterr().err
    told["conformance"]["dispositions"][0]["expires"] = "2020-01-01"
    payload = json.loads(base64.b64decode(bundle.envelope["payload"])) | {"predicate": told}
    text = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    (bundle.folder / ENVELOPE_FILE).write_text(json.dumps(sign(text, private("acme"))))
    code, out = bundle.verify(bundle.pub("acme"))
    assert code == Exit.FAILED
    assert "the disposition of notes/* (owner o) expired on 2020-01-01, before the run ended" in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda lines: lines[:-1], "its record has no end"),
        (
            lambda lines: [line | ({"ended": "budget"} if line["kind"] == "footer" else {}) for line in lines],
            "did not come to its own end (budget)",
        ),
        (
            lambda lines: [line | ({"selected": "-k get"} if line["kind"] == "header" else {}) for line in lines],
            "only a part was looked at (-k get)",
        ),
        (
            lambda lines: [line | ({"digests": {"profile": "0" * 64}} if line["kind"] == "header" else {}) for line in lines],
            "made with another",
        ),
    ],
)
def test_a_part_is_refused(bundle: Bundle, change: Any, words: str) -> None:
    """By `attest`, and by `verify` when somebody signed it all the same."""
    bundle.lines(change)
    bundle.capsys.readouterr()
    assert bundle.attest() == Exit.USAGE
    assert words in bundle.capsys.readouterr().err
    _resigned(bundle)
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == Exit.FAILED
    assert words in told


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"payload": 3}', '{"payloadType":"x","payload":"e30=","signatures":[]}', "nonsense", "[" * 99999]
)
def test_what_is_no_envelope_is_refused(bundle: Bundle, text: str) -> None:
    """In a line, never with a traceback."""
    (bundle.folder / ENVELOPE_FILE).write_text(text)
    code, told = bundle.verify(bundle.pub("acme"))
    assert code == Exit.FAILED
    assert told.startswith("refused: ")


def test_keys_that_are_none(bundle: Bundle, tmp_path: Path) -> None:
    """Usage errors: another kind of file, another kind of key, nobody's name."""
    (tmp_path / "x").write_text("no key")
    for words in (
        ["attest", str(bundle.folder), "--key", str(tmp_path / "x")],
        ["verify", str(bundle.folder), "--key", str(tmp_path / "x")],
    ):
        assert bundle.conformance(*words) == Exit.USAGE
    assert bundle.verify(f"somebody={bundle.keys['acme.pub']}")[0] == Exit.USAGE
    assert bundle.conformance("attest", str(bundle.folder), "--key", str(bundle.keys["acme.pub"])) == Exit.USAGE
