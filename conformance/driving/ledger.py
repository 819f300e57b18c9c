"""What this run made and must remove: written before a create is sent, so that a crash loses nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from conformance.errors import Problem, UsageError
from conformance.writers.record import mend

LEDGER_FILE = "ledger.jsonl"
#: `deleted`: a check deleted it, which clean-up still has to prove.
State = Literal["intended", "made", "deleted", "refused", "removed", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing: `number` identifies it; `target` or `link` lead to it once the server said where it is.

    `at` is where its create was sent, without a query; `marks` is what was sent that only this thing can hold: pointer -> text.
    """

    number: int
    resource: str
    marker: str
    at: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    state: State = "intended"
    target: str = ""
    link: str = ""
    last: str = ""


class Ledger:
    """The entries of a run, appended to a file at each change; the last line of a number counts."""

    def __init__(self, folder: Path | None) -> None:
        self.entries: dict[int, Entry] = {}
        self._file: BinaryIO | None = (folder / LEDGER_FILE).open("ab") if folder else None

    def intend(self, resource: str, marker: str, at: str = "", marks: Mapping[str, str] | None = None) -> Entry:
        """Note that a create is about to be sent."""
        return self._put(Entry(number=len(self.entries) + 1, resource=resource, marker=marker, at=at, marks=dict(marks or {})))

    def update(self, entry: Entry, **changes: str) -> Entry:
        """Note what became of an entry."""
        return self._put(replace(self.entries[entry.number], **changes))  # type: ignore[arg-type]

    def deleted(self, *, target: str = "", link: str = "") -> None:
        """Note that what is at this place was deleted, or so the target says."""
        for entry in list(self.entries.values()):
            if entry.state == "made" and ((target and entry.target == target) or (link and entry.link == link)):
                self.update(entry, state="deleted")

    def open_entries(self) -> list[Entry]:
        """Return what must still be removed, newest first (children before parents)."""
        return [e for e in reversed(self.entries.values()) if e.state in ("intended", "made", "deleted")]

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _put(self, entry: Entry) -> Entry:
        self.entries[entry.number] = entry
        if self._file:
            self._file.write(msgspec.json.encode(entry) + b"\n")
            self._file.flush()
        return entry


#: Templates of an example that are filled with a word that nothing else holds, and what such a word looks like.
_FRESH = {"{unique}": "[a-z0-9]{10}", "{marker}": r"icra-\w+-[a-z0-9]{10}", "{uuid}": "[0-9a-f-]{36}"}
_TEMPLATES = re.compile(r"\{[^{}]*\}")


def marks_of(example: Any, sent: Any, at: str = "") -> dict[str, str]:
    """Return what was sent at the places of *example* that take a fresh word: pointer -> text. Nothing else tells whose a thing is.

    >>> marks_of({"name": "a-{unique}", "kind": "big"}, {"name": "a-abcdefgh23", "kind": "big"})
    {'/name': 'a-abcdefgh23'}
    """
    if isinstance(example, Mapping) and isinstance(sent, Mapping):
        pairs = [(f"{at}/{k.replace('~', '~0').replace('/', '~1')}", v, sent[k]) for k, v in example.items() if k in sent]
        return {pointer: text for place, inside, value in pairs for pointer, text in marks_of(inside, value, place).items()}
    if not isinstance(example, str) or not isinstance(sent, str):
        return {}
    templates = _TEMPLATES.findall(example)
    if not templates or any(template not in _FRESH for template in templates):
        return {}
    between = _TEMPLATES.split(example)
    form = re.escape(between[0]) + "".join(_FRESH[t] + re.escape(b) for t, b in zip(templates, between[1:], strict=True))
    return {at: sent} if re.fullmatch(form, sent) else {}


def read_ledger(folder: Path) -> Ledger:
    """Return the ledger of a run that was cut short, open for going on.

    Raises:
        UsageError: it is not there or not a ledger.
    """
    file = folder / LEDGER_FILE
    mend(file)
    found: dict[int, Entry] = {}
    if file.exists():
        lines = file.read_bytes().splitlines()
        for number, line in enumerate(lines):
            try:
                entry = msgspec.json.decode(line, type=Entry)
            except msgspec.MsgspecError as error:
                if number == len(lines) - 1:
                    break
                raise UsageError(Problem(file=str(file), place=f"line {number + 1}", problem=str(error))) from None
            if entry.state == "left":  # what could not be removed then is tried again
                entry = replace(entry, state="made" if entry.target or entry.link else "intended")
            found[entry.number] = entry
    ledger = Ledger(folder)
    ledger.entries = found
    return ledger
