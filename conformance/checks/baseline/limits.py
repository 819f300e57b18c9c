"""How much a server lets itself be asked: only where its owner says what it should not stand, and allows us to try."""

from __future__ import annotations

from collections.abc import Sequence

from conformance.api import Api
from conformance.checks.baseline.common import NO_STANDARD, standard, well
from conformance.checks.registry import check
from conformance.checks.subjects import create_request, known_good
from conformance.ending import Inconclusive, Nonconformity, NotApplicable, NotTested
from conformance.exchange import Exchange, Trouble
from conformance.flow import ending, given, send, together
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.verdict import Effect

MOST_REQUESTS, MOST_BYTES = 2_000, 4_000_000


def _number(api: Api, name: str, most: int) -> int:
    told = api.test_data.get(name)
    if not isinstance(told, int) or isinstance(told, bool) or not 0 < told <= most:
        raise NotTested(f"needs test_data {name}: a number of at most {most}")
    return told


@check("burst-limited", about="service", disrupts=True)
async def burst_limited(api: Api, says_when: bool = False) -> None:
    """Sends so many reads at once as the target's owner says that the server does not stand: it must refuse some (429).

    With: `says_when`, to ask instead that the refusals say when to come back (Retry-After).
    """
    count = _number(api, "burst", MOST_REQUESTS)
    await well(api)
    request = (await known_good(api)).with_(effect=Effect.DISRUPTIVE, on="burst")
    looks = await together(*[ending(send(request, also=(401, 403, 429, 503), silence=True)) for _ in range(count)])
    seen = [x for x in looks if isinstance(x, Exchange)]
    if not seen:
        raise next((x for x in looks if isinstance(x, Exception)), Inconclusive("nothing was sent"))
    limited = [x for x in seen if x.status == 429]
    if says_when:
        if not limited:
            raise NotApplicable("nothing was refused with 429")
        if silent := [x for x in limited if not x.header("retry-after")]:
            raise Nonconformity(
                "a 429 with Retry-After", f"{len(silent)} of {len(limited)} without", silent[0], cause="429 without Retry-After"
            )
    elif not limited:
        raise Nonconformity("429 for some of them", f"{count} reads at once, none refused with 429", *seen[-2:], cause="no rate limit")


def _creates(profile: Profile, requirement: Requirement) -> Sequence[str]:
    if profile.beside is None:
        return [NO_STANDARD]
    found = [r for r in profile.bindings.resources.values() if r.create and r.example is not None]
    return [
        r.name for r in found if profile.operation(r.create).effect is Effect.OWN and "json" in profile.operation(r.create).request_media
    ][:1]


@check("large-body-refused", about="service", cases=_creates, disrupts=True)
async def large_body_refused(api: Api, case: str) -> None:
    """Sends a valid create with so many bytes of white space before it as the owner says that the server does not take: it is refused."""
    standard(api)
    size = _number(api, "large_body", MOST_BYTES)
    right = (await create_request(api, api.resource(case)))[0]
    large = right.with_(effect=Effect.DISRUPTIVE, on="large_body", body=b" " * max(0, size - len(right.body)) + right.body)
    seen = await send(large, also=(401, 403, 503), silence=True)
    if seen.success:
        raise Nonconformity(f"413 for {size} bytes", f"{seen.summary}: taken", seen, cause="no limit of bodies")
    if not seen.status and seen.trouble is not Trouble.CLOSED:
        raise Inconclusive(f"{seen.detail or seen.trouble}", seen)
    await given((await create_request(api, api.resource(case)))[0])
