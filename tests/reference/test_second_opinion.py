"""A second opinion: another tool, run as anyone would run it, finds that served twin and contract agree.

What it finds beyond must be of a class of findings that are known to be none; each class is looked for by code and operation. What an
answer looks like (codes ST1..) is in no class: there twin and contract agree, or one of them is wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.contract import Operation
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for

SHELF = Shelf.standard()
SECONDS = 60
#: The editions whose findings were looked at one by one; another one is added once its own are.
LOOKED_AT = (
    "alertmanager-v2@0.34",
    "camara-edge-application-management@wip",
    "camara-energy-footprint-notification@0.1.0",
    "camara-quality-on-demand@1.1.0",
    "camara-quality-on-demand@1.2.0-rc.3",
)


def takes_data(operation: Operation) -> bool:
    """Operations whose input can be well-formed and still name nothing, or what is not permitted: a body, or parameters."""
    return bool(operation.request_media) or any(p.place in ("path", "query") for p in operation.parameters)


def takes_texts(operation: Operation) -> bool:
    """Operations with parameters that are texts on the wire, where null, false and 0 are texts too, or with bodies that may hold more."""
    return takes_data(operation) or any(p.place in ("header", "cookie") for p in operation.parameters)


def any_operation(operation: Operation) -> bool:
    """All operations."""
    return True


#: Code -> (where it is no finding, why).
KNOWN: dict[str, tuple[Callable[[Operation], bool], str]] = {
    "ST201": (takes_texts, "a wrong value may be right on the wire, and what is not declared may be ignored"),
    "ST202": (takes_data, "a valid request is refused for what it names: states, quotas, things that do not exist"),
    "ST203": (any_operation, "a missing header is answered with a status of its own (428)"),
    "ST204": (any_operation, "404, 401 or 501 may come before 405"),
    "ST205": (any_operation, "as ST204"),
    "ST301": (any_operation, "what was removed may be shown for a while"),
    "ST302": (any_operation, "what was made may not be there at once"),
    "ST401": (any_operation, "a request is looked at before its credentials, or an operation is open"),
}


def opinion(profile: Profile, url: str, folder: Path) -> list[dict[str, Any]]:
    """Return what the tool finds, by code and operations: only its enumerated inputs, one at a time, writes allowed."""
    contract = SHELF.contract_file(f"{profile.contract.standard}/{profile.contract.edition}").resolve()
    report = folder / "report.json"
    command = [
        str(Path(sys.executable).parent / "st"), "run", str(contract), "--url", url, "--header", "Authorization: Bearer twin-token",
        "--checks", "all", "--phases", "coverage", "--max-examples", "2", "--seed", "1", "--workers", "1", "--no-shrink",
        "--continue-on-failure", "--generation-database", "none", "--max-time", str(SECONDS), "--request-timeout", "30", "--no-color",
        "--report-json-path", str(report),
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=10 * SECONDS, check=False)
    assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    told = json.loads(report.read_text())
    assert not told["errors"], told["errors"]
    assert told["test_cases"]["generated"], done.stdout[-2000:]
    return list(told["failures"])


def unknown(profile: Profile, failures: list[dict[str, Any]]) -> list[str]:
    """Return the findings that are of no known class."""
    by_title = {one.title: one for one in profile.contract.operations.values()}
    found = []
    for failure in failures:
        applies, _ = KNOWN.get(failure["code"], (None, ""))
        found += [
            f"{failure['code']} {failure['title']}: {title}"
            for title in failure["operations"]
            if applies is None or (title in by_title and not applies(by_title[title]))
        ]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", LOOKED_AT)
def test_another_tool_finds_nothing_but_what_is_known_to_be_none(name: str, tmp_path: Path) -> None:
    """The twin is served on the loopback and asked by plain `st run` with our contract."""
    profile = load_profile(name, SHELF)
    with serve(twin_for(profile)) as url:
        failures = opinion(profile, url, tmp_path)
    assert unknown(profile, failures) == []


def test_what_an_answer_looks_like_is_in_no_known_class() -> None:
    """An answer that the contract does not document is always a finding; a valid request that names nothing is none."""
    profile = load_profile("camara-quality-on-demand", SHELF)
    title = profile.operation("createSession").title
    assert unknown(profile, [{"code": "ST202", "title": "Schema-valid request rejected", "operations": [title]}]) == []
    assert unknown(profile, [{"code": "ST109", "title": "Response violates schema", "operations": [title]}]) == [
        f"ST109 Response violates schema: {title}"
    ]
