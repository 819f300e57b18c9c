"""What this run made and must remove: written before a create is sent, so that a crash loses nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec

from conformance.errors import Problem, UsageError
from conformance.writers.record import mend

LEDGER_FILE = "ledger.jsonl"
#: `deleted`: a check deleted it, which clean-up still has to prove.
State = Literal["intended", "made", "deleted", "refused", "removed", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing: `number` identifies it; `target` or `link` lead to it once the server said where it is."""

    number: int
    resource: str
    marker: str
    state: State = "intended"
    target: str = ""
    link: str = ""
    last: str = ""


class Ledger:
    """The entries of a run, appended to a file at each change; the last line of a number counts."""

    def __init__(self, folder: Path | None) -> None:
        self.entries: dict[int, Entry] = {}
        self._file: BinaryIO | None = (folder / LEDGER_FILE).open("ab") if folder else None

    def intend(self, resource: str, marker: str) -> Entry:
        """Note that a create is about to be sent."""
        return self._put(Entry(number=len(self.entries) + 1, resource=resource, marker=marker))

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
