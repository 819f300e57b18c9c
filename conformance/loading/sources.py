"""Read where a contract comes from: `source.yaml` beside `openapi.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.profiles import Shelf
from conformance.loading.validation import demand
from conformance.source import Deviation, Source


def read_source(file: Path) -> Source:
    """Return what a `source.yaml` says.

    Raises:
        UsageError: it is not there or wrong.
    """
    raw = demand(read_yaml(file), "source", str(file))
    return Source(
        standard=raw["standard"], edition=raw["edition"], title=raw["title"], publisher=raw["publisher"], licence=raw["licence"],
        url=raw["url"], commit=raw.get("commit"), documents=_several(raw.get("document")), sha256=_several(raw.get("sha256")),
        clauses=raw.get("clauses", ""), deviations=tuple(Deviation(**d) for d in raw["deviations"]),
    )  # fmt: skip


def _several(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(value)


def contracts_on(shelf: Shelf) -> dict[str, Path]:
    """Return the folders of all contracts by name (`scim2/2.0`), sorted; the first folder that has a name wins."""
    found: dict[str, Path] = {}
    for folder in shelf.spec_dirs:
        for file in sorted(folder.glob("*/*/openapi.yaml")) if folder.is_dir() else ():
            found.setdefault(f"{file.parent.parent.name}/{file.parent.name}", file.parent)
    return dict(sorted(found.items()))


def chosen(names: list[str], shelf: Shelf) -> dict[str, Path]:
    """Return the contracts named (`scim2` for all its editions, `scim2/2.0` for one); all of them when none is named.

    Raises:
        UsageError: a name is not a contract.
    """
    every = contracts_on(shelf)
    if not names:
        return every
    found: dict[str, Path] = {}
    for name in names:
        named = {n: p for n, p in every.items() if n == name.replace("@", "/") or n.partition("/")[0] == name}
        if not named:
            known = {*every, *(n.partition("/")[0] for n in every)}
            raise UsageError(Problem(file="contract", problem=f"'{name}' is not a contract", hint=did_you_mean(name, known)))
        found |= named
    return found
