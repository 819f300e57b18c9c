"""What the checks of the baseline share: the operations of the standard that the target speaks, and who may ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from conformance.api import Api
from conformance.checks.contract import as_control
from conformance.checks.subjects import known_good, valid_request
from conformance.contract import Operation
from conformance.ending import Inconclusive, NotApplicable, NotTested
from conformance.exchange import Exchange, Request, Trouble
from conformance.flow import given, send
from conformance.profile import Profile
from conformance.requirement import Requirement
from conformance.verdict import Effect

#: What stands for the one case of a check that cannot know its cases, because nobody said which standard the target speaks.
NO_STANDARD = ""
ALONE = "needs the target's own profile: --with PROFILE, or `beside` in the claim"
#: Statuses of an operation that this server does not have.
ABSENT = (404, 405, 501)


def standard(api: Api) -> Profile:
    """Return the profile of the standard that the target speaks.

    Raises:
        NotTested: nobody said which.
    """
    if api.profile.beside is None:
        raise NotTested(ALONE)
    return api.profile.beside


def offered(profile: Profile, *, effect: Effect) -> list[Operation]:
    """Return the operations of the target's standard that clients send, of one effect."""
    ids = dict.fromkeys(r.on for r in profile.beside.requirements if r.family == "answers") if profile.beside else {}
    return [o for o in map(profile.operation, ids) if o.effect is effect and not o.test_data]


def protected(profile: Profile, *, effect: Effect) -> list[Operation]:
    """Return those of them for which the standard demands credentials; clients that prove themselves in a form are another matter."""
    bound = profile.bindings.authentication
    return [o for o in offered(profile, effect=effect) if bound.required and o.id not in bound.anonymous and not o.client]


def protected_reads(profile: Profile, requirement: Requirement) -> Sequence[str]:
    """Name the protected reads."""
    return [o.id for o in protected(profile, effect=Effect.READ)] if profile.beside else [NO_STANDARD]


def protected_writes(profile: Profile, requirement: Requirement) -> Sequence[str]:
    """Name the protected writes that a run can take back."""
    return [o.id for o in protected(profile, effect=Effect.OWN)] if profile.beside else [NO_STANDARD]


async def prepared(api: Api, operation: Operation) -> Request:
    """Return a valid request of *operation*.

    Raises:
        NotApplicable: what it takes is not there at this server: whether that is right is for the target's own profile to say.
    """
    try:
        return await valid_request(api, operation)
    except Inconclusive as error:
        raise _unless_absent(error) from None


async def control_of(operation: Operation, right: Request) -> Exchange:
    """Return the answer to the request with the right credentials; see `prepared` for errors."""
    try:
        return await as_control(operation, right)
    except Inconclusive as error:
        raise _unless_absent(error) from None


def _unless_absent(error: Inconclusive) -> Inconclusive | NotApplicable:
    last = error.evidence[-1] if error.evidence else None
    if last is not None and last.status in ABSENT:
        return NotApplicable(f"not offered here: {last.request.where} answered {last.status}", *error.evidence)
    return error


async def well(api: Api) -> Exchange:
    """Return the answer of the known-good read: that somebody answers, without which nothing can be said."""
    return await given(await known_good(api))


async def fetched(operation: str, link: str, *, identity: str = "none", accept: str = "*/*") -> Exchange:
    """Return what stands at a link, asked for by nobody in particular.

    Raises:
        NotTested: it lies on an origin that the target file does not list.
    """
    request = Request(operation=operation, method="GET", link=link, headers=(("accept", accept),), identity=identity)
    try:
        return await send(request, also=(401, 403))
    except Inconclusive as error:
        if error.evidence and error.evidence[-1].trouble is Trouble.OFF_ORIGIN:
            raise NotTested(f"{link} lies on an origin that the target file does not list", *error.evidence) from None
        raise


def origin_of(api: Api) -> str:
    """Return scheme, host and port of the target as they are written in its URL."""
    parts = urlsplit(api.url)
    return f"{parts.scheme}://{parts.netloc}"


def host_of(api: Api) -> str:
    """Return the host of the target."""
    return (urlsplit(api.url).hostname or "").lower()


def no_network(api: Api) -> bool:
    """Tell whether nothing lies between the target and us that could listen: loopback, or a name that never leads anywhere (RFC 6761)."""
    host = host_of(api)
    return host in ("localhost", "::1") or host.startswith("127.") or host.endswith((".localhost", ".invalid"))


def plain_on_loopback(api: Api) -> bool:
    """Tell whether the target speaks plain HTTP where nobody can listen: transport security is not asked for there."""
    return urlsplit(api.url).scheme == "http" and no_network(api)
