"""Mutation testing of the modules that decide verdicts: change one thing at a time and see whether a test of ours notices.

`make mutation` runs it over what `[tool.mutmut]` of pyproject.toml names, `ARGS=FILE...` over these of them alone. It works below mutants/,
where what was noticed is kept: begun again, it tries what changed and what no test had noticed (`make clean` forgets).

The tool is mutmut; three rules are ours. Functions behind a decorator are changed too, because every check and property is one.
A text with a space in it is for a reader and stays; any other string is changed in one way. And a module with tests of its own
(`tests/**/test_<module>.py`) is held by these alone, the quickest first; any other by all tests that come by.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import libcst as cst
import mutmut.__main__ as tool
from mutmut.configuration import config
from mutmut.mutation import file_mutation
from mutmut.mutation.mutators import operator_string
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.stats import status_by_exit_code

WIDTH = 48
SURVIVED, UNTESTED = 0, 33
_skips = file_mutation.MutationVisitor._skip_node_and_children
_arranged = file_mutation.function_trampoline_arrangement
_run_tests = PytestRunner.run_tests


def _skips_less(visitor: Any, node: cst.CSTNode) -> bool:
    return _skips(visitor, node.with_changes(decorators=[]) if isinstance(node, cst.FunctionDef) else node)


def _arranged_once(function: cst.FunctionDef, mutants: Iterable[Any], class_name: str | None) -> Any:
    """Arrange the variants of a function; the one that chooses between them alone is decorated, so nothing is registered twice."""
    before, [chooses, *variants], after, names = _arranged(function, mutants, class_name)
    return before, [chooses, *(v.with_changes(decorators=[]) for v in variants)], after, names


def _other_string(node: cst.BaseString) -> Iterator[cst.BaseString]:
    if isinstance(node, cst.SimpleString) and " " not in node.value:
        yield from list(operator_string(node))[:1]


def _own_tests(runner: PytestRunner, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    room = f"/test_{mutant_name.split('.x')[0].rpartition('.')[2]}.py::" if mutant_name else ""
    own = [t for t in tests if room in t] or list(tests)
    return _run_tests(runner, mutant_name=mutant_name, tests=sorted(own, key=lambda t: (state().duration_by_test.get(t, 0), t)))


def run(words: Sequence[str]) -> None:
    """Try the mutants of the modules in *words*, or of all; what survived before, or met no test, is tried again."""
    file_mutation.MutationVisitor._skip_node_and_children = _skips_less
    file_mutation.function_trampoline_arrangement = _arranged_once
    file_mutation.mutation_operators = [
        (kind, _other_string if change is operator_string else change) for kind, change in file_mutation.mutation_operators
    ]
    PytestRunner.run_tests = _own_tests
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    for path, kept in _kept():
        kept["exit_code_by_key"] = {name: None if code in (SURVIVED, UNTESTED) else code for name, code in kept["exit_code_by_key"].items()}
        path.write_text(json.dumps(kept))
    tool._run([f"{w.removesuffix('.py').replace('/', '.')}.x*" if w.endswith(".py") else w for w in words], 1)


def _kept() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield what is known of the mutants of each module that is still asked for."""
    for path in sorted(Path("mutants").rglob("*.py.meta")):
        if config().should_mutate(str(path.relative_to("mutants")).removesuffix(".meta")):
            yield path, json.loads(path.read_text())


def table() -> Iterator[str]:
    """Yield a line for each module that was changed, then the mutants that no test noticed."""
    left: list[str] = []
    yield f"{'module':{WIDTH}}mutants  killed  share  survived  without a test"
    for path, kept in _kept():
        endings = {name: status_by_exit_code[code] for name, code in kept["exit_code_by_key"].items()}
        count = Counter("killed" if e == "timeout" else e for e in endings.values())
        left += [f"{name}: {e}" for name, e in endings.items() if e not in ("killed", "timeout")]
        if total := len(endings):
            name = str(path.relative_to("mutants")).removesuffix(".meta")
            yield f"{name:{WIDTH}}{total:7}{count['killed']:8}{count['killed'] / total:7.0%}{count['survived']:10}{count['no tests']:16}"
    yield from left


if __name__ == "__main__":
    run(sys.argv[1:])
    print(*table(), sep="\n")
