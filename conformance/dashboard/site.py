"""Write the site: every page and its JSON from the same data; what has not changed stays, what is no page any more goes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance import __version__
from conformance.dashboard.render import ASSETS, render, version
from conformance.dashboard.view import View, minute
from conformance.errors import Problem, UsageError

MANIFEST = "site.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page before it is built. Pages with the same `key` have the same data; without one the data is made each time."""

    path: str
    template: str
    data: Callable[[], dict[str, Any]]
    key: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build did."""

    pages: int
    written: int
    removed: int
    bytes: int
    largest: str
    largest_bytes: int


def write_site(folder: Path, view: View, pages: Iterable[Page], extra: dict[str, str] | None = None) -> Built:
    """Write the pages that changed; remove those that an earlier build wrote and this one does not have.

    Args:
        extra: further files, name to text.

    Raises:
        UsageError: the folder holds something, and no site of ours.
    """
    before = _manifest(folder)
    common = _common(view)
    if before.get("common") != common:
        before["keys"] = {}
    kept: dict[str, str] = before.get("keys", {})
    keys: dict[str, str] = {}
    written = 0
    sizes: dict[str, int] = {}
    frame = _frame(view)
    for page in pages:
        key = "" if page.key is None else _digest(page.key)
        file, beside = folder / page.path, folder / _json(page.path)
        if page.path in keys:
            raise AssertionError(f"two pages are called {page.path}")
        keys[page.path] = key
        if not (key and kept.get(page.path) == key and file.is_file() and beside.is_file()):
            data = page.data()
            written += _write(file, render(page.template, page.path, data, frame))
            _write(beside, _dump({"site": frame, **data}))
        sizes[page.path] = file.stat().st_size
    for name, text in {**ASSETS, **(extra or {})}.items():
        _write(folder / name, text)
    files = [*keys, *(_json(p) for p in keys), *ASSETS, *(extra or {})]
    removed = _remove(folder, set(before.get("files", [])) - set(files))
    _write(folder / MANIFEST, _dump({"made_by": f"conformance {__version__}", "common": common, "keys": keys, "files": sorted(files)}))
    largest = max(sizes, key=lambda p: (sizes[p], p))
    total = sum((folder / f).stat().st_size for f in (*files, MANIFEST))
    return Built(pages=len(keys), written=written, removed=removed, bytes=total, largest=largest, largest_bytes=sizes[largest])


def _frame(view: View) -> dict[str, Any]:
    """Return what stands on every page."""
    return {
        "testbed": ", ".join(view.board.gathered.names), "audience": str(view.audience), "suite": __version__,
    }  # fmt: skip


def as_of(view: View) -> str:
    """Return the moment that the site tells of."""
    return minute(view.board.as_of)


def _common(view: View) -> str:
    """Return a digest of what every page depends on, so that none is kept that another frame, template or reader made."""
    return _digest([version(), _frame(view)])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _json(path: str) -> str:
    return path.removesuffix(".html") + ".json"


def _dump(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True) + "\n"


def _write(file: Path, text: str) -> bool:
    """Write a file whose text is another one; tell whether it was."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        if file.stat().st_size == len(data) and file.read_bytes() == data:
            return False
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return True


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if folder.exists() and not folder.is_dir():
        raise UsageError(Problem(file=str(folder), problem="not a folder"))
    if not file.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(Problem(file=str(folder), problem="holds something that is no dashboard", hint="name a new folder with -o"))
        return {}
    try:
        found = json.loads(file.read_bytes())
        files, keys = found["files"], found["keys"]
        if not (isinstance(files, list) and isinstance(keys, dict) and all(isinstance(f, str) for f in files)):
            raise ValueError("not ours")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UsageError(Problem(file=str(file), problem="not the list of a dashboard's pages", hint="name a new folder with -o")) from None
    return {"common": found.get("common"), "keys": keys, "files": files}


def _remove(folder: Path, names: Iterable[str]) -> int:
    """Remove files of an earlier build, and folders that are empty then; nothing outside the folder."""
    removed = 0
    root = folder.resolve()
    for name in sorted(names):
        file = folder / name
        if not file.parent.resolve().is_relative_to(root) or not file.is_file():
            continue
        file.unlink()
        removed += 1
        parent = file.parent
        while parent != folder and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
    return removed
