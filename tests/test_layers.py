"""The layer table of the design: imports point one way, checks do no I/O, modules stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "conformance"
#: Layer -> the layers it may import. A module at the top level that is named nowhere here is a noun.
TABLE: dict[str, set[str]] = {
    "nouns": set(),
    "schemas": set(),
    "checks": {"nouns"},
    "writers": {"nouns"},
    "reference": {"nouns"},
    "loading": {"nouns", "writers", "schemas"},
    "planning": {"nouns", "checks", "loading"},
    "dashboard": {"nouns", "writers", "loading"},
    "driving": {"nouns", "checks", "planning", "loading", "writers"},
    "pytest_plugin": {"nouns", "planning", "driving"},
    "cli": {"nouns", "checks", "loading", "planning", "driving", "writers", "dashboard", "pytest_plugin", "reference"},
    "__main__": {"cli"},
}
#: What would make a check depend on more than its steps.
IMPURE = {
    "asyncio",
    "time",
    "random",
    "uuid",
    "secrets",
    "socket",
    "ssl",
    "http",
    "httpx",
    "h11",
    "aiohttp",
    "requests",
    "urllib.request",
    "threading",
    "subprocess",
    "os",
    "tempfile",
    "pathlib",
    "selectors",
    "multiprocessing",
    "concurrent",
}
#: Nouns hold no I/O; `api` draws its values from a generator that the run's header seeds, `source` is told where to look.
IMPURE_FOR_NOUNS = IMPURE - {"random", "uuid"}
LONGEST = 450
MODULES = sorted(PACKAGE.rglob("*.py"))


def _layer(module: str) -> str:
    first = module.split(".")[1] if "." in module else ""
    return first if first in TABLE else "nouns"


def _name(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), str(file))


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    """Give line and module of each import, those inside functions too."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            if node.module == "conformance":
                yield from ((node.lineno, f"conformance.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, node.module or ""


@pytest.mark.parametrize("file", MODULES, ids=_name)
def test_imports_point_one_way(file: Path) -> None:
    """Every import of ours leads to a layer that the table allows."""
    here = _layer(_name(file))
    wrong = []
    for line, module in _imports(file):
        if module.startswith("conformance.") and module != "conformance.__version__":
            there = _layer(module)
            if there != here and there not in TABLE[here]:
                wrong.append(f"{file.name}:{line}: {here} imports {module} ({there})")
    assert not wrong


def test_the_table_has_no_circle() -> None:
    """No layer reaches itself."""

    def below(layer: str, seen: tuple[str, ...] = ()) -> set[str]:
        assert layer not in seen, " -> ".join((*seen, layer))
        return {layer}.union(*(below(one, (*seen, layer)) for one in TABLE[layer]))

    assert below("cli") <= set(TABLE)


def _impure(file: Path, forbidden: set[str]) -> list[str]:
    return [f"{file.name}:{line}: {module}" for line, module in _imports(file) if module in forbidden or module.split(".")[0] in forbidden]


@pytest.mark.parametrize("file", sorted((PACKAGE / "checks").rglob("*.py")), ids=_name)
def test_checks_import_no_clock_no_chance_no_client(file: Path) -> None:
    """A check sees the world through its five verbs only, or a recording could not be judged again."""
    assert not _impure(file, IMPURE)
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("now", "utcnow", "today"), f"{file.name}:{node.lineno}: a check has no clock"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "print", "input", "eval", "exec", "__import__", "id", "hash"), f"{file.name}:{node.lineno}"


@pytest.mark.parametrize("file", sorted((PACKAGE / "checks").rglob("*.py")), ids=_name)
def test_checks_await_nothing_in_finally(file: Path) -> None:
    """Clean-up is the ledger's: an await in `finally` breaks a cancelled flow."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Try):
            awaits = [
                inner for part in node.finalbody for inner in ast.walk(part) if isinstance(inner, ast.Await | ast.AsyncWith | ast.AsyncFor)
            ]
            assert not awaits, f"{file.name}:{node.lineno}: await in finally"


@pytest.mark.parametrize("file", sorted((PACKAGE / "checks").rglob("*.py")), ids=_name)
def test_checks_iterate_over_no_set(file: Path) -> None:
    """The order of a set differs from process to process, and with it what is sent: sort it first."""
    for node in ast.walk(_tree(file)):
        over = node.iter if isinstance(node, ast.For | ast.comprehension) else None
        is_set = isinstance(over, ast.Set | ast.SetComp) or (
            isinstance(over, ast.Call) and isinstance(over.func, ast.Name) and over.func.id in ("set", "frozenset")
        )
        assert not is_set, f"{file.name}: {ast.unparse(over) if over else ''}"


@pytest.mark.parametrize("file", [m for m in MODULES if _layer(_name(m)) == "nouns"], ids=_name)
def test_nouns_do_no_io(file: Path) -> None:
    """A noun is data and pure functions."""
    assert not _impure(file, IMPURE_FOR_NOUNS)


@pytest.mark.parametrize("file", MODULES, ids=_name)
def test_modules_stay_small(file: Path) -> None:
    """A module that grows is two nouns."""
    assert len(file.read_text("utf-8").splitlines()) <= LONGEST, "split it by noun"


@pytest.mark.parametrize("file", MODULES, ids=_name)
def test_nothing_catches_everything(file: Path) -> None:
    """`except Exception` stands only where a flow's ending becomes a value, or raises again; bare `except` nowhere."""
    allowed = {"conformance.flow"}
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{file.name}:{node.lineno}: bare except"
            raised_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException") and not raised_again:
                assert _name(file) in allowed, f"{file.name}:{node.lineno}: except {node.type.id}"
