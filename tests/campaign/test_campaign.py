"""Campaigns: several units at a time, one at a time on each server, resumable, and none of them in another's way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from conformance.cli.campaign import Progress, duration, unit_command
from conformance.driving.campaign import CAMPAIGN_FILE, Campaign, Order, Outcome, Told, readable
from conformance.driving.lock import held
from conformance.errors import UsageError
from conformance.loading.records import read_run
from conformance.loading.testbeds import load_testbed
from conformance.planning.rejudge import flips
from conformance.reference.dressing import names
from conformance.scoring import Exit, worst
from conformance.testbed import Testbed, Unit
from conformance.writers.record import mend
from tests.conftest import Command
from tests.notes import PROFILES, SPECS, Notes, served, shelf

Captured = pytest.CaptureFixture[str]
HERE = Path(__file__).parents[2]
#: How long a process of ours may take on a machine that has much else to do.
PATIENCE_S = 240.0


def bed(folder: Path, systems: str, in_flight: int = 3) -> Path:
    """Write a testbed file of these systems, all of one partner."""
    file = folder / "testbed.yaml"
    file.write_text(f"name: bed\nin_flight: {in_flight}\npartners: {{p: {{title: P}}}}\nsystems:\n{systems}")
    return file


def at(name: str, url: str, claims: str = "notes: {}") -> str:
    """Return the lines of a system at an address."""
    return f'  {name}: {{partner: p, target: {{url: "{url}", allow: [write]}}, claims: {{{claims}}}}}\n'


def test_a_campaign_of_good_bad_and_dead(conformance: Command, tmp_path: Path, capsys: Captured) -> None:
    """A dead server and a failing one stop nobody; each has its run; the exit code is that of the whole."""
    out = tmp_path / "out"
    with served(Notes()) as good, served(Notes("delete-is-ignored")) as bad:
        file = bed(tmp_path, at("good", good) + at("bad", bad) + at("dead", "http://127.0.0.1:9"))
        code = conformance("run", "--testbed", str(file), "-o", str(out), "--format", "json")
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert code == document["exit_code"] == Exit.UNREACHABLE
    assert {r["system"]: r["exit_code"] for r in document["runs"]} == {"good": 0, "bad": 1, "dead": 3}
    assert "3 of 3 units done" in told.err
    assert "failed MUSTs so far" in told.err
    assert json.loads((out / "testbed.json").read_text())["systems"]["good"]["profiles"] == ["notes"]
    for row in document["runs"]:
        folder = Path(row["run"])
        assert folder.parent == out / row["system"] / "notes"
        assert {"run.jsonl", "exchanges.jsonl", "ledger.jsonl", "report.html", "junit.xml"} <= {p.name for p in folder.iterdir()}
        assert not (folder / "unit.log").exists(), (folder / "unit.log").read_text()
        run = read_run(folder)
        assert (run.header.system, run.header.partner, run.header.system_kind) == (row["system"], "p", "product")
        assert run.header.run_by == "testbed"
        assert folder.name.endswith("Z-" + run.header.run_id[:8])
    code = conformance("run", "--testbed", str(file), "-o", str(out), "--resume", "-q")
    assert code == Exit.UNREACHABLE
    assert len(list((out / "good" / "notes").iterdir())) == 1, "what was complete is not run again"


def test_a_twin_is_served(conformance: Command, tmp_path: Path, capsys: Captured) -> None:
    """A system that is a twin needs no address; its faults are found; its kind stands in the record."""
    file = bed(tmp_path, "  t: {partner: p, twin: {profile: notes, faults: [delete-forgotten]}}\n")
    assert conformance("run", "--testbed", str(file), "-o", str(tmp_path / "out"), "-q") == Exit.FAILED
    [folder] = (tmp_path / "out" / "t" / "notes").iterdir()
    run = read_run(folder)
    assert run.header.system_kind == "twin"
    assert "1 failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["notes", "--testbed", "{bed}"], "PROFILE: cannot be said together with --testbed"),
        (["--testbed", "{bed}", "--url", "http://h", "-x"], "--exit-first"),
        ([], "which profile?"),
        (["--testbed", "{bed}", "--resume", "-o", "{new}"], "there is no campaign to resume"),
        (["--testbed", "{new}"], "No such file"),
    ],
)
def test_asked_wrongly(conformance: Command, tmp_path: Path, capsys: Captured, words: list[str], told: str) -> None:
    """What cannot be said of a testbed, or is not there, is exit 2 and a line."""
    file = bed(tmp_path, at("a", "http://127.0.0.1:9"))
    words = [w.format(bed=file, new=tmp_path / "new") for w in words]
    assert conformance("run", *words) == Exit.USAGE
    assert told in capsys.readouterr().err


def _start(file: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "conformance", "run", "--testbed", str(file), "-o", str(out), "--profile-dir", str(PROFILES)]
    return subprocess.Popen(
        [*words, "--spec-dir", str(SPECS), *more], cwd=HERE, env={**os.environ, "PYTHONPATH": str(HERE)}, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def _until(there: Any, seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.02)


class Slow(Notes):
    """Takes its time, so that there is a middle to be killed in."""

    def handle(self, request: Any, now: float) -> Any:
        time.sleep(0.03)
        return super().handle(request, now)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize(
    ("whom", "lines"), [pytest.param("campaign", 4, marks=pytest.mark.slow), ("unit", 1), pytest.param("unit", 9, marks=pytest.mark.slow)]
)
def test_killed_and_resumed_is_the_same(conformance: Command, tmp_path: Path, capsys: Captured, lines: int, whom: str) -> None:
    """After `kill -9` the record is readable and said to be cut short; a resumed campaign differs in nothing from a whole one."""
    with served(Slow("delete-is-ignored")) as url, served(Slow()) as other:
        file = bed(tmp_path, at("a", url) + at("b", other), in_flight=1)
        whole, out = tmp_path / "whole", tmp_path / "out"
        conformance("run", "--testbed", str(file), "-o", str(whole), "-q")
        process = _start(file, out)
        _until(lambda: any(f.read_bytes().count(b"\n") >= lines for f in out.glob("a/notes/*/run.jsonl")))
        [record] = out.glob("a/notes/*/run.jsonl")
        if whom == "campaign":
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        else:
            os.kill(_child(process.pid), signal.SIGKILL)
            assert process.wait(PATIENCE_S) == Exit.BROKEN
        with record.open("ab") as torn:
            if whom == "unit":
                torn.write(b'{"kind":"result","requ')
        run = readable(record.parent)
        assert run is not None
        assert not run.complete
        code = conformance("run", "--testbed", str(file), "-o", str(out), "--resume", "-q")
    assert code == Exit.FAILED
    for system in "ab":
        [first], [second] = (list((folder / system / "notes").iterdir()) for folder in (whole, out))
        assert read_run(second).complete
        assert flips(read_run(first), read_run(second)) == []
    capsys.readouterr()
    assert conformance("diff", str(whole), str(out)) == 0
    assert capsys.readouterr().out == ""
    conformance("judge", str(out))
    assert "impact: 0 of 2 runs flip" in capsys.readouterr().out, "what a killed process left in the record confuses no re-judgement"


def _child(parent: int) -> int:
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True, check=True)
    return int(told.stdout.split()[0])


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT")
def test_ctrl_c_stops_in_order(conformance: Command, tmp_path: Path, capsys: Captured) -> None:
    """Exit 130; every unit cleaned up and signed off as interrupted; `--resume` goes on."""
    server = Slow()
    with served(server) as url:
        file, out = bed(tmp_path, at("a", url) + at("b", url)), tmp_path / "out"
        process = _start(file, out)
        _until(lambda: any(f.read_bytes().count(b"\n") >= 5 for f in out.glob("*/notes/*/run.jsonl")))
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE_S) == Exit.INTERRUPTED
        [folder] = out.glob("*/notes/*")
        run = read_run(folder)
        assert run.footer is not None
        assert run.footer.ended == "interrupted"
        assert server.notes == {}, "what was made is gone"
        assert conformance("run", "--testbed", str(file), "-o", str(out), "--resume", "-q") == 0


def _fake(folder: Path, text: str) -> list[str]:
    """Return the command of a unit's process that is not ours."""
    script = folder / "unit.py"
    script.write_text(text)
    return [sys.executable, str(script)]


def test_a_unit_that_crashes_is_ours(tmp_path: Path) -> None:
    """A process that ends without a word is BROKEN, and the others go on."""
    testbed = load_testbed(bed(tmp_path, at("a", "http://h:1") + at("b", "http://h:2")), shelf(), names)
    text = """import json, sys
print('{"ended":0}' if json.loads(sys.stdin.readline())["system"] == "b" else "noise")
sys.exit(7)
"""
    campaign = Campaign(testbed=testbed, folder=tmp_path / "out", command=_fake(tmp_path, text))
    campaign.begin()
    outcomes = asyncio.run(campaign.run())
    assert (outcomes["a/notes"].exit_code, outcomes["b/notes"].exit_code) == (Exit.BROKEN, Exit.PASSED)
    assert "exit code 7" in outcomes["a/notes"].problem


def test_a_campaign_waits_for_units_that_take_their_time_to_stop(tmp_path: Path) -> None:
    """One unit that never began must not keep the campaign from waiting for one that is still cleaning up."""
    testbed = load_testbed(bed(tmp_path, at("a", "http://h:1") + at("b", "http://h:1")), shelf(), names)
    begun, over = tmp_path / "begun", tmp_path / "over"
    text = f"""import pathlib, sys, time
sys.stdin.readline()
pathlib.Path({str(begun)!r}).touch()
sys.stdin.read()
time.sleep(0.5)
pathlib.Path({str(over)!r}).touch()
"""
    campaign = Campaign(testbed=testbed, folder=tmp_path / "out", command=_fake(tmp_path, text))
    campaign.begin()

    async def interrupted() -> None:
        work = asyncio.create_task(campaign.run())
        while not begun.exists():
            await asyncio.sleep(0.02)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(interrupted())
    assert over.exists()


def test_one_at_a_time_on_each_server(tmp_path: Path) -> None:
    """Units of one server never overlap, those of others do, and never more than `in_flight`."""
    others = "".join(at(f"c{n}", f"http://h:{n}") for n in range(2, 5))
    systems = at("a", "http://h:1", "notes: {}, scim2: {}") + at("b", "http://h:1/x") + others
    testbed = load_testbed(bed(tmp_path, systems, in_flight=2), shelf(), names)
    log = tmp_path / "log"
    text = f"""import json, sys, time
url = json.loads(sys.stdin.readline())["target"]["url"][:10]
with open({str(log)!r}, "a", buffering=1) as log:
    log.write("+ " + url + chr(10))
    time.sleep(0.3)
    log.write("- " + url + chr(10))
print('{{"ended":0}}')
"""
    campaign = Campaign(testbed=testbed, folder=tmp_path / "out", command=_fake(tmp_path, text))
    campaign.begin()
    asyncio.run(campaign.run())
    now: list[str] = []
    most = 0
    for line in log.read_text().splitlines():
        sign, where = line.split()
        if sign == "+":
            assert where not in now
            now.append(where)
        else:
            now.remove(where)
        most = max(most, len(now))
    assert most == 2


def test_the_state_of_a_campaign_is_not_trusted(tmp_path: Path) -> None:
    """A `campaign.json` that is none is told in a line."""
    testbed = load_testbed(bed(tmp_path, at("a", "http://h:1")), shelf(), names)
    (tmp_path / CAMPAIGN_FILE).write_text('{"units": 3}')
    with pytest.raises(UsageError, match="not the state of a campaign"):
        Campaign(testbed=testbed, folder=tmp_path, command=(), resume=True).begin()


def test_only_one_process_in_a_folder(tmp_path: Path) -> None:
    """A second one is told, and gets the lock when the first is over."""
    with held(tmp_path), pytest.raises(UsageError, match="another process"), held(tmp_path):
        raise AssertionError
    with held(tmp_path):
        pass


def test_progress_counts_and_guesses(tmp_path: Path) -> None:
    """Units done, failures so far, time left from what was judged until now."""
    testbed: Testbed = load_testbed(bed(tmp_path, at("a", "http://h:1") + at("b", "http://h:2")), shelf(), names)
    a, b = testbed.units
    clock = [0.0]
    progress = Progress(testbed, shelf(), quiet=True, clock=lambda: clock[0])
    assert "0 of 2 units done, 0 failed MUSTs so far, time left unknown" in progress.line()
    progress.told(a, Told(planned=10))
    progress.told(b, Told(planned=10, done_before=5))
    for n in range(5):
        progress.told(a, Told(verdict="fail", failed_must=n == 0))
    clock[0] = 10.0
    assert progress.line() == "0 of 2 units done, 1 failed MUSTs so far, about 20 s left, at a/notes, b/notes"
    progress.over(Outcome(unit=a, folder=tmp_path / "none", exit_code=Exit.BROKEN))
    assert progress.line().startswith("1 of 2 units done, 1 failed MUSTs so far, about 10 s left, at b/notes")


def test_the_whole_is_its_worst(tmp_path: Path) -> None:
    """The first that applies in the documented order."""
    assert worst([Exit.PASSED, Exit.INCOMPLETE, Exit.FAILED, Exit.BROKEN]) is Exit.FAILED
    assert worst([Exit.FAILED, Exit.UNREACHABLE]) is Exit.UNREACHABLE
    assert worst([]) is Exit.INCOMPLETE
    assert duration(100) == "2 min"


def test_a_unit_is_started_from_this_copy() -> None:
    """Whatever the working directory holds, and with what `Order` says as one line."""
    assert "-P" in unit_command()
    assert Order.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert Unit.__slots__


def test_a_torn_line_is_taken_away_before_more_is_written(tmp_path: Path) -> None:
    """Wherever a record was cut, what is appended afterwards starts a line of its own, and whole lines are never touched."""
    file = tmp_path / "run.jsonl"
    whole = b'{"a":1}\n{"b":"' + b"x" * 200_000 + b'"}\n{"c":3}\n'
    for cut in (0, 1, 7, 8, 9, 70_000, 140_000, len(whole) - 9, len(whole) - 8, len(whole) - 1, len(whole)):
        file.write_bytes(whole[:cut])
        mend(file)
        kept = file.read_bytes()
        assert whole.startswith(kept)
        assert not kept or kept.endswith(b"\n")
        assert kept.count(b"\n") == whole[:cut].count(b"\n")
    mend(tmp_path / "none")
