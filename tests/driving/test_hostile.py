"""A hostile server may keep us from judging it; it may not crash, fill or mislead a run, nor send us anywhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.loading.profiles import load_profile
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.target import Target
from conformance.verdict import Verdict
from conformance.wire import WireRequest, WireResponse
from conformance.writers.data import write_json
from conformance.writers.text import write_text
from tests.driving.attacks import ATTACKS, SCRIPT
from tests.driving.running import TIGHT, assert_whole, named, run_live, shelf, size_of, with_verdict
from tests.driving.servers import Line, Server, answer, encoded, raw_server, served

#: Enough to reach every kind of reading: a list, a create and what hangs on its answer, a read, errors, a delete, pages.
LOOKED_AT = tuple(
    f"scim2/{name}"
    for name in (
        "list-users.answers", "list-users.answer", "create-user.answer", "get-user.answers", "service.error-format", "service.media-type",
        "user.read-after-create", "user.location", "user.paging", "user.delete",
    )
)  # fmt: skip
#: Bytes that a run may store: what it may take of each answer times the answers, with room for text.
LARGEST = 40_000_000


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Server]:
    """A server on another origin that nobody may speak to."""
    with served(lambda request: answer(200, b"{}")) as server:
        yield server
    assert server.connections == 0


def attacked(name: str, folder: Path) -> Run:
    """Run against a server that is honest about its configuration and attacks everything else."""
    twin = twin_for(load_profile("scim2", shelf()))

    async def respond(request: WireRequest, line: Line) -> bool:
        if "/ServiceProviderConfig" in request.target:
            await line.send(encoded(twin.handle(request, 1.8e9), request.method))
            return True
        return await ATTACKS[name](request, line)

    with raw_server(respond) as server:
        return run_live("scim2", server.url, folder, only=LOOKED_AT)


def assert_harmless(run: Run, folder: Path) -> None:
    """Assert what holds of every run, whatever came back."""
    assert_whole(folder)
    assert size_of(folder) < LARGEST
    page = (folder / "report.html").read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", write_text(run).replace("\n", ""))
    json.loads(write_json(run))
    assert not Path("/tmp/owned").exists()


@pytest.mark.parametrize("name", ATTACKS)
def test_a_hostile_answer_breaks_nothing(name: str, tmp_path: Path) -> None:
    """The run ends, no verdict is our own error, the record can be read, and the reports are there and escaped."""
    run = attacked(name, tmp_path)
    assert len(run.results) == len(LOOKED_AT)
    assert_harmless(run, tmp_path)


def test_there_are_enough_attacks() -> None:
    """The list does not shrink unseen."""
    assert len(ATTACKS) >= 80
