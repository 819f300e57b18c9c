"""What a twin remembers: instances by resource and parent, documents, counters. Copying it forks the twin."""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from typing import Any

from conformance.reference.sampling import chance

Parents = tuple[str, ...]


@dataclass(kw_only=True)
class Instance:
    """One thing: its members as stored (those that nobody may read included), and when it was made and changed."""

    id: str
    parents: Parents = ()
    body: Any
    created: float = 0.0
    changed: float = 0.0
    version: int = 1
    owner: str = ""
    seeded: bool = False


@dataclass
class Store:
    """All state of a twin."""

    shelves: dict[tuple[str, Parents], dict[str, Instance]] = field(default_factory=dict)
    documents: dict[tuple[str, Parents], Any] = field(default_factory=dict)
    seeded: set[tuple[str, Parents]] = field(default_factory=set)
    gone: set[tuple[str, Parents, str]] = field(default_factory=set)
    counters: dict[str, int] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    def shelf(self, resource: str, parents: Parents = ()) -> dict[str, Instance]:
        """Return the instances of a resource under its parents, in the order in which they were made."""
        return self.shelves.setdefault((resource, parents), {})

    def everywhere(self, resource: str) -> list[Instance]:
        """Return the instances of a resource under whatever parent."""
        return [one for (name, _), shelf in self.shelves.items() if name == resource for one in shelf.values()]

    def count(self, name: str) -> int:
        """Return the next number of a counter, from 1."""
        self.counters[name] = self.counters.get(name, 0) + 1
        return self.counters[name]

    def fresh_uuid(self, name: str) -> str:
        """Return the next UUID of a counter: the same in every twin that has done the same."""
        return str(uuid.UUID(int=chance(f"{name}|{self.count(name)}").getrandbits(128), version=4))

    def fork(self) -> Store:
        """Return a copy that goes its own way."""
        return copy.deepcopy(self)
