"""The record: write then read is the identity; forged and truncated records are told in a line, never in a traceback."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.cli.main import main
from conformance.errors import UsageError
from conformance.exchange import Exchange
from conformance.loading.records import read_exchanges, read_run
from conformance.run import Run
from conformance.writers.record import EXCHANGES_FILE, RUN_FILE, RecordWriter
from tests import strategies
from tests.conftest import Command
from tests.notes import PROFILES, SPECS


def written(folder: Path, run: Run, seen: dict[str, list[Exchange]] | None = None) -> Path:
    writer = RecordWriter(folder)
    writer.line(run.header)
    for line in (run.look, *run.results, *run.leftovers, run.gap, run.footer):
        if line is not None:
            writer.line(line)
    for requirement, exchanges in (seen or {}).items():
        for exchange in exchanges:
            writer.exchange(requirement, exchange)
    writer.close()
    return folder


@given(run=strategies.runs())
def test_write_then_read_is_the_identity(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    """Whatever a run holds comes back as it was."""
    folder = written(tmp_path_factory.mktemp("run"), run)
    assert read_run(folder) == replace(run, folder=str(folder))
    assert read_run(folder / RUN_FILE) == replace(run, folder=str(folder))


@given(seen=st.dictionaries(strategies.TEXTS, st.lists(strategies.exchanges, max_size=3), max_size=2))
def test_exchanges_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, seen: dict[str, list[Exchange]]) -> None:
    """Bodies that are text are stored as text, others as base64; the last exchange at a path counts."""
    folder = tmp_path_factory.mktemp("run")
    writer = RecordWriter(folder)
    for requirement, exchanges in seen.items():
        for exchange in exchanges:
            writer.exchange(requirement, exchange)
    writer.close()
    assert read_exchanges(folder) == {r: {x.at: x for x in exchanges} for r, exchanges in seen.items() if exchanges}


def test_a_folder_without_a_run_says_so(tmp_path: Path) -> None:
    """No record: which file is missing, and what to name instead."""
    with pytest.raises(UsageError, match=r"run\.jsonl: No such file") as caught:
        read_run(tmp_path)
    assert "conformance run" in str(caught.value)
    assert read_exchanges(tmp_path) == {}


def test_a_record_cut_in_the_middle_is_read_up_to_there(ran: Path) -> None:
    """A last line that was not finished was cut short, not forged: the run has no end."""
    file = ran / RUN_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[:-30])
    run = read_run(ran)
    assert run.footer is None
    assert not run.complete
    assert main(["report", str(ran)]) == 0


HEADER: dict[str, Any] = {"kind": "header", "suite": "0", "run_id": "a", "started": 1.0, "seed": 1, "profile": "notes", "edition": "1.0"}


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["{}"],
        ["[]"],
        ["null"],
        ['{"kind": []}'],
        ['{"kind": {"a": 1}}'],
        ['{"kind": "header"}'],
        ["\x00"],
        ["{" * 5000],
        ["[" * 100_000],
        [HEADER, HEADER],
        [{**HEADER, "format": 2}],
        [{**HEADER, "started": 1e300}],
        [{**HEADER, "started": -1}],
        [{**HEADER, "seed": 1e30}],
        [{**HEADER, "target": {"url": "http://["}}],
        [{**HEADER, "target": {"url": 5}}],
        [{**HEADER, "target": {"name": "x"}}],
        [{**HEADER, "target": {"url": "javascript:alert(1)"}}],
        [{**HEADER, "target": {"url": "http://h", "test_data": []}}],
        [{**HEADER, "claim": {"features": 3}}],
        [HEADER, {"kind": "result", "requirement": "x", "level": "MUST", "verdict": "certified"}],
        [HEADER, {"kind": "result"}],
        [HEADER, {"kind": "footer", "ended": "complete", "ended_s": "x", "requests": 1, "exit_code": 0}],
        [HEADER, {"kind": "surprise"}],
        [HEADER, '{"kind": "look", "trouble": "\xff"}'.encode("latin-1")],
    ],
    ids=lambda lines: str(lines)[-60:],
)
@pytest.mark.parametrize("command", ["report", "judge", "replay", "cleanup"])
def test_a_forged_record_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: list[Any], command: str, conformance: Command
) -> None:
    """Every command that reads a record refuses one that no run wrote: exit 2, file and line, no traceback."""
    content = b"".join(
        (line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()) + b"\n" for line in lines
    )
    (tmp_path / RUN_FILE).write_bytes(content)
    words = [str(tmp_path), "notes/get-note.answers"] if command == "replay" else [str(tmp_path)]
    assert conformance(command, *words) == 2
    told = capsys.readouterr()
    assert told.err.startswith("conformance: ")
    assert "run.jsonl" in told.err
    assert "Traceback" not in told.err
    assert len(told.err) < 1000


def test_a_record_of_no_profile_of_ours_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A path-like profile name leads nowhere."""
    for name in ("../../etc", "a/b", "", "notes@1.0"):
        (tmp_path / RUN_FILE).write_text(json.dumps({**HEADER, "profile": name}) + "\n")
        assert main(["judge", str(tmp_path)]) == 2
        assert "is not a profile" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        '{"requirement": "x", "at": [0], "method": "GET", "status": "ok"}',
        '{"requirement": "x", "at": [0], "method": "GET", "trouble": "bored"}',
        '{"requirement": "x", "at": [0], "method": "GET", "body_base64": "%%%"}',
        '{"requirement": "x", "at": ["a"], "method": "GET"}',
        "[" * 100_000,
        "\x00",
        '{"requirement": "x", "at": [0], "method": "GET", "surprise": 1}',
    ],
    ids=lambda line: line[-40:],
)
def test_forged_exchanges_are_told_in_a_line(ran: Path, capsys: pytest.CaptureFixture[str], line: str, conformance: Command) -> None:
    """The same for `exchanges.jsonl`."""
    file = ran / EXCHANGES_FILE
    file.write_text(line + "\n" + file.read_text())
    assert conformance("judge", str(ran)) == 2
    told = capsys.readouterr().err
    assert "exchanges.jsonl: line 1: not an exchange" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("name", [RUN_FILE, EXCHANGES_FILE])
def test_a_record_with_a_flipped_byte_never_breaks_a_command(ran: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Any change of a good record is read, or refused with exit 2; nothing in between."""
    good = (ran / name).read_bytes()
    folders = ["--profile-dir", str(PROFILES), "--spec-dir", str(SPECS)]

    @given(st.integers(0, len(good) - 1), st.binary(max_size=6), st.integers(0, 40))
    def change(start: int, put: bytes, cut: int) -> None:
        (ran / name).write_bytes(good[:start] + put + good[start + cut :])
        assert main(["judge", str(ran), *folders]) in (0, 1, 2, 3, 4, 5, 130)
        assert main(["report", str(ran), "--to", "junit", "-o", str(ran / "out.xml")]) in (0, 2)

    change()
    capsys.readouterr()


@given(run=strategies.runs(most=3))
def test_every_command_takes_any_run(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    """Text, JSON, JUnit and HTML of any run are written, whatever stands in it."""
    folder = written(tmp_path_factory.mktemp("run"), run)
    for to in ("text", "json", "junit", "html"):
        assert main(["report", str(folder), "--to", to, "-o", str(folder / to)]) == 0
        assert (folder / to).read_bytes()
    assert main(["diff", str(folder), str(folder)]) == 0
