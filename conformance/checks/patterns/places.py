"""Small tools for bodies: put a value at a place, fill a template that speaks of an item, expect members of an error."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from conformance.api import Api
from conformance.checks.expect import ABSENT, expect_format, same_value
from conformance.contract import Operation
from conformance.ending import Inconclusive, Nonconformity
from conformance.exchange import Exchange
from conformance.requirement import pick
from conformance.schema import lookup

#: What `change:` may do to a value.
CHANGES: Mapping[str, Callable[[str], str]] = {"": lambda text: text, "swap-case": str.swapcase}

_REFERENCE = re.compile(r"\{(/[^{}]*|[a-z][a-z0-9_-]*)\}")


def put(body: Any, pointer: str, value: Any) -> Any:
    """Return a copy of *body* with *value* at *pointer*; objects on the way are made.

    >>> put({"a": 1}, "/b/c", 2)
    {'a': 1, 'b': {'c': 2}}
    """
    out = copy.deepcopy(body)
    parts = [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]
    if not parts:
        return copy.deepcopy(value)
    here = out
    for part in parts[:-1]:
        here = here[int(part)] if isinstance(here, list) else here.setdefault(part, {})
    if isinstance(here, list):
        here[int(parts[-1])] = copy.deepcopy(value)
    else:
        here[parts[-1]] = copy.deepcopy(value)
    return out


def without(body: Any, pointer: str) -> Any:
    """Return a copy of *body* without what is at *pointer*; nothing happens where nothing is.

    >>> without({"a": 1, "b": 2}, "/b")
    {'a': 1}
    """
    out = copy.deepcopy(body)
    above, _, last = pointer.rpartition("/")
    for holder in pick(out, above):
        if isinstance(holder, dict):
            holder.pop(last.replace("~1", "/").replace("~0", "~"), None)
    return out


def refer(template: Any, item: Any = None, /, **words: str) -> Any:
    """Return *template* with `{/pointer}` replaced by what *item* has there and `{word}` by the words given.

    Raises:
        Inconclusive: *item* has nothing there.

    >>> refer('name = "{/labels/name}" or {value}', {"labels": {"name": "x"}}, value="1")
    'name = "x" or 1'
    """
    if isinstance(template, Mapping):
        return {key: refer(value, item, **words) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [refer(value, item, **words) for value in template]
    if not isinstance(template, str):
        return template

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("/"):
            found = pick(item, name)
            if not found:
                raise Inconclusive(f"nothing at {name} to ask for")
            return str(found[0])
        return words.get(name, match[0])

    return _REFERENCE.sub(value_of, template)


def one_at(body: Any, pointer: str) -> Any:
    """Return the first value at *pointer*, or `ABSENT`."""
    return next(iter(pick(body, pointer)), ABSENT)


def empty(value: Any) -> bool:
    """Tell whether a member is as good as not there: absent, null, or an empty text, list or object."""
    return value is ABSENT or value is None or value in ("", [], {})


def leaves(body: Any, at: str = "") -> dict[str, Any]:
    """Return pointer -> value of every member that is no object.

    >>> leaves({"a": {"b": 1}, "c": [2]})
    {'/a/b': 1, '/c': [2]}
    """
    if not isinstance(body, Mapping):
        return {at: body}
    found: dict[str, Any] = {}
    for key, value in body.items():
        found |= leaves(value, f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}")
    return found


def expect_told(api: Api, seen: Exchange, members: Mapping[str, Any], *others: Exchange) -> None:
    """Expect the error of an answer to have each value of *members* (pointer -> a value, or a list of which it is one).

    Raises:
        Inconclusive: it is not in the format of the standard's errors, which is for `service-error-format` to find.
    """
    if not members:
        return
    expect_format(api, seen, *others)
    body = seen.json() if seen.body.strip() else None
    for pointer, value in members.items():
        wanted = value if isinstance(value, list | tuple) else [value]
        found = one_at(body, pointer)
        if not any(same_value(found, one) for one in wanted):
            expected = " or ".join(str(one) for one in wanted)
            cause = f"the error: {pointer} {expected}"
            raise Nonconformity(f"{expected} at {pointer} of the error", repr(found), seen, *others, cause=cause, place=pointer)


def processed(operation: Operation, seen: Exchange, *others: Exchange, what: str = "", cause: str = "") -> None:
    """Expect success; a redirect proves nothing, since the suite follows none."""
    if seen.success:
        return
    if 300 <= seen.status < 400:
        raise Inconclusive(f"{seen.request.where} redirects ({seen.status}); the suite follows no redirects", seen)
    wanted = " or ".join(str(s) for s in operation.success)
    raise Nonconformity(
        f"{wanted}{f' ({what})' if what else ''}", seen.summary, seen, *others, cause=cause or f"{seen.status}: {operation.title}"
    )


def set_up(seen: Exchange) -> Exchange:
    """Return an answer that was set-up and polled for; without success we could not look."""
    if not seen.success:
        raise Inconclusive(f"set-up: {seen.request.where} answered {seen.status}", seen, needs=seen.request.operation)
    return seen


def shows_the_thing(api: Api, operation: Operation, read: Operation, seen: Exchange) -> bool:
    """Tell whether an answer holds the same representation as a read: the contract documents the same schema for both."""
    if seen.status not in (200, 201) or not seen.body.strip():
        return False
    ours, theirs = operation.documented(seen.status), read.documented(200)
    return bool(ours and theirs and _schemas(api, ours.media) & _schemas(api, theirs.media))


def _schemas(api: Api, media: Mapping[str, str]) -> set[str]:
    found = set()
    for pointer in media.values():
        schema = lookup(api.profile.contract.document, pointer) if pointer else {}
        found.add(str(schema.get("$ref", pointer)) if isinstance(schema, Mapping) else pointer)
    return found - {""}
