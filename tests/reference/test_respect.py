"""A second opinion on the workflows: Redocly lints them, and Respect runs them unchanged against the served twins."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.api import Api
from conformance.checks.subjects import filled
from conformance.flow import drive, now
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.faults import planted
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.wire import WireRequest, WireResponse
from tests.checks.support import STARTED, InProcess
from tests.reference.walking import GOOD

pytestmark = pytest.mark.slow
CLI = "@redocly/cli@2.77.0"
SHELF = Shelf.standard()
#: Workflows with a pointer that Respect cannot read (`/@type`), and those with a body in a media type of YAML, which it does not write.
BEYOND = {"negotiation-begun", "transfer-begun", "apply", "apply-nobody", "apply-conflict", "apply-force"}
DOCUMENTS = sorted(Path("profiles").glob("*/*.arazzo.yaml"))


@pytest.fixture(scope="session")
def redocly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the command, where there is npm and a registry to take it from."""
    if not shutil.which("npm"):
        pytest.skip("there is no npm to install Redocly's command with")
    here = tmp_path_factory.mktemp("redocly")
    done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", CLI], cwd=here, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"{CLI} cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    return here / "node_modules" / ".bin" / "redocly"


def ran(redocly: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [redocly, *words], capture_output=True, text=True, timeout=300,
        env={**os.environ, "REDOCLY_TELEMETRY": "off", "CI": "true", "NO_COLOR": "1"},
    )  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: f"{d.parent.name}-{d.name.removesuffix('.arazzo.yaml')}")
def test_documents_lint_clean(redocly: Path, document: Path) -> None:
    seen = ran(redocly, "lint", document)
    assert (seen.returncode, "You have" in seen.stdout + seen.stderr) == (0, False), seen.stdout + seen.stderr  # so many warnings


class Credentialed:
    """A twin that takes every request for one with good credentials: a document names none, and Respect sends none."""

    def __init__(self, twin: Any) -> None:
        self._twin = twin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._twin, name)

    def handle(self, request: WireRequest, at: float) -> WireResponse:
        others = [h for h in request.headers if h[0].lower() != "authorization"]
        return self._twin.handle(replace(request, headers=(*others, ("Authorization", GOOD))), at)  # type: ignore[no-any-return]


def inputs_of(profile: Profile, workflow: str, twin: Any) -> dict[str, Any]:
    """Return what the profile feeds a workflow with; what it takes from the server is made at the twin."""
    template = next(r.arguments["inputs"] for r in profile.requirements if r.arguments.get("workflow") == workflow)
    allowed = frozenset({"write", "disruptive"})
    api = Api(
        profile=profile, test_data=twin.test_data, allowed=allowed, place="0", run_id="0123456789abcdef", started=STARTED,
        sink_url="https://127.0.0.1:9",
    )  # fmt: skip
    return dict(now(drive(filled(api, template), InProcess(Credentialed(twin).handle, allowed))))


def respected(redocly: Path, profile: Profile, workflow: str, twin: Any) -> subprocess.CompletedProcess[str]:
    """Run a workflow in Respect without the checks that are not the document's: docs/workflows.md says which and why."""
    inputs = inputs_of(profile, workflow, twin)
    document = Path("profiles", profile.name, f"{profile.edition}.arazzo.yaml")
    source = read_yaml(document)["sourceDescriptions"][0]["name"]
    began = time.monotonic()
    off = json.dumps(dict.fromkeys(("SCHEMA_CHECK", "STATUS_CODE_CHECK", "CONTENT_TYPE_CHECK"), "off"))
    with serve(Credentialed(twin), clock=lambda: STARTED + 60 + time.monotonic() - began) as url:
        return ran(
            redocly, "respect", document, "-w", workflow, "-S", f"{source}={url}", "--input", json.dumps(inputs), "--severity", off
        )  # fmt: skip


def workflows() -> list[tuple[str, str]]:
    """Return profile with edition and workflow of all that a requirement follows."""
    found = []
    for document in DOCUMENTS:
        name = f"{document.parent.name}@{document.name.removesuffix('.arazzo.yaml')}"
        followed = {r.arguments["workflow"] for r in load_profile(name, SHELF).requirements if r.check == "workflow"}
        found += [(name, flow) for flow in sorted(followed) if flow not in BEYOND]
    return found


@pytest.mark.parametrize(("name", "flow"), workflows())
def test_the_document_runs_unchanged_and_holds(redocly: Path, name: str, flow: str) -> None:
    profile = load_profile(name, SHELF)
    seen = respected(redocly, profile, flow, twin_for(profile))
    assert seen.returncode == 0, seen.stdout


FAULTS = [
    ("camara-edge-application-management", "app-removed-while-it-runs"), ("camara-quality-on-demand", "extended-when-over"),
    ("dataspace-protocol", "message-without-content"), ("gsma-opg-ewbi", "count-is-added"), ("kubernetes-core", "immutable-ignored"),
    ("scim2", "members-replaced"), ("seca", "no-conditions"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_the_document_finds_a_fault(redocly: Path, name: str, fault: str) -> None:
    profile = load_profile(name, SHELF)
    one = next(p for p in planted(profile) if p.fault.name == fault)
    flow = next(r.arguments["workflow"] for r in profile.requirements if r.check == "workflow" and r.id in one.expected)
    seen = respected(redocly, profile, flow, one.twin(twin_for(profile)))
    assert seen.returncode == 1
    assert "success criteria check" in seen.stdout
