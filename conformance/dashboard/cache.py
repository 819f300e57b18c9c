"""Scored runs, kept beside the records and found again by the digest of their files, so that only what is new is read."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from conformance import __version__
from conformance.dashboard.summary import FORMAT, Detail, Line

CACHE_FILE = ".dashboard.sqlite"
_TABLES = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, digest TEXT);
CREATE TABLE IF NOT EXISTS lines (digest TEXT PRIMARY KEY, line BLOB);
CREATE TABLE IF NOT EXISTS names (digest TEXT PRIMARY KEY, names BLOB);
CREATE TABLE IF NOT EXISTS details (digest TEXT PRIMARY KEY, detail BLOB);
CREATE TABLE IF NOT EXISTS made_by (version TEXT PRIMARY KEY);
"""


class Cache:
    """A file of scored runs; without a file, or where it cannot be written, it holds for one build only.

    Everything in it can be made again from the records; one that another version wrote is emptied.
    """

    def __init__(self, file: Path | None) -> None:
        self.db = _opened(file)
        self.names: dict[str, tuple[str, ...]] = {
            digest: msgspec.json.decode(blob, type=tuple[str, ...]) for digest, blob in self.db.execute("SELECT digest, names FROM names")
        }
        self._files: dict[str, tuple[int, int, str]] = {
            path: (size, changed, digest)
            for path, size, changed, digest in self.db.execute("SELECT path, size, changed, digest FROM files")
        }
        self._lines = msgspec.json.Decoder(Line)
        self._details = msgspec.json.Decoder(Detail)
        self._encode = msgspec.json.Encoder().encode
        self._wanted: set[str] = set()

    def digest(self, file: Path) -> str:
        """Return the SHA-256 of a file; one whose size and time have not changed is not read again."""
        found = file.stat()
        path = str(file.resolve())
        known = self._files.get(path)
        if known and known[:2] == (found.st_size, found.st_mtime_ns):
            return known[2]
        with file.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
        self.db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (path, found.st_size, found.st_mtime_ns, digest))
        return digest

    def lines(self) -> dict[str, Line]:
        """Return every line there is, by digest."""
        return {digest: self._lines.decode(blob) for digest, blob in self.db.execute("SELECT digest, line FROM lines")}

    def keep_line(self, line: Line) -> None:
        """Keep the line of a run."""
        self.db.execute("INSERT OR REPLACE INTO lines VALUES (?, ?)", (line.digest, self._encode(line)))

    def keep_names(self, names: tuple[str, ...]) -> str:
        """Keep a list of requirements once, however many runs have it; return its key."""
        blob = self._encode(names)
        digest = hashlib.sha256(blob).hexdigest()[:16]
        if digest not in self.names:
            self.names[digest] = names
            self.db.execute("INSERT OR REPLACE INTO names VALUES (?, ?)", (digest, blob))
        return digest

    def detail(self, digest: str) -> Detail | None:
        """Return the details of a run, if they are there."""
        self._wanted.add(digest)
        row = self.db.execute("SELECT detail FROM details WHERE digest = ?", (digest,)).fetchone()
        return self._details.decode(row[0]) if row else None

    def keep_detail(self, digest: str, detail: Detail) -> None:
        """Keep the details of a run."""
        self.db.execute("INSERT OR REPLACE INTO details VALUES (?, ?)", (digest, self._encode(detail)))

    def close(self, seen: Iterable[str] = ()) -> None:
        """Write what is new; forget details that nobody asked for and lines of runs that are not in *seen* any more."""
        seen = set(seen)
        if seen:
            gone = [(d,) for (d,) in self.db.execute("SELECT digest FROM lines") if d not in seen]
            self.db.executemany("DELETE FROM lines WHERE digest = ?", gone)
        unwanted = [(d,) for (d,) in self.db.execute("SELECT digest FROM details") if d not in self._wanted]
        self.db.executemany("DELETE FROM details WHERE digest = ?", unwanted)
        self.db.commit()
        self.db.close()


def _opened(file: Path | None) -> sqlite3.Connection:
    version = f"{__version__} {FORMAT} {_scorer()}"
    for place in (str(file) if file else ":memory:", ":memory:"):
        db: Any = None
        try:
            db = sqlite3.connect(place)
            db.executescript(_TABLES)
            if [row[0] for row in db.execute("SELECT version FROM made_by")] != [version]:
                for table in ("files", "lines", "names", "details", "made_by"):
                    db.execute(f"DELETE FROM {table}")
                db.execute("INSERT INTO made_by VALUES (?)", (version,))
                db.commit()
            return db  # type: ignore[no-any-return]
        except sqlite3.Error:  # not ours, or not writable: do without
            if db is not None:
                db.close()
    raise AssertionError("a cache in memory can always be made")


def _scorer() -> str:
    """Return a digest of the code that makes what is kept: with another scorer nothing kept counts."""
    home = Path(__file__).resolve().parent
    files = (home.parent / "scoring.py", home.parent / "verdict.py", home / "summary.py")
    return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.is_file())).hexdigest()[:16]
