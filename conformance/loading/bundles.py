"""Load what an attestation stands on: keys, the envelope, the digests of the files beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from conformance.attestation import Key
from conformance.errors import Problem, UsageError
from conformance.loading.plain_yaml import read_text
from conformance.writers.record import EXCHANGES_FILE, RUN_FILE

ENVELOPE_FILE = "attestation.dsse.json"


def load_private_key(file: Path) -> Ed25519PrivateKey:
    """Return the key to sign with.

    Raises:
        UsageError: it is not an ed25519 key in PEM, or needs a password.
    """
    try:
        key = load_pem_private_key(read_text(file).encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UsageError(Problem(file=str(file), problem="not a private key in PEM without a password", hint=_HOW)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(Problem(file=str(file), problem="not an ed25519 key", hint=_HOW))
    return key


def load_key(said: str) -> Key:
    """Return a public key from `FILE`, `testbed=FILE` or `partner:NAME=FILE`; see `load_private_key` for errors."""
    whose, _, name = said.rpartition("=")
    if whose and whose != "testbed" and not whose.removeprefix("partner:") != whose:
        raise UsageError(Problem(file="--key", problem=f"'{whose[:60]}' is nobody", hint="testbed=FILE or partner:NAME=FILE"))
    file = Path(name)
    try:
        key = load_pem_public_key(read_text(file).encode())
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(Problem(file=str(file), problem="not a public key in PEM", hint=_HOW_PUBLIC)) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(Problem(file=str(file), problem="not an ed25519 key", hint=_HOW_PUBLIC))
    return Key(public=key, whose=whose)


_HOW = "openssl genpkey -algorithm ed25519 -out key.pem"
_HOW_PUBLIC = "openssl pkey -in key.pem -pubout -out key.pub"


def digests_of(folder: Path) -> dict[str, str]:
    """Return the sha256 of the files of a run that an attestation is about, of those that are there."""
    found = {}
    for name in (RUN_FILE, EXCHANGES_FILE):
        if (folder / name).is_file():
            with (folder / name).open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def read_envelope(bundle: Path) -> tuple[Any, Path]:
    """Return the envelope of a bundle (a folder, or the envelope's own file) and the folder of the run; None where it is no JSON.

    Raises:
        UsageError: it is not there.
    """
    file = bundle / ENVELOPE_FILE if bundle.is_dir() else bundle
    text = read_text(file)
    try:
        return json.loads(text), file.parent
    except (ValueError, RecursionError):
        return None, file.parent
