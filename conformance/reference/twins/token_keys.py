"""The RSA key of a token issuer and its signatures: the same key in every twin, good for nothing but tests."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from math import gcd
from typing import Any

from conformance.reference.sampling import chance

EXPONENT = 65537
_SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]
#: What stands before a SHA-256 digest in a signature (RFC 8017 section 9.2, note 1).
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


def base64url(content: bytes) -> str:
    """Return bytes in base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _prime(seed: str, bits: int) -> int:
    source = chance(seed)
    while True:
        found = source.getrandbits(bits) | 3 << (bits - 2) | 1
        if all(found % p for p in _SMALL) and gcd(found - 1, EXPONENT) == 1 and all(pow(b, found - 1, found) == 1 for b in (2, 3, 5, 7)):
            return found


@lru_cache(maxsize=1)
def key_pair() -> tuple[int, int]:
    """Return modulus and private exponent of a key of 2048 bits."""
    p, q = _prime("token issuer p", 1024), _prime("token issuer q", 1024)
    return p * q, pow(EXPONENT, -1, (p - 1) * (q - 1))


def public_jwk(kid: str) -> dict[str, Any]:
    """Return the public key as a JWK (RFC 7518 section 6.3.1)."""
    n, _ = key_pair()
    return {
        "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid,
        "n": base64url(n.to_bytes(256, "big")), "e": base64url(EXPONENT.to_bytes(3, "big")),
    }  # fmt: skip


def private_exponent() -> str:
    """Return what a JWK would hold as `d`, and nobody may publish."""
    return base64url(key_pair()[1].to_bytes(256, "big"))


def signed(kid: str, claims: Mapping[str, Any], kind: str = "at+jwt") -> str:
    """Return a JWT with an RS256 signature (RFC 7515 appendix A.2)."""
    parts = [base64url(json.dumps(p, separators=(",", ":")).encode()) for p in ({"alg": "RS256", "typ": kind, "kid": kid}, claims)]
    digest = _DIGEST_INFO + hashlib.sha256(".".join(parts).encode()).digest()
    n, d = key_pair()
    padded = int.from_bytes(b"\x00\x01" + b"\xff" * (256 - 3 - len(digest)) + b"\x00" + digest, "big")
    return ".".join((*parts, base64url(pow(padded, d, n).to_bytes(256, "big"))))
