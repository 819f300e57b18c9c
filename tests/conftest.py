"""What our tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from conformance.cli.main import main
from tests.notes import PROFILES, SPECS, Notes, served

pytest_plugins = ["pytester"]
collect_ignore = ["mutation.py"]  # no tests, and what it needs `make mutation` alone installs

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # begun in the background: what we start would not hear Ctrl-C either
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "mutation", settings.get_profile("quick"), phases=[Phase.explicit, Phase.generate]
)  # no smaller example is asked for
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

Command = Callable[..., int]


@pytest.fixture
def conformance() -> Command:
    """Run a command of ours over the tiny profile."""

    def command(name: str, *words: str) -> int:
        return main([name, *words, "--profile-dir", str(PROFILES), "--spec-dir", str(SPECS)])

    return command


@pytest.fixture
def notes() -> Notes:
    """A faultless server of the tiny standard; a test adds faults."""
    return Notes()


@pytest.fixture
def url(notes: Notes) -> Iterator[str]:
    """The base URL of `notes` over HTTP."""
    with served(notes) as where:
        yield where


@pytest.fixture
def ran(conformance: Command, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder of a run that passed."""
    folder = tmp_path / "run"
    conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(folder), "-q")
    capsys.readouterr()
    return folder
