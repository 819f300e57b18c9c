"""One frozen input: an edit of an example, and whether the contract forbids the outcome."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line of a corpus.

    `place` is "body", "query", "path" or "header"; `pointer` a JSON Pointer into the body or the parameter's name;
    `action` is "replace" (which also adds), "remove" or "raw" (`value` is the whole body as text).
    `scenario` is schemathesis' name of the idea (`value_above_maximum`).
    """

    id: str
    operation: str
    scenario: str
    place: str
    pointer: str
    action: str = "replace"
    value: Any = None
    mode: str = "negative"

    @property
    def title(self) -> str:
        """What the edit does, in a few words."""
        return f"{self.scenario.replace('_', ' ')} at {self.place} {self.pointer}".rstrip()


def edited(body: Any, case: Case) -> Any:
    """Return a copy of *body* with the edit of *case* applied.

    Raises:
        KeyError: the place to edit is not in *body*.
    """
    if case.pointer == "":
        return copy.deepcopy(case.value)
    out = copy.deepcopy(body)
    parts = [p.replace("~1", "/").replace("~0", "~") for p in case.pointer.split("/")[1:]]
    here = out
    for part in parts[:-1]:
        here = here[int(part)] if isinstance(here, list) else here[part]
    last = parts[-1]
    if isinstance(here, list):
        if case.action == "remove":
            del here[int(last)]
        elif int(last) == len(here):
            here.append(copy.deepcopy(case.value))
        else:
            here[int(last)] = copy.deepcopy(case.value)
    elif not isinstance(here, dict):
        raise KeyError(case.pointer)
    elif case.action == "remove":
        del here[last]
    else:
        here[last] = copy.deepcopy(case.value)
    return out
