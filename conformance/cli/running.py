"""Commands that send something: run, replay, cleanup, plan (which sends only the first look), demo, serve-reference."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conformance.claim import Claim
from conformance.cli.campaign import run_testbed
from conformance.cli.common import colour, put, say, shelf_of, write_views
from conformance.driving.exploring import SECONDS
from conformance.driving.interruption import Interruption
from conformance.driving.session import Options, Session, clean_up_after
from conformance.driving.wires import Wire
from conformance.errors import Problem, TestbedError, UsageError, asked
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.records import read_run
from conformance.loading.targets import check_claim, claim_of, load_target, profile_claimed
from conformance.profile import Profile
from conformance.pytest_plugin import ISOLATION, RunPlugin
from conformance.run import Result, Run
from conformance.scoring import Exit, score
from conformance.target import Credential, Reference, Target
from conformance.verdict import WORDS, Verdict
from conformance.writers.data import write_json
from conformance.writers.text import plain, write_text


def execute(
    session: Session,
    *,
    expression: str = "",
    only: tuple[str, ...] = (),
    exit_first: bool = False,
    last_failed: bool = False,
    allure: str = "",
    cache: Path | None = None,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Run:
    """Make a run: first look, pytest over the requirements, clean-up, footer; return its record.

    Raises:
        UsageError: `-k` is no expression, or nothing was selected.
        TestbedError: the runner broke.
    """
    with asyncio.Runner(loop_factory=new_loop) as runner, Interruption(runner) as ctrl_c:
        try:
            ctrl_c.run(session.start())
        except BaseException:
            runner.run(session.abandon())
            raise
        plugin = RunPlugin(session, ctrl_c, only)
        arguments = [
            "-c",
            os.devnull,
            "--rootdir",
            str(session.folder),
            *ISOLATION,
            "-o",
            f"cache_dir={(cache or session.folder / '.cache').resolve()}",  # pytest takes none with `..`
        ]
        arguments += ["-k", expression] if expression else []
        arguments += ["-x"] if exit_first else []
        arguments += ["--lf"] if last_failed else []
        arguments += ["-p", "allure_pytest.plugin", "--alluredir", allure, "--clean-alluredir"] if allure else []
        code = _pytest(arguments, plugin)
        interrupted = ctrl_c.heard or plugin.interrupted or (code == pytest.ExitCode.INTERRUPTED and not exit_first)
        spent = bool(session.options.budget_s) and any("the budget of" in r.reason for r in session.results.values())
        broken = code == pytest.ExitCode.INTERNAL_ERROR
        if not interrupted and not broken:
            try:
                ctrl_c.run(session.explored())
            except KeyboardInterrupt:
                interrupted = True
        stopped = exit_first and len(session.results) < len(session.order)
        ended = {"interrupted": interrupted, "broken": broken, "stopped": stopped, "budget": spent}
        with suppress(RuntimeError):  # a second Ctrl-C may leave the loop with an order to stop, which this obeys
            runner.run(asyncio.sleep(0))
        run = runner.run(session.finish(next((word for word, holds in ended.items() if holds), "complete")))
    if broken:
        raise TestbedError(f"pytest broke off; what was seen until then is in {session.folder}")
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise asked("nothing was selected", hint="-k and --requirement take words of requirement ids, levels, features")
    if code == pytest.ExitCode.USAGE_ERROR:
        raise asked(f"-k '{expression}' is not an expression")
    return run


def _pytest(arguments: list[str], plugin: RunPlugin) -> int:
    """Run pytest with nothing of the caller's pytest settings."""
    kept = {name: os.environ.pop(name) for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS") if name in os.environ}
    autoload = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        return int(pytest.main(arguments, plugins=[plugin]))
    finally:
        os.environ.pop("PYTEST_DISABLE_PLUGIN_AUTOLOAD", None)
        if autoload is not None:
            os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = autoload
        os.environ.update(kept)


def _target_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("profile", metavar="PROFILE[@EDITION]", nargs="?", default="")
    command.add_argument("--url", default="", help="base URL of the target")
    command.add_argument("--target", type=Path, metavar="FILE", help="target file (docs/targets.md)")
    command.add_argument("--claim", type=Path, metavar="FILE", help="what the product is said to do")
    command.add_argument(
        "--with", dest="beside", default="", metavar="PROFILE[@EDITION]", help="the standard that the target speaks (security-baseline)"
    )
    command.add_argument("--token-env", default="", metavar="VAR", help="environment variable that holds a bearer token")
    command.add_argument("--cert", default="", metavar="FILE", help="our certificate (mTLS)")
    command.add_argument("--key", default="", metavar="FILE", help="its key")
    command.add_argument("--cacert", default="", metavar="FILE", help="the authority that signed the server's certificate")
    command.add_argument("--proxy", default="", metavar="URL")
    command.add_argument("--allow", default="", metavar="write,disruptive", help="what may be done to the target besides reading")
    command.add_argument("--seed", type=int, default=1, metavar="N")


def _run_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("run", help="test a target against a profile")
    _target_options(command)
    command.add_argument(
        "--testbed", type=Path, metavar="FILE", help="test every system of a testbed (docs/testbeds.md) instead of one target"
    )
    command.add_argument("--requirement", action="append", default=[], metavar="ID", help="only this requirement (may be repeated)")
    command.add_argument(
        "--sink-url", default="", metavar="URL", help="https URL at which the target reaches our callback sink; its port is listened on"
    )
    command.add_argument("--budget", default="", metavar="60s", help="stop beginning new looks after this time")
    command.add_argument(
        "--explore", action="store_true", help="explore with schemathesis afterwards: findings are advisory, never a verdict"
    )
    command.add_argument("--explore-time", default="", metavar="60s", help="explore for at most this time (default 60s)")
    command.add_argument("--resume", action="store_true", help="go on with the run in -o that was cut short")
    command.add_argument("--allure", default="", metavar="DIR", help="also write Allure results")
    command.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder of the run (default runs/PROFILE)")
    command.add_argument("--format", choices=("text", "json"), default="text")
    command.add_argument("--run-by", choices=("self", "testbed"), default="self", help=argparse.SUPPRESS)
    command.add_argument("-k", dest="expression", default="", metavar="EXPR", help="only requirements whose words match")
    command.add_argument("-x", dest="exit_first", action="store_true", help="stop at the first failed MUST")
    command.add_argument("--lf", dest="last_failed", action="store_true", help="only what failed in the last run in the same folder")
    command.add_argument("-n", dest="workers", default="", help=argparse.SUPPRESS)
    command.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    command.set_defaults(call=run)
    return command


def target_of(options: argparse.Namespace) -> Target:
    """Return the target that the options describe."""
    allow = tuple(a.strip() for a in options.allow.split(",") if a.strip())
    return load_target(
        options.target,
        url=options.url,
        token_env=options.token_env,
        cert=options.cert,
        key=options.key,
        cacert=options.cacert,
        allow=allow,
        proxy=options.proxy,
    )


def token_credential(profile: Profile, token: Reference) -> Credential:
    """Return a token as the contract wants it: in the header that it names where it knows no other way, else as a bearer."""
    name = profile.contract.token_header
    return Credential(scheme="api-key", header=name, token=token) if name else Credential(scheme="bearer", token=token)


def run(options: argparse.Namespace) -> int:
    """Run a profile against a target and say what was found."""
    if options.workers:
        raise asked(
            "checks side by side in several processes on one target give false findings",
            place="-n",
            hint="leave it out: a run is concurrent by itself",
        )
    if options.testbed:
        return run_testbed(options)
    if not options.profile:
        raise asked("which profile?", hint="conformance run PROFILE --url URL, or conformance run --testbed FILE")
    shelf = shelf_of(options)
    target = target_of(options)
    profile, claim = profile_claimed(options.profile, options.claim, shelf, options.beside)
    if options.token_env:
        named = {**target.credentials, "default": token_credential(profile, Reference(env=options.token_env))}
        target = replace(target, credentials=named)
    selected = _selection(options)
    _known_requirements(options.requirement, profile.by_id)
    folder: Path = options.output or Path("runs") / profile.name
    session = Session(
        options.profile,
        target,
        claim,
        folder,
        Options(
            seed=options.seed,
            budget_s=seconds(options.budget),
            resume=options.resume,
            selected=selected,
            run_by=options.run_by,
            sink_url=options.sink_url,
            explore_s=seconds(options.explore_time, "--explore-time") or SECONDS * options.explore,
        ),
        epoch=round(time.time(), 3),
        shelf=shelf,
        on_result=None if options.quiet else progress(),
    )
    done = execute(
        session,
        expression=options.expression,
        only=tuple(options.requirement),
        exit_first=options.exit_first,
        last_failed=options.last_failed,
        allure=options.allure,
    )
    write_views(done, folder)
    put(write_json(done) if options.format == "json" else write_text(done, colour=colour()))
    say(f"report: {folder / 'report.html'}")
    return int(score(done).exit_code)


def _selection(options: argparse.Namespace) -> str:
    parts = [f"-k {options.expression}"] if options.expression else []
    parts += [f"--requirement {r}" for r in options.requirement]
    parts += ["--lf"] if options.last_failed else []
    return " ".join(parts)


def _known_requirements(asked_for: list[str], known: Any) -> None:
    from conformance.errors import did_you_mean

    unknown = [r for r in asked_for if r not in known]
    if unknown:
        raise UsageError(
            *[
                Problem(file="--requirement", problem=f"'{r}' is not a requirement of this profile", hint=did_you_mean(r, known))
                for r in unknown
            ]
        )


def seconds(text: str, place: str = "--budget") -> float:
    """Return the seconds of `60`, `60s`, `5m` or `1h`; 0 for an empty text.

    Raises:
        UsageError: it is none of these.
    """
    if not text:
        return 0.0
    factor = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
    number = text[:-1] if factor else text
    try:
        value = float(number) * (factor or 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e7:
        raise asked(f"'{text}' is not a time", place=place, hint="60s, 5m, 1h")
    return value


def progress() -> Callable[[Result], None]:
    """Return a teller of each result on stderr: a line for what is not a pass, dots on a terminal otherwise."""
    terminal = sys.stderr.isatty()

    def tell(result: Result) -> None:
        if result.verdict in (Verdict.FAIL, Verdict.ERROR):
            say(f"{WORDS[result.verdict]['text']} {result.level.value} {plain(result.requirement)}")
        elif terminal:
            print(WORDS[result.verdict]["ascii"], end="", file=sys.stderr, flush=True)

    return tell


def _replay_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("replay", help="look at one requirement of a run again, with fresh ids")
    command.add_argument("run", type=Path, metavar="RUN")
    command.add_argument("requirement", metavar="REQUIREMENT")
    command.add_argument("--url", default="", help="another address of the same target")
    command.add_argument("--target", type=Path, metavar="FILE", help="the target file, where the run's own record is not enough")
    command.add_argument("--token-env", default="", metavar="VAR", help="environment variable that holds a bearer token")
    command.add_argument("--allow", default="", metavar="write,disruptive", help="default: what the run was allowed")
    command.set_defaults(call=replay)
    return command


def replay(options: argparse.Namespace) -> int:
    """Look at one requirement again and say whether it still fails."""
    shelf = shelf_of(options)
    before = read_run(options.run)
    earlier = next((r for r in score(before).results if r.requirement == options.requirement), None)
    if earlier is None:
        _known_requirements([options.requirement], {r.requirement for r in before.results})
    target = _target_again(before, options)
    claim = claim_of(before.header.claim)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        session = Session(
            f"{before.header.profile}@{before.header.edition}",
            target,
            claim,
            Path(folder),
            Options(selected=options.requirement),
            round(time.time(), 3),
            shelf,
        )
        done = execute(session, only=(options.requirement,))
        result = score(done).results[0]
    was = earlier.verdict if earlier else None
    word = "still" if result.verdict == was else "fixed" if result.verdict is Verdict.PASS else "now"
    print(f"{word}: {plain(options.requirement)}: {WORDS[result.verdict]['text']}" + (f": {plain(result.reason)}" if result.reason else ""))
    return int(Exit.PASSED if result.verdict is Verdict.PASS else Exit.FAILED if result.verdict is Verdict.FAIL else Exit.INCOMPLETE)


def _target_again(before: Run, options: argparse.Namespace) -> Target:
    """Return the target of a run: from a file, or from its record; a record is not trusted to say which secrets go where.

    Raises:
        UsageError: the run used credentials and the caller does not name any.
    """
    allow = tuple(a.strip() for a in getattr(options, "allow", "").split(",") if a.strip()) or before.header.allowed
    if options.target:
        return load_target(options.target, url=options.url, allow=allow)
    if not before.header.target:
        raise asked("the record does not say where the target is", file=before.folder, hint="--target FILE")
    target = msgspec.convert(dict(before.header.target), Target)
    if target.credentials and not options.token_env:
        hint = "--token-env VAR, or --target FILE"
        raise asked(
            "this run used credentials, and a record may not choose which secrets are sent where: name them", file=before.folder, hint=hint
        )
    used = target.credentials.get("default")
    kept = used if used and used.scheme == "api-key" else Credential(scheme="bearer")
    credentials = {"default": replace(kept, token=Reference(env=options.token_env))} if options.token_env else {}
    return replace(target, url=options.url or target.url, allow=allow, credentials=credentials)


def _cleanup_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("cleanup", help="remove what a run that was cut short left at the target")
    command.add_argument("run", type=Path, metavar="RUN")
    command.add_argument("--url", default="")
    command.add_argument("--target", type=Path, metavar="FILE")
    command.add_argument("--token-env", default="", metavar="VAR", help="environment variable that holds a bearer token")
    command.set_defaults(call=cleanup)
    return command


def cleanup(options: argparse.Namespace) -> int:
    """Remove what the ledger of a run still holds."""
    before = read_run(options.run)
    options.allow = ""
    left = asyncio.run(clean_up_after(options.run, _target_again(before, options), shelf_of(options), round(time.time(), 3)))
    for item in left:
        print(plain(f"left: {item.resource} {item.where}: {item.state}"))
    print("nothing is left" if not left else f"{len(left)} left")
    return int(Exit.PASSED if not left else Exit.INCOMPLETE)


def in_process(
    profile: str,
    wire: Wire,
    folder: Path,
    *,
    target: Target | None = None,
    claim: Claim | None = None,
    shelf: Shelf | None = None,
    seed: int = 1,
    epoch: float = 1_780_000_000.0,
    url: str = "http://twin.invalid",
) -> Run:
    """Run a profile against a twin in this process; everything allowed, nothing printed."""
    target = target or Target(url=url, allow=("write", "disruptive"))
    if claim:
        check_claim(claim, load_profile(profile, shelf), "claim")
    session = Session(profile, target, claim or Claim(), folder, Options(seed=seed), epoch, shelf, wire)
    return execute(session)


COMMANDS = (_run_command, _replay_command, _cleanup_command)
