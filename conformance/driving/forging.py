"""Tokens that look right and are not, made of one that is: what must be refused (RFC 8725). What cannot be forged is opaque to us."""

from __future__ import annotations

import base64
import json
import secrets
from functools import cache
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_HASHES: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
_CURVES: dict[str, Any] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
_NAMED: dict[str, Any] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}


class Opaque(Exception):
    """This token, or this way of forging it, is none that we know."""


def forged(token: str, way: str) -> str:
    """Return a token made of *token* that no one may accept.

    Args:
        way: `none:WORD` (another algorithm and no signature), `unsigned`, `tampered` (a claim added), `other-key` (signed again with a key of
            ours), `own-key` (the same, and the token brings that key along), `shared:JWK` (signed with the issuer's public key, as if it were
            a shared secret; the JWK in base64url).

    Raises:
        Opaque: it is no JWS in compact form (RFC 7515), or it is signed with a shared key where that is what is tried.
    """
    head, claims, signature = _parts(token)
    what, _, more = way.partition(":")
    if what == "none":
        return _joined({**head, "alg": more}, claims, b"")
    if what == "unsigned":
        return _joined(head, claims, b"")
    if what == "tampered":
        return _joined(head, {**claims, "conformance": "tampered"}, signature)
    algorithm = str(head["alg"])
    if what == "shared":
        if algorithm.startswith("HS"):
            raise Opaque("the token is signed with a shared key")
        return _signed({**head, "alg": "HS256"}, claims, lambda text: _mac(_pem(more), text))
    if what == "own-key" and not algorithm.startswith("HS"):
        head = {**head, "jwk": _public(algorithm)}
        head.pop("kid", None)
    return _signed(head, claims, lambda text: _ours(algorithm, text))


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    try:
        first, second, third = token.split(".")
        head, claims = json.loads(_unb64(first)), json.loads(_unb64(second))
        if not (isinstance(head, dict) and isinstance(claims, dict) and isinstance(head.get("alg"), str)):
            raise ValueError
        return head, claims, _unb64(third)
    except (ValueError, RecursionError):
        raise Opaque("the token is opaque") from None


def _joined(head: dict[str, Any], claims: dict[str, Any], signature: bytes) -> str:
    return f"{_text(head)}.{_text(claims)}.{_b64(signature)}"


def _signed(head: dict[str, Any], claims: dict[str, Any], sign: Any) -> str:
    text = f"{_text(head)}.{_text(claims)}"
    return f"{text}.{_b64(sign(text.encode()))}"


def _text(value: dict[str, Any]) -> str:
    return _b64(json.dumps(value, separators=(",", ":")).encode())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))


def _mac(key: bytes, text: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(text)
    return made.finalize()


@cache
def _key(algorithm: str) -> Any:
    """Return a key of ours for an algorithm (RFC 7518), the same for as long as this process lives."""
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(65537, 2048)
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm.startswith("HS"):
        return secrets.token_bytes(64)
    raise Opaque(f"tokens signed with {algorithm[:20]} are none that we can forge")


def _ours(algorithm: str, text: bytes) -> bytes:
    """Return a signature of ours."""
    key, hash_ = _key(algorithm), _HASHES.get(algorithm[2:], hashes.SHA256)()
    if algorithm.startswith("HS"):
        made = hmac.HMAC(key, hash_)
        made.update(text)
        return made.finalize()
    if algorithm.startswith("RS"):
        return bytes(key.sign(text, padding.PKCS1v15(), hash_))
    if algorithm.startswith("PS"):
        return bytes(key.sign(text, padding.PSS(padding.MGF1(hash_), hash_.digest_size), hash_))
    if algorithm in _CURVES:
        size = (key.curve.key_size + 7) // 8
        return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(text, ec.ECDSA(hash_))))
    return bytes(key.sign(text))


def _public(algorithm: str) -> dict[str, str]:
    """Return the public part of our key as a JWK."""
    key = _key(algorithm).public_key()
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _b64(_bytes(numbers.n)), "e": _b64(_bytes(numbers.e))}
    if isinstance(key, ec.EllipticCurvePublicKey):
        size, at = (key.key_size + 7) // 8, key.public_numbers()
        return {"kty": "EC", "crv": f"P-{key.key_size}", "x": _b64(at.x.to_bytes(size, "big")), "y": _b64(at.y.to_bytes(size, "big"))}
    return {"kty": "OKP", "crv": "Ed25519", "x": _b64(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _pem(jwk: str) -> bytes:
    """Return the public key of a JWK as PEM: what a careless server takes for a secret."""
    try:
        told = json.loads(_unb64(jwk))
        at = {name: int.from_bytes(_unb64(told[name]), "big") for name in ("n", "e", "x", "y") if isinstance(told.get(name), str)}
        key: Any
        if told.get("kty") == "RSA":
            key = rsa.RSAPublicNumbers(at["e"], at["n"]).public_key()
        elif told.get("kty") == "EC":
            key = ec.EllipticCurvePublicNumbers(at["x"], at["y"], _NAMED[told["crv"]]()).public_key()
        else:
            key = ed25519.Ed25519PublicKey.from_public_bytes(_unb64(told["x"]))
        return bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    except (ValueError, KeyError, TypeError, AttributeError, UnsupportedAlgorithm):
        raise Opaque("the issuer's key is none that we can read") from None
