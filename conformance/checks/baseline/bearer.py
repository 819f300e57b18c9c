"""Tokens that must not open anything: forged ones, those out of time, those for somebody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.baseline.common import ALONE, control_of, prepared, protected
from conformance.checks.baseline.issuer import key_set
from conformance.checks.registry import check
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import FORGED, Exchange, Request, Trouble
from conformance.flow import send
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.verdict import Effect

#: Reads that are tried until one is found that is served with credentials and not without.
TRIED = 5


async def guarded(api: Api) -> tuple[Request, Exchange]:
    """Return a read that is served with credentials and refused without, and its answer.

    Raises:
        NotTested: nobody said which standard the target speaks.
        NotApplicable: there is no such read.
    """
    if api.profile.beside is None:
        raise NotTested(ALONE)
    seen: list[Exchange] = []
    for operation in sorted(protected(api.profile, effect=Effect.READ), key=lambda o: len(o.path_parameters))[:TRIED]:
        try:
            right = await prepared(api, operation)
            control = await control_of(operation, right)
        except NotApplicable:
            continue
        seen.append(await send(right.with_(identity="none"), also=(401, 403)))
        if not seen[-1].success:
            return right, control
    raise NotApplicable("no read is served with credentials and refused without", *seen)


def _vectors(profile: Profile, requirement: Requirement) -> Sequence[str]:
    return list(requirement.arguments.get("ways", ("unsigned",)))


@check("forged-token-refused", about="service", cases=_vectors)
async def forged_token_refused(api: Api, case: str, ways: Sequence[str] = ("unsigned",)) -> None:
    """Reads with tokens forged from the target's own; a read with the real one is the control. Opaque tokens cannot be forged.

    With: `ways`, as in `driving.forging`.
    """
    right, control = await guarded(api)
    await _refused(right, control, case)


@check("key-as-secret-refused", about="service")
async def key_as_secret_refused(api: Api) -> None:
    """Reads with a token that is signed with the issuer's public key as if it were a shared secret; the real one is the control."""
    right, control = await guarded(api)
    keys, _, _ = await key_set(api)
    public = [key for key in keys if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")]
    if not public:
        raise NotApplicable("the issuer shows no public key", control)
    for key in public[:3]:
        told = {name: key[name] for name in ("kty", "crv", "n", "e", "x", "y") if name in key}
        text = base64.urlsafe_b64encode(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).rstrip(b"=").decode()
        await _refused(right, control, f"shared:{text}", name="shared")


async def _refused(right: Request, control: Exchange, way: str, name: str = "") -> None:
    try:
        seen = await send(right.with_(identity=f"{FORGED}{way}"), also=(401, 403))
    except Inconclusive as error:
        if error.evidence and error.evidence[-1].trouble is Trouble.UNFORGED:
            raise NotApplicable(error.evidence[-1].detail, *error.evidence) from None
        raise
    _expect_refused(seen, control, f"a forged token ({name or way})")


@check("token-refused", about="service")
async def token_refused(api: Api, datum: str) -> None:
    """Reads with a token that the target file names and that must open nothing; the identity's own is the control.

    With: `datum`, the test data that hold it.
    """
    right, control = await guarded(api)
    if datum not in api.test_data:
        raise NotTested(f"needs test_data {datum}")
    name = api.profile.contract.token_header.lower()
    header = (name, str(api.datum(datum))) if name else ("authorization", f"Bearer {api.datum(datum)}")
    seen = await send(right.with_(identity="none", headers=(*right.headers, header)), also=(401, 403))
    _expect_refused(seen, control, f"{datum.replace('_', ' ')}")


def _expect_refused(seen: Exchange, control: Exchange, what: str) -> None:
    if seen.success:
        raise Nonconformity(f"{what} is refused", f"{seen.summary}: served", seen, control, cause=f"accepts {what}")
    if seen.status >= 500:
        raise Inconclusive(f"{what} is answered with {seen.status}: neither accepted nor refused", seen)
