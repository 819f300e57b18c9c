"""Read YAML the plain way: no aliases, no duplicate keys, dates and `on` are strings, everything bounded.

Claims and targets come from outside, so nothing here may blow up: an alias is refused before it is expanded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from math import isinf
from pathlib import Path
from typing import Any, ClassVar

import yaml

from conformance.errors import Problem, UsageError

MAX_BYTES = 8_000_000
MAX_DEPTH = 200
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Refused(yaml.MarkedYAMLError):
    pass


class _PlainLoader(_Base):  # type: ignore[misc]
    """YAML 1.2's core schema: only true and false are booleans, no timestamps."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


def _refuse_bombs(text: str) -> None:
    """Look at the events before anything is built."""
    depth = 0
    events: Iterator[Any] = yaml.parse(text, _Base)
    for event in events:
        mark: Any = event.start_mark
        if getattr(event, "tag", None) not in (None, "!"):
            raise _Refused(problem=f"tags are not read here: {str(event.tag)[:60]}", problem_mark=mark)
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(problem="aliases are not read here: write the value out", problem_mark=mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _Refused(problem=f"nested more than {MAX_DEPTH} deep", problem_mark=mark)


def _mapping(loader: Any, node: yaml.MappingNode) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise _Refused(problem="a key must be a word", problem_mark=key_node.start_mark)
        key = key_node.value  # as in JSON, a key is text: `200` and "200" are one
        if key in out:
            raise _Refused(problem=f"the key '{key}' stands here twice", problem_mark=key_node.start_mark)
        out[key] = loader.construct_object(value_node, deep=True)
    return out


def _number(loader: Any, node: yaml.ScalarNode) -> float:
    value = float(node.value)
    if isinf(value):
        raise _Refused(problem=f"{node.value[:40]} is more than a number can hold", problem_mark=node.start_mark)
    return value


_PlainLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
_PlainLoader.add_constructor("tag:yaml.org,2002:float", _number)
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]{0,30})$"), list("-+0123456789"))
_PlainLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$"), list("-+0123456789")
)
_PlainLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        UsageError: it is not there, is not a file, is too large or not UTF-8.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(Problem(file=str(path), problem=f"larger than {MAX_BYTES // 1_000_000} MB"))
        if not path.is_file():
            raise UsageError(Problem(file=str(path), problem="not a file"))
        return path.read_text("utf-8")
    except OSError as error:
        raise UsageError(Problem(file=str(path), problem=error.strerror or "cannot be read")) from None
    except ValueError:
        raise UsageError(Problem(file=str(path), problem="not UTF-8 text")) from None


def parse_yaml(text: str, file: str) -> Any:
    """Return the value of one YAML document.

    Raises:
        UsageError: with line and column of what cannot be read.
    """
    try:
        _refuse_bombs(text)
        return yaml.load(text, _PlainLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UsageError(Problem(file=file, place=place, problem=str(error.problem or error.context))) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(Problem(file=file, problem=f"not YAML: {str(error)[:200]}")) from None


def read_yaml(path: Path) -> Any:
    """Return the value of a YAML (or JSON) file; see `read_text` and `parse_yaml` for errors."""
    text = read_text(path)
    if path.suffix == ".json":
        try:
            value = json.loads(text, object_pairs_hook=_members, parse_constant=_no_constant, parse_float=_finite)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
            return value
        except (ValueError, RecursionError) as error:
            raise UsageError(Problem(file=str(path), problem=f"not JSON: {str(error)[:200]}")) from None
    return parse_yaml(text, str(path))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(n for n in names if names.count(n) > 1)}' stands here twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if isinf(value):
        raise ValueError(f"{digits[:40]} is more than a number can hold")
    return value
