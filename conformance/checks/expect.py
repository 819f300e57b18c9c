"""What checks expect, in words that both the finding and the report can use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from conformance.api import Api
from conformance.contract import Documented, Operation
from conformance.ending import Inconclusive, Nonconformity, clip
from conformance.exchange import PLACEHOLDER, Exchange
from conformance.profile import Profile
from conformance.requirement import pick


def one_of(statuses: Iterable[int]) -> str:
    """Return statuses as people write them: `200 or 204`."""
    words = [str(s) for s in dict.fromkeys(statuses)]
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0] if words else "no status"


def expect_status(seen: Exchange, statuses: Sequence[int], what: str = "", *, cause: str = "") -> None:
    """Expect one of *statuses*."""
    if seen.status not in statuses:
        raise Nonconformity(f"{one_of(statuses)}{f' ({what})' if what else ''}", seen.summary, seen, cause=cause)


def expect_body(api: Api, operation: Operation, seen: Exchange) -> None:
    """Expect the body that the contract documents for this status; nothing is expected where nothing is documented."""
    documented = operation.documented(seen.status)
    if documented is None or not documented.media or seen.status in (204, 205, 304) or operation.method == "HEAD":
        return
    if not seen.body.strip():
        if any(documented.media.values()):
            raise Nonconformity(f"a body ({', '.join(documented.media)})", "an empty body", seen)
        return
    pointer = json_schema(documented, seen)
    if pointer:
        expect_schema(api, pointer, seen)


def json_schema(documented: Documented, seen: Exchange) -> str:
    """Return the pointer of the schema that the contract documents for the JSON of an answer, or ''."""
    if not any("json" in m for m in documented.media):
        return ""
    return documented.media.get(seen.media_type) or next((p for m, p in documented.media.items() if "json" in m), "")


def expect_schema(api: Api, pointer: str, seen: Exchange) -> None:
    """Expect a JSON body that satisfies the schema at *pointer* of the contract."""
    body = seen.json()
    violations = [v for _, v in zip(range(20), api.profile.contract.responses.violations(pointer, body), strict=False)]
    if violations:
        more = f" (and {len(violations) - 3} more)" if len(violations) > 3 else ""
        observed = "; ".join(str(v) for v in violations[:3]) + more
        raise Nonconformity(f"a body as documented ({pointer.rsplit('/', 1)[-1]})", observed, seen, cause=violations[0].cause)


def broken_at(profile: Profile, seen: Exchange, place: str) -> str:
    """Return how the contract's schema calls what is wrong with an answer, where it is wrong at *place*, above or below it; else ''.

    An answer that has none of the members that it must have is wrong everywhere.
    """
    operation = profile.contract.operations.get(seen.request.operation)
    documented = operation.documented(seen.status) if operation else None
    pointer = json_schema(documented, seen) if documented else ""
    if not pointer:
        return ""
    try:
        violations = [v for _, v in zip(range(20), profile.contract.responses.violations(pointer, seen.json()), strict=False)]
    except (Nonconformity, Inconclusive):
        return ""
    missing = {v.missing for v in violations if v.missing and not v.pointer}
    nothing = bool(missing) and missing == {
        v.missing for v in profile.contract.responses.violations(pointer, {}) if not v.pointer and v.missing
    }
    return violations[0].cause if nothing or any(_meet(v.place, place) for v in violations) else ""


def error_format_broken(profile: Profile, seen: Exchange) -> bool:
    """Tell whether an answer is an error that is not in the format which the bindings name for errors."""
    bound = profile.bindings.error
    if not bound.schema or seen.status < 400:
        return False
    try:
        body = seen.json()
        fits = profile.contract.responses.is_valid(f"/components/schemas/{bound.schema}", body)
    except (Nonconformity, Inconclusive):
        return True
    told = [str(v) for v in pick(body, bound.status)] if bound.status else []
    return not fits or bool(told and told != [str(seen.status)])


def _meet(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def expect_format(api: Api, seen: Exchange, *others: Exchange) -> None:
    """Go on only where an error can be read: one that breaks the format of the standard's errors is one cause, found elsewhere.

    Raises:
        Inconclusive: it is not in that format, and `service-error-format` looks at such an error.
    """
    schema = api.profile.bindings.error.schema
    rules = [r.arguments for r in api.profile.requirements if r.check == "service-error-format"]
    looks = [r for r in rules if seen.status not in r.get("apart_from", ()) and seen.status in r.get("statuses", (seen.status,))]
    if not schema or not looks:
        return
    try:
        fits = api.profile.contract.responses.is_valid(f"/components/schemas/{schema}", seen.json())
    except (Nonconformity, Inconclusive):
        fits = False
    if not fits:
        raise Inconclusive("the error is not in the format of the standard; `service-error-format` looks at that", seen, *others)


def expect_same(
    wanted: Any, found: Any, seen: Exchange, *others: Exchange, ignoring: Iterable[str] = (), what: str = "what was written",
    at: str | None = "",
) -> None:  # fmt: skip
    """Expect every member of *wanted* in *found*, equal; the server may add members.

    Equal means: same JSON value, the same instant for date-times, arrays in any order (few standards promise one);
    null and absent are the same; members under a pointer of *ignoring* are not compared. `at` is where *found* is in the answer *seen*
    (None: nowhere, it was put together).
    """
    difference = first_difference(wanted, found, "", frozenset(ignoring))
    if difference:
        place, ours, theirs = difference
        raise Nonconformity(
            f"{what} at {place or 'the body'}: {clip(_text(ours), 200)}", clip(_text(theirs), 200), seen, *others,
            cause=f"value of {place}", place=None if at is None else at + place,
        )  # fmt: skip


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def first_difference(wanted: Any, found: Any, at: str, ignoring: frozenset[str]) -> tuple[str, Any, Any] | None:
    """Return place, wanted and found of the first difference, or None."""
    if _ignored(at, ignoring) or same_value(wanted, found):
        return None
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            there = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
            other = found.get(key, ABSENT)
            if (value in (None, [], {}) and other in (ABSENT, None)) or (value is None and other in ([], {}, "")):
                continue
            difference = first_difference(value, other, there, ignoring)
            if difference:
                return difference
        return None
    if isinstance(wanted, list) and isinstance(found, list):
        left = list(found)
        for number, value in enumerate(wanted):
            match = next((f for f in left if first_difference(value, f, f"{at}/*", ignoring) is None), ABSENT)
            if match is ABSENT:
                return f"{at}/{number}", value, found
            left = [f for f in left if f is not match]
        return (at, wanted, found) if left else None
    return at, wanted, found


def _ignored(at: str, ignoring: frozenset[str]) -> bool:
    return at in ignoring or "/".join("*" if p.isdigit() else p for p in at.split("/")) in ignoring


def same_value(a: Any, b: Any) -> bool:
    """Tell whether two JSON values are the same value: 1 and 1.0, two spellings of one instant, a redacted secret and itself."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if a == b:
        return True
    if isinstance(a, str) and isinstance(b, str):
        if PLACEHOLDER.search(a) and PLACEHOLDER.search(b):
            return PLACEHOLDER.sub("", a) == PLACEHOLDER.sub("", b)
        first, second = instant(a), instant(b)
        return first is not None and first == second
    return False


def instant(text: str) -> datetime | None:
    """Return the moment that an RFC 3339 date-time names, to the millisecond, or None."""
    if len(text) < 20 or text[4:5] != "-" or text[10:11] not in "Tt ":
        return None
    try:
        moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
    except ValueError:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000) if moment.tzinfo else None


def _text(value: Any) -> str:
    return repr(value)
