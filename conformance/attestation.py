"""An attestation: what a run found, signed by whoever stands for it.

An in-toto Statement (v1) with the test-result predicate (v0.1) in a DSSE envelope, signed with ed25519. Each is bytes for bytes the same
for the same run and key. The predicate has no word for what could not be judged: such a run is FAILED there, never PASSED.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from conformance.disposition import Disposition, covering, day_of
from conformance.requirement import REASONS
from conformance.run import Run
from conformance.scoring import score
from conformance.verdict import Level, Verdict

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A public key and whose it is: `testbed`, `partner:NAME`, or '' where that was not said."""

    public: Ed25519PublicKey
    whose: str = ""

    @property
    def id(self) -> str:
        """The sha256 of the key as a SubjectPublicKeyInfo."""
        return hashlib.sha256(self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def pae(payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding of DSSE v1.

    >>> pae(b"{}")
    b'DSSEv1 28 application/vnd.in-toto+json 2 {}'
    """
    return b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def sign(payload: bytes, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return the envelope of a payload."""
    signature = {"keyid": Key(public=key.public_key()).id, "sig": base64.b64encode(key.sign(pae(payload))).decode()}
    return {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode(), "signatures": [signature]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An envelope that was opened: what is in it, by whom of the keys it is signed, or why it is refused."""

    payload: bytes = b""
    signed_by: Key | None = None
    refused: str = ""


def opened(envelope: Any, keys: Sequence[Key]) -> Opened:
    """Return what is in an envelope, and which of *keys* signed it."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [(str(s.get("keyid", "")), base64.b64decode(s["sig"], validate=True)) for s in envelope["signatures"]]
        kind = envelope["payloadType"]
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        return Opened(refused="this is no DSSE envelope")
    if kind != PAYLOAD_TYPE:
        return Opened(payload=payload, refused=f"the envelope holds {str(kind)[:100]!r}, not {PAYLOAD_TYPE}")
    for key in keys:
        for _, signature in signatures:
            try:
                key.public.verify(signature, pae(payload))
            except InvalidSignature:
                continue
            return Opened(payload=payload, signed_by=key)
    known = {key.id for key in keys}
    named = [name for name, _ in signatures]
    if any(name in known for name in named):
        return Opened(payload=payload, refused="the signature does not fit what it signs: something was changed after it was signed")
    other = ", ".join(name[:16] or "(no id)" for name in named[:5]) or "nobody"
    return Opened(payload=payload, refused=f"signed with another key than those named: {other}")


def statement(run: Run, digests: Mapping[str, str], dispositions: Sequence[Disposition]) -> bytes:
    """Return the statement about a run, always the same bytes for the same run.

    Args:
        digests: file of the run -> its sha256; they are the subject.
        dispositions: those that are about this run; which of them hold is decided by the day it ended.
    """
    said = score(run)
    head = run.header
    day = day_of(run.ended)
    passed: list[str] = []
    warned: list[str] = []
    failed: list[str] = []
    unjudged: list[str] = []
    for result in said.results:
        name = result.requirement
        if result.draft or result.verdict is Verdict.NOT_APPLICABLE:
            continue
        if result.verdict is Verdict.PASS:
            passed.append(name)
        elif result.verdict is Verdict.FAIL:
            by = covering(dispositions, name, head.about, day)
            (warned if result.level is not Level.MUST or (by and by.disposition == "waived") else failed).append(name)
        elif result.level is Level.MUST and result.reason not in REASONS:
            unjudged.append(name)
    claim = json.dumps(msgspec.to_builtins(head.claim), sort_keys=True, separators=(",", ":")).encode()
    told = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "FAILED" if failed or unjudged or not passed else "WARNED" if warned else "PASSED",
            "configuration": [
                *({"name": f"{head.profile}@{head.edition}: {part}", "digest": {"sha256": d}} for part, d in sorted(head.digests.items())),
                {"name": "claim", "digest": {"sha256": hashlib.sha256(claim).hexdigest()}},
            ],
            "passedTests": passed,
            "warnedTests": warned,
            "failedTests": failed,
            "conformance": {
                "suite": head.suite,
                "run_id": head.run_id,
                "profile": head.profile,
                "edition": head.edition,
                "system": head.about,
                "partner": head.partner,
                "run_by": head.run_by,
                "started": _time(head.started),
                "ended": _time(run.ended),
                "conclusion": said.conclusion,
                "notJudged": unjudged,
                "dispositions": [msgspec.to_builtins(d) for d in dispositions],
            },
        },
    }
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unfit(run: Run) -> list[str]:
    """Return why nothing can be attested of a run: it is not whole, or only a part was asked for."""
    found = []
    if run.footer is None:
        found.append("the run was cut short: its record has no end")
    elif not run.complete:
        found.append(f"the run did not come to its own end ({run.footer.ended[:40]})")
    if run.header.selected:
        found.append(f"only a part was looked at ({run.header.selected[:100]})")
    if trouble := score(run).trouble:
        found.append(f"nothing could be judged: {trouble}")
    return found
