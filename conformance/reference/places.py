"""Read, put, leave out and merge by place in a JSON value; nothing here knows HTTP."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.requirement import pick


def parts_of(pointer: str) -> list[str]:
    """Return the parts of a JSON Pointer."""
    return [p.replace("~1", "/").replace("~0", "~") for p in pointer.split("/")[1:]]


def first(body: Any, pointer: str) -> Any:
    """Return the first value at *pointer*, or None."""
    return next(iter(pick(body, pointer)), None)


def put(body: Any, pointer: str, value: Any) -> Any:
    """Return a copy of *body* with *value* at *pointer*; objects on the way are made, `*` is the first item.

    >>> put({"a": 1}, "/b/c", 2)
    {'a': 1, 'b': {'c': 2}}
    """
    parts = parts_of(pointer)
    if not parts:
        return copy.deepcopy(value)
    out = copy.deepcopy(body)
    if not isinstance(out, dict | list):
        out = {}
    here: Any = out
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        if isinstance(here, list):
            number = int(part) if part.isdigit() else 0
            while len(here) <= number:
                here.append({})
            if last:
                here[number] = copy.deepcopy(value)
            elif not isinstance(here[number], dict | list):
                here[number] = {}
            here = here[number]
        elif last:
            here[part] = copy.deepcopy(value)
        else:
            if not isinstance(here.get(part), dict | list):
                here[part] = [] if parts[at + 1] in ("*", "0") else {}
            here = here[part]
    return out


def without(body: Any, places: Sequence[Sequence[str]]) -> Any:
    """Return a copy of *body* without the members at *places* (paths, `*` for each item).

    >>> without({"a": 1, "b": [{"c": 2, "d": 3}]}, [("a",), ("b", "*", "c")])
    {'b': [{'d': 3}]}
    """
    out = copy.deepcopy(body)
    for place in places:
        _drop(out, place)
    return out


def _drop(node: Any, place: Sequence[str]) -> None:
    if place[0] == "*" and isinstance(node, list):
        for item in node:
            if len(place) > 1:
                _drop(item, place[1:])
    elif isinstance(node, dict) and place[0] in node:
        if len(place) == 1:
            del node[place[0]]
        else:
            _drop(node[place[0]], place[1:])


def kept(old: Any, new: Any, places: Sequence[Sequence[str]]) -> Any:
    """Return a copy of *new* that has from *old* what stands at *places* (paths without items)."""
    out = copy.deepcopy(new)
    for place in places:
        if "*" in place:
            continue
        node, target = old, out
        for part in place[:-1]:
            node = node.get(part) if isinstance(node, Mapping) else None
            if node is None:
                break
            target = target.setdefault(part, {}) if isinstance(target, dict) else None
            if target is None:
                break
        if isinstance(node, Mapping) and isinstance(target, dict) and place[-1] in node:
            target[place[-1]] = copy.deepcopy(node[place[-1]])
    return out


def merge_patch(body: Any, changes: Any) -> Any:
    """Return *body* changed by a JSON Merge Patch (RFC 7396)."""
    if not isinstance(changes, Mapping):
        return copy.deepcopy(changes)
    out = copy.deepcopy(dict(body)) if isinstance(body, Mapping) else {}
    for name, value in changes.items():
        if value is None:
            out.pop(name, None)
        else:
            out[name] = merge_patch(out.get(name), value)
    return out


def json_patch(body: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """Return *body* changed by a JSON Patch (RFC 6902).

    Raises:
        ValueError: an operation cannot be done, or its test does not hold.
    """
    out = {"": copy.deepcopy(body)}
    for one in operations:
        try:
            op, path = one["op"], ["", *parts_of(one["path"])]
            if op in ("move", "copy"):
                source = ["", *parts_of(one["from"])]
                value = copy.deepcopy(_get(out, source))
                if op == "move":
                    _remove(out, source)
                _add(out, path, value)
            elif op == "add":
                _add(out, path, copy.deepcopy(one["value"]))
            elif op == "remove":
                _remove(out, path)
            elif op == "replace":
                _get(out, path)
                _replace(out, path, copy.deepcopy(one["value"]))
            elif op == "test":
                if _get(out, path) != one["value"]:
                    raise ValueError("a test does not hold")
            else:
                raise ValueError(f"no operation {op!r}")
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"cannot be done: {error}") from None
    return out[""]


def _get(node: Any, path: Sequence[str]) -> Any:
    for part in path:
        node = node[int(part)] if isinstance(node, list) else node[part]
    return node


def _add(node: Any, path: Sequence[str], value: Any) -> None:
    above = _get(node, path[:-1])
    if isinstance(above, list):
        number = len(above) if path[-1] == "-" else int(path[-1])
        if number > len(above):
            raise IndexError(path[-1])
        above.insert(number, value)
    else:
        above[path[-1]] = value


def _replace(node: Any, path: Sequence[str], value: Any) -> None:
    above = _get(node, path[:-1])
    if isinstance(above, list):
        above[int(path[-1])] = value
    else:
        above[path[-1]] = value


def _remove(node: Any, path: Sequence[str]) -> None:
    above = _get(node, path[:-1])
    del above[int(path[-1]) if isinstance(above, list) else path[-1]]
