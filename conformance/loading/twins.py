"""Load `twin.yaml`: the rules of a standard's twin and what may be wrong with it, held against contract, bindings and requirements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from conformance.contract import Contract
from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.validation import demand
from conformance.profile import Bindings
from conformance.requirement import Requirement
from conformance.twin import FaultRule, TwinRules


def load_twin(file: Path, contract: Contract, bindings: Bindings, requirements: Iterable[Requirement], several: bool) -> TwinRules:
    """Return what *file* says of a twin; nothing where there is no such file.

    Args:
        several: the profile has several editions, and each may lack what another one has.

    Raises:
        UsageError: all that is wrong with it.
    """
    if not file.is_file():
        return TwinRules()
    raw: dict[str, Any] = demand(read_yaml(file), "twin", str(file))
    wrong = [Problem(file=str(file), place=place, problem=told) for place, told in _no_schemas(raw)]
    if not several:
        slugs = [r.id.partition("/")[2] for r in requirements]
        named = _names(raw, contract.operations, bindings.resources, slugs)
        wrong += [Problem(file=str(file), place=place, problem=told, hint=hint) for place, told, hint in named]
    if wrong:
        raise UsageError(*wrong)
    faults = [msgspec.convert({**said, "name": name, "turns": _turns(said)}, FaultRule) for name, said in raw.get("faults", {}).items()]
    return replace(msgspec.convert({**raw, "faults": ()}, TwinRules), faults=tuple(faults))


def _parts(raw: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return all rules and faults by their places."""
    rules = {f"rules[{number}]": said for number, said in enumerate(raw.get("rules", ()))}
    return rules | {f"faults.{name}": said for name, said in raw.get("faults", {}).items()}


def _turns(said: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the slugs that a fault turns red, by place."""
    turns = said["turns"]
    return dict(turns) if isinstance(turns, Mapping) else dict.fromkeys(said.get("at", [""]), turns)


def _no_schemas(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield place and problem of each condition that is no JSON Schema."""
    for place, said in _parts(raw).items():
        for part, schema in said.get("when", {}).items():
            try:
                jsonschema_rs.Draft202012Validator(schema)
            except ValueError as error:
                yield f"{place}.when.{part}", f"no JSON Schema: {str(error)[:200]}"


def _names(
    raw: Mapping[str, Any], operations: Collection[str], resources: Collection[str], slugs: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield place, problem and hint of each name that is nobody's."""
    for name in set(raw.get("members", {})) - set(resources):
        yield f"members.{name}", "not a resource of the bindings", did_you_mean(name, resources)
    for place, said in _parts(raw).items():
        for name in set(said.get("at", ())) - set(operations):
            yield f"{place}.at", f"'{name}' is not an operation of the contract", did_you_mean(name, operations)
        turns = _turns(said) if "turns" in said else {}
        for name in turns.keys() ^ set(said.get("at", [""])) if turns else ():
            yield f"{place}.turns", f"'{name}' stands either here or in 'at'", "it must stand in both"
        for slug in (s for slugs_there in turns.values() for s in slugs_there if s not in slugs):
            yield f"{place}.turns", f"'{slug}' is not a requirement", did_you_mean(slug, slugs)
