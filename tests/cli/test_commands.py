"""Each command as somebody types it: results on stdout, talk on stderr, exit codes, usage errors in a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cli.main import main
from conformance.loading.records import read_run
from conformance.verdict import WORDS, Level, Verdict
from tests.conftest import Command
from tests.notes import PROFILES, SPECS, Notes

Captured = pytest.CaptureFixture[str]


def test_profiles_are_listed(conformance: Command, capsys: Captured) -> None:
    """Every edition in a line, or as JSON."""
    assert conformance("profiles") == 0
    assert "notes@1.0" in capsys.readouterr().out
    assert conformance("profiles", "--format", "json") == 0
    rows = {f"{r['profile']}@{r['edition']}": r for r in json.loads(capsys.readouterr().out)}
    assert rows["notes@1.0"]["effective_musts"] == 13
    assert {"scim2@2.0", "dmtf-redfish@2025.4", "alertmanager-v2@0.34"} <= set(rows)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("notes/get-note.answers", ["MUST", "Notes §4", "GET /notes/{noteId}", "effect   read"]),
        ("notes/note.read-after-create", ["draft", "not looked up yet", "needs --allow write"]),
        ("notes/note.kept-for-a-year", ["not at all: unobservable"]),
        (
            "scim2/group.patch-add-keeps",
            ["steps    POST /Users\n", "GET /Groups/{groupId}: judged by $statusCode == 200, $response.body#/mem"],
        ),
    ],
)
def test_explain_says_what_is_asked_and_how(conformance: Command, capsys: Captured, name: str, words: list[str]) -> None:
    """Sentence, level, clause, and what is sent."""
    assert conformance("explain", name) == 0
    told = capsys.readouterr().out
    assert all(word in told for word in words), told


def test_explain_hints_at_the_nearest(conformance: Command, capsys: Captured) -> None:
    """A mistyped id is answered with the one that was meant."""
    assert conformance("explain", "notes/get-note.answer-") == 2
    assert "did you mean 'notes/get-note.answer'" in capsys.readouterr().err


def test_coverage_counts(conformance: Command, capsys: Captured) -> None:
    """Requirements without a check, operations without a requirement, checks that are used."""
    assert conformance("coverage", "notes") == 0
    assert "not tested    notes/note.kept-for-a-year  (unobservable)" in capsys.readouterr().out
    assert conformance("coverage", "notes", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["not_tested"] == {"notes/note.kept-for-a-year": "unobservable"}


@pytest.mark.parametrize(("allow", "creates"), [("", []), ("write", ["POST /notes"])])
def test_plan_says_what_would_be_sent(conformance: Command, capsys: Captured, allow: str, creates: list[str]) -> None:
    """Without consent nothing is created; nothing at all is sent."""
    words = ["--allow", allow] if allow else []
    assert conformance("plan", "notes", "--format", "json", *words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["creates"] == creates
    assert conformance("plan", "notes", *words) == 0
    assert ("reads only" in capsys.readouterr().out) is not bool(allow)


def test_a_run_that_passes(conformance: Command, url: str, tmp_path: Path, capsys: Captured) -> None:
    """Exit 0, a summary on stdout, the rest on stderr, and the files of a run."""
    assert conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(tmp_path)) == 0
    told = capsys.readouterr()
    assert told.out.endswith("conforms to profile notes edition 1.0, self-run\n")
    assert "\x1b" not in told.out + told.err
    assert told.err == f"report: {tmp_path / 'report.html'}\n"
    assert {"run.jsonl", "exchanges.jsonl", "junit.xml", "report.html"} <= {p.name for p in tmp_path.iterdir()}
    assert read_run(tmp_path).complete


def test_a_folder_beside_the_working_directory(conformance: Command, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert conformance("run", "notes", "--url", url, "--allow", "write", "-o", "../there", "-q") == 0
    assert read_run(tmp_path / "there").complete
    assert not [p for p in (tmp_path / "there").iterdir() if p.name in ("..", "there")]


def test_a_run_that_fails(conformance: Command, notes: Notes, url: str, tmp_path: Path, capsys: Captured) -> None:
    """Exit 1, the requirement named while it runs and on page one; JSON says the same."""
    notes.faults.add("about-is-wrong")
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path)) == 1
    told = capsys.readouterr()
    assert "FAIL MUST notes/get-about.answer" in told.out
    assert "FAIL MUST notes/get-about.answer\n" in told.err
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path), "--format", "json", "-q") == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["exit_code"] == 1
    assert "FAIL" not in told.err
    assert list((tmp_path / "earlier").iterdir()), "an earlier run is moved aside, never lost"


def test_reads_only_without_consent(conformance: Command, notes: Notes, url: str, tmp_path: Path) -> None:
    """Nothing but reads reaches the target, and what was not looked at keeps the run from passing."""
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path), "-q") == 5
    assert {r.method for r in notes.asked} <= {"GET", "HEAD", "OPTIONS"}


def test_nobody_there(conformance: Command, tmp_path: Path, capsys: Captured) -> None:
    """A closed port: no pass, exit 3, a report."""
    assert conformance("run", "notes", "--url", "http://127.0.0.1:9", "-o", str(tmp_path), "-q") == 3
    assert "nothing can be said" in capsys.readouterr().out
    assert not any(r.verdict is Verdict.PASS for r in read_run(tmp_path).results)
    assert (tmp_path / "report.html").exists()


def test_a_wrong_base_path(conformance: Command, url: str, tmp_path: Path, capsys: Captured) -> None:
    """Every operation absent: exit 3 with the hint, not a dozen fails."""
    assert conformance("run", "notes", "--url", f"{url}/v9", "-o", str(tmp_path), "-q") == 3
    assert "base path?" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "looked_at"),
    [
        (["-k", "get-about"], {"get-about.answers", "get-about.answer"}),
        (["-k", "MUST and getAbout and not answers"], {"get-about.answer"}),
        (["--requirement", "notes/list-notes.answers"], {"list-notes.answers"}),
        (
            ["--requirement", "notes/list-notes.answers", "--requirement", "notes/get-about.answer"],
            {"list-notes.answers", "get-about.answer"},
        ),
    ],
)
def test_a_part_of_a_run(conformance: Command, url: str, tmp_path: Path, words: list[str], looked_at: set[str]) -> None:
    """`-k` and `--requirement` look at what they name; a part is never a conforming whole (exit 5)."""
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path), "-q", *words) == 5
    assert {r.requirement.partition("/")[2] for r in read_run(tmp_path).results} == looked_at


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["-k", "nothing-is-called-so"], "nothing was selected"),
        (["-k", "and and"], "is not an expression"),
        (["--requirement", "notes/get-about.answerz"], "did you mean"),
        (["-n", "2"], "false findings"),
        (["--budget", "soon"], "'soon' is not a time"),
        (["--budget=-1s"], "is not a time"),
        (["--allow", "writes"], "did you mean 'write'"),
        (["--claim", "/nowhere/claim.yaml"], "/nowhere/claim.yaml: No such file"),
        (["--target", "/nowhere/target.yaml"], "/nowhere/target.yaml: No such file"),
        (["--seed", "x"], "invalid int value"),
        (["--cert", "/nowhere.pem", "--url", "https://127.0.0.1:9"], "certificate files cannot be used"),
        (["--surprise"], "--surprise"),
        (["--token-env", "SURELY_NOT_SET_ANYWHERE"], "SURELY_NOT_SET_ANYWHERE"),
        (["-o", "/dev/null/x"], "/dev/null"),
        (["--resume"], "no run to resume"),
        (["--profile-dir", "/nowhere"], "/nowhere: not a folder"),
    ],
)
def test_asked_wrongly(url: str, tmp_path: Path, capsys: Captured, words: list[str], hint: str) -> None:
    """Exit 2, what is wrong and how to right it, no traceback."""
    folders = ["--spec-dir", str(SPECS), *([] if "--profile-dir" in words else ["--profile-dir", str(PROFILES)])]
    assert main(["run", "notes", "--url", url, "-o", str(tmp_path / "run"), "-q", *folders, *words]) == 2
    told = capsys.readouterr()
    assert hint in told.err, told.err
    assert "Traceback" not in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["surprise"],
        ["run"],
        ["run", "notes"],
        ["explain"],
        ["judge"],
        ["diff", "a"],
        ["report", "x", "--to", "pdf"],
        ["run", "nots", "--url", "http://h"],
    ],
)
def test_commands_need_their_words(conformance: Command, capsys: Captured, words: list[str]) -> None:
    """A missing word is told in a line with exit 2."""
    assert (conformance(*words) if words else main([])) == 2
    told = capsys.readouterr()
    assert told.err.startswith("conformance")
    assert len(told.err.splitlines()) <= 2


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_help_and_version(words: list[str], capsys: Captured) -> None:
    """Exit 0, on stdout."""
    assert main(words) == 0
    assert capsys.readouterr().out


def test_the_first_failure_ends_the_run(conformance: Command, notes: Notes, url: str, tmp_path: Path, capsys: Captured) -> None:
    """`-x` stops at the first failed MUST and the record says that it was cut short; without a failure it is a whole run."""
    assert conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(tmp_path / "good"), "-q", "-x") == 0
    notes.faults.add("about-is-wrong")
    assert conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(tmp_path / "bad"), "-q", "-x") == 1
    run = read_run(tmp_path / "bad")
    assert run.footer is not None
    assert run.footer.ended == "stopped"
    assert [r.verdict for r in run.results].count(Verdict.FAIL) == 1
    assert run.results[-1].verdict is Verdict.FAIL
    assert "this run was cut short (stopped)" in capsys.readouterr().out


def test_only_what_failed(conformance: Command, notes: Notes, url: str, tmp_path: Path) -> None:
    """`--lf` looks again at what failed in the last run in the same folder."""
    notes.faults.add("about-is-wrong")
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path), "-q") == 1
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path), "-q", "--lf") == 1
    assert [r.requirement for r in read_run(tmp_path).results] == ["notes/get-about.answer"]
    notes.faults.clear()
    assert conformance("run", "notes", "--url", url, "-o", str(tmp_path), "-q", "--lf") == 5


def test_replay_says_fixed_or_still(conformance: Command, notes: Notes, url: str, tmp_path: Path, capsys: Captured) -> None:
    """One requirement again, from the record alone."""
    notes.faults.add("about-is-wrong")
    conformance("run", "notes", "--url", url, "-o", str(tmp_path), "-q")
    capsys.readouterr()
    assert conformance("replay", str(tmp_path), "notes/get-about.answer") == 1
    assert capsys.readouterr().out.startswith("still: notes/get-about.answer: FAIL: expected")
    notes.faults.clear()
    assert conformance("replay", str(tmp_path), "notes/get-about.answer") == 0
    assert capsys.readouterr().out == "fixed: notes/get-about.answer: pass\n"
    assert conformance("replay", str(tmp_path), "notes/get-about.anser") == 2


def test_judge_diff_and_report_read_the_record(
    conformance: Command, notes: Notes, ran: Path, url: str, tmp_path: Path, capsys: Captured
) -> None:
    """Commands compose through the run folder; a gate fails on what got worse."""
    assert conformance("judge", str(ran)) == 0
    assert "every verdict as recorded" in capsys.readouterr().out
    assert conformance("judge", str(ran), "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["flips"] == []
    notes.faults.add("about-is-wrong")
    other = tmp_path / "other"
    conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(other), "-q")
    capsys.readouterr()
    assert conformance("diff", str(ran), str(ran), "--gate", "--strict") == 0
    assert capsys.readouterr().out == ""
    assert conformance("diff", str(ran), str(other)) == 0
    assert "notes/get-about.answer: pass -> fail" in capsys.readouterr().out
    assert conformance("diff", str(ran), str(other), "--gate") == 1
    assert conformance("diff", str(ran), str(other), "--format", "json") == 0
    capsys.readouterr()
    for to, begins in (("text", "Notes (notes 1.0)"), ("json", "{"), ("junit", "<?xml"), ("html", "<!doctype html>")):
        assert conformance("report", str(ran), "--to", to) == 0
        assert capsys.readouterr().out.lower().startswith(begins.lower())
    assert conformance("report", str(ran), "-o", str(tmp_path / "out.txt")) == 0
    assert (tmp_path / "out.txt").read_text().startswith("Notes")
    assert conformance("report", str(ran), "-o", "/nowhere/at/all") == 2


def test_cleanup_of_a_tidy_run(conformance: Command, ran: Path, capsys: Captured) -> None:
    """Nothing to remove: exit 0."""
    assert conformance("cleanup", str(ran)) == 0
    assert capsys.readouterr().out == "nothing is left\n"


def test_cleanup_removes_what_a_crash_left(conformance: Command, notes: Notes, ran: Path, capsys: Captured) -> None:
    """What the ledger holds and the target still shows is removed, with the consent of the run that made it."""
    notes.notes["lost"] = {"id": "lost", "text": "x"}
    with (ran / "ledger.jsonl").open("a") as ledger:
        ledger.write(json.dumps({"number": 999, "resource": "note", "marker": "icra-x", "state": "made", "target": "/notes/lost"}) + "\n")
    assert conformance("cleanup", str(ran)) == 0
    assert "lost" not in notes.notes


def _command(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    folders = ["--profile-dir", str(PROFILES), "--spec-dir", str(SPECS)]
    root = str(PROFILES.parent.parent.parent)
    return subprocess.run(
        [sys.executable, "-m", "conformance", *words, *folders],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": root, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_working_directory_takes_no_part(url: str, tmp_path: Path) -> None:
    """A hostile conftest.py, pytest.ini, pyproject.toml, PYTEST_ADDOPTS and PYTEST_PLUGINS change nothing."""
    (tmp_path / "conftest.py").write_text("raise SystemExit('conftest was read')")
    (tmp_path / "test_theirs.py").write_text("raise SystemExit('tests were read')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --surely-no-option\n")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--surely-no-option'\n")
    (tmp_path / "evil.py").write_text("raise SystemExit('plugin was read')")
    (tmp_path / ".env").write_text("PYTEST_ADDOPTS=--surely-no-option")
    for words in ([], ["--allure", "allure"]):
        done = _command(
            "run",
            "notes",
            "--url",
            url,
            "--allow",
            "write",
            *words,
            cwd=tmp_path,
            PYTEST_ADDOPTS="--surely-no-option -p evil",
            PYTEST_PLUGINS="evil",
        )
        assert done.returncode == 0, done.stderr
        assert "was read" not in done.stderr + done.stdout
        assert done.stdout.endswith("conforms to profile notes edition 1.0, self-run\n")
    assert (tmp_path / "runs" / "notes" / "run.jsonl").exists()


def test_a_reader_that_goes_away_changes_no_exit_code(url: str, tmp_path: Path) -> None:
    """`conformance run … | head -1` still says what was found."""
    words = [
        "run",
        "notes",
        "--url",
        url,
        "--allow",
        "write",
        "-o",
        str(tmp_path),
        "-q",
        "--format",
        "json",
        "--profile-dir",
        str(PROFILES),
        "--spec-dir",
        str(SPECS),
    ]
    root = str(PROFILES.parent.parent.parent)
    with subprocess.Popen(
        [sys.executable, "-m", "conformance", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read().decode()
        assert process.wait(60) == 0, told
        assert "Traceback" not in told


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour_is_for_terminals(ran: Path, environment: dict[str, str], coloured: bool) -> None:
    """On a terminal there is colour, unless NO_COLOR or a dumb terminal says otherwise."""
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    root = str(PROFILES.parent.parent.parent)
    kept = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    subprocess.run(
        [sys.executable, "-m", "conformance", "report", str(ran)],
        stdout=theirs,
        env={**kept, "TERM": "xterm", "PYTHONPATH": root, **environment},
        check=True,
    )
    os.close(theirs)
    assert (b"\x1b[" in os.read(ours, 100_000)) is coloured
    os.close(ours)


def test_allure_results_are_written(conformance: Command, url: str, notes: Notes, tmp_path: Path) -> None:
    """One result per requirement with its verdict in Allure's words; its name and history id are the same from run to run."""
    notes.faults.add("about-is-wrong")
    seen = []
    for number in (1, 2):
        folder = tmp_path / f"allure{number}"
        conformance("run", "notes", "--url", url, "--allow", "write", "-o", str(tmp_path / "run"), "-q", "--allure", str(folder))
        results = [json.loads(file.read_text()) for file in folder.glob("*-result.json")]
        assert results
        seen.append({(r["fullName"], r["historyId"], r["status"]) for r in results})
        assert {r["fullName"] for r in results} == {f"notes#{r.requirement.partition('/')[2]}" for r in read_run(tmp_path / "run").results}
        told = {r["fullName"].partition("#")[2]: r["status"] for r in results}
        for r in read_run(tmp_path / "run").results:
            lesser = r.verdict is Verdict.FAIL and r.level is not Level.MUST  # expected failures in pytest's words
            assert told[r.requirement.partition("/")[2]] == ("skipped" if lesser else WORDS[r.verdict]["allure"])
        assert "failed" in told.values()
        assert {label["value"] for r in results for label in r["labels"] if label["name"] == "severity"} <= {"critical", "normal", "minor"}
    assert seen[0] == seen[1]
