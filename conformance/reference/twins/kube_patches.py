"""The changes that only Kubernetes has: strategic merge patches, and what several managers apply."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.reference.places import first, put, without

#: By what the items of a list are told apart; other lists are replaced as a whole.
_KEYS = {
    "containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "ports": "containerPort", "volumeMounts": "mountPath",
    "conditions": "type", "ownerReferences": "uid",
}  # fmt: skip
_SETS = ("finalizers",)
_DIRECTIVE = "$patch"

Managers = dict[str, dict[str, Any]]


class Owned(Exception):
    """A value that another manager applied; `fields` are its places."""

    def __init__(self, fields: list[str]) -> None:
        super().__init__(f"{len(fields)} conflicts: {', '.join(fields)}")
        self.fields = fields


def strategic(body: Any, patch: Any, name: str = "") -> Any:
    """Return *body* changed by a strategic merge patch: like a merge patch, but the items of some lists are merged by their key.

    >>> strategic({"containers": [{"name": "a", "image": "1"}]}, {"containers": [{"name": "b"}]})
    {'containers': [{'name': 'b'}, {'name': 'a', 'image': '1'}]}
    """
    if isinstance(patch, Mapping):
        if patch.get(_DIRECTIVE) == "replace":
            return {k: copy.deepcopy(v) for k, v in patch.items() if k != _DIRECTIVE}
        out = copy.deepcopy(dict(body)) if isinstance(body, Mapping) else {}
        for key, value in patch.items():
            if value is None:
                out.pop(key, None)
            elif key != _DIRECTIVE:
                out[key] = strategic(out.get(key), value, key)
        return out
    if isinstance(patch, list) and isinstance(body, list) and name in _SETS:
        return body + [v for v in patch if v not in body]
    if isinstance(patch, list) and isinstance(body, list) and name in _KEYS:
        return _merged(body, patch, _KEYS[name])
    return copy.deepcopy(patch)


def _merged(old: list[Any], patch: list[Any], key: str) -> list[Any]:
    known = {item.get(key): item for item in old if isinstance(item, Mapping)}
    asked = [item for item in patch if isinstance(item, Mapping) and key in item]
    removed = [item[key] for item in asked if item.get(_DIRECTIVE) == "delete"]
    named = [item for item in asked if item[key] not in removed]
    kept = [copy.deepcopy(v) for k, v in known.items() if k not in removed and k not in [i[key] for i in named]]
    return [strategic(known.get(item[key], {}), item) for item in named] + kept


def applied(body: Any, wanted: Mapping[str, Any], manager: str, managers: Managers, *, force: bool) -> Any:
    """Return *body* with what *manager* wants of it, and note whose each field is.

    Raises:
        Owned: another manager applied another value, and this one does not force.
    """
    fields = dict(_fields(wanted))
    theirs = {place for other, owned in managers.items() if other != manager for place in owned}
    conflicts = [p for p, v in fields.items() if p in theirs and first(body, p) != v]
    if conflicts and not force:
        raise Owned(conflicts)
    for other, owned in managers.items():
        for place in conflicts if other != manager else ():
            owned.pop(place, None)
    dropped = [p for p in managers.get(manager, {}) if p not in fields and p not in theirs]
    managers[manager] = fields
    out = without(body, [tuple(_unescaped(part) for part in p.split("/")[1:]) for p in dropped])
    for place, value in fields.items():
        out = put(out, place, value)
    return out


def _fields(wanted: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield place and value of each field that a configuration has an opinion about."""
    if not isinstance(wanted, Mapping) or (not wanted and at):
        if at not in ("/kind", "/apiVersion", "/metadata/name", "/metadata/namespace"):
            yield at, wanted
        return
    for key, value in wanted.items():
        yield from _fields(value, f"{at}/{key.replace('~', '~0').replace('/', '~1')}")


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
