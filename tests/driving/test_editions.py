"""Which edition a server speaks is told by a read that only that edition knows; where it cannot be told, the run says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.claim import Claim
from conformance.cli.running import execute
from conformance.cli.twins import EPOCH, target_of_twin
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.loading.profiles import load_profile
from conformance.reference.engine import ResourceTwin
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.wire import WireRequest, WireResponse
from conformance.writers.html import write_html
from conformance.writers.text import write_text

EDITIONS = {
    "camara-quality-on-demand": ("1.1.0", "1.2.0-rc.3"),
    "camara-edge-application-management": ("0.1.0-alpha.1", "wip"),
}
EACH = [(name, edition) for name, editions in EDITIONS.items() for edition in editions]
QOD = "camara-quality-on-demand"
Answering = Callable[[WireRequest, WireResponse], WireResponse]


class Other:
    """A twin whose answers are changed on their way."""

    def __init__(self, twin: ResourceTwin, answering: Answering) -> None:
        self.twin, self.answering = twin, answering

    def handle(self, request: WireRequest, now: float) -> WireResponse:
        """Answer as the twin does, changed."""
        return self.answering(request, self.twin.handle(request, now))

    def __getattr__(self, name: str) -> object:
        return getattr(self.twin, name)


def seen(name: str, served: str, folder: Path, *, asked: str = "", answering: Answering | None = None, whole: bool = False) -> Run:
    """Run a profile, reads only, against the twin of an edition."""
    profile = load_profile(f"{name}@{served}")
    twin = twin_for(profile)
    target = replace(target_of_twin(profile, twin, "http://twin.invalid", folder), allow=())
    wire = TwinWire(Other(twin, answering) if answering else twin, EPOCH)  # type: ignore[arg-type]
    session = Session(f"{name}@{asked}" if asked else name, target, Claim(), folder / "run", Options(), EPOCH, None, wire)
    return execute(session, only=() if whole else (f"{name}/service.media-type",), new_loop=VirtualLoop)


@pytest.mark.parametrize(("name", "edition"), EACH)
def test_the_edition_that_a_server_speaks_is_looked_at(name: str, edition: str, tmp_path: Path) -> None:
    """Nothing is declared: the read that is answered decides, and the report names it."""
    run = seen(name, edition, tmp_path)
    assert (run.header.edition, run.header.edition_declared) == (edition, "")
    assert run.header.server_says.startswith(f"{edition} (it knows ")
    assert not [n for n in run.header.notes if "edition" in n]


def test_a_declared_edition_is_taken_and_the_difference_noted(tmp_path: Path) -> None:
    """What was declared is tested; that the server shows another one stands in the notes."""
    run = seen(QOD, "1.2.0-rc.3", tmp_path, asked="1.1.0")
    assert run.header.edition == "1.1.0"
    assert "which is edition 1.2.0-rc.3" in " ".join(run.header.notes)


def test_where_no_read_tells_the_default_is_taken_and_the_report_says_so(tmp_path: Path) -> None:
    """A server that refuses every credential, knows neither or answers any path alike tells nothing."""

    def refusing(request: WireRequest, answer: WireResponse) -> WireResponse:
        return WireResponse(status=403)

    def deaf(request: WireRequest, answer: WireResponse) -> WireResponse:
        return WireResponse(status=404)

    def welcoming(request: WireRequest, answer: WireResponse) -> WireResponse:
        return WireResponse(status=200, headers=(("content-type", "application/json"),), body=b"[]")

    for number, answering in enumerate((refusing, deaf, welcoming)):
        run = seen(QOD, "1.2.0-rc.3", tmp_path / str(number), answering=answering)
        assert (run.header.edition, run.header.server_says) == ("1.1.0", "")
        assert "no read tells which edition the server speaks: looked at as 1.1.0, the default" in write_text(run)


def test_a_server_that_speaks_both_is_looked_at_as_the_default(tmp_path: Path) -> None:
    """Both are named; which of them is meant, its owner declares."""
    both = twin_for(load_profile(f"{QOD}@1.1.0"))

    def either(request: WireRequest, answer: WireResponse) -> WireResponse:
        return both.handle(request, EPOCH) if "/v1/" in request.target else answer

    run = seen(QOD, "1.2.0-rc.3", tmp_path, answering=either)
    assert run.header.edition == "1.1.0"
    assert run.header.server_says.count("it knows POST") == 2
    assert "looked at as 1.1.0, the default" in " ".join(run.header.notes)


def test_the_report_lists_what_separates_from_the_next_edition(tmp_path: Path) -> None:
    """What the next edition changes, and what only a run of it can judge, in text and HTML."""
    name = "camara-edge-application-management"
    run = seen(name, "0.1.0-alpha.1", tmp_path, whole=True)
    assert run.gap is not None
    assert run.gap.edition == "wip"
    assert run.gap.changes[0] == "/appinstances becomes /app-instances: getAppInstances, createAppInstance, deleteAppInstance"
    assert "GET /clusters is gone (getClusters)" in run.gap.changes
    assert f"{name}/zone.page-below-one" in {d.requirement for d in run.gap.differences}
    assert "GET /clusters is gone" in write_html(run, {})
    assert "gap to the newest edition, wip" in write_text(run)
