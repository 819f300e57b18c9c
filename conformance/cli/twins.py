"""Commands about twins: demo (everything offline), serve-reference (a twin on a port)."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from conformance.claim import Claim, Support
from conformance.cli.common import colour, say, shelf_of, write_views
from conformance.cli.running import execute, token_credential
from conformance.driving.session import Options, Session
from conformance.driving.virtual import VirtualLoop
from conformance.driving.wires import TwinWire
from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.profiles import Shelf, load_profile
from conformance.profile import Profile
from conformance.reference.dressing import dressed, names
from conformance.reference.serving import serve
from conformance.reference.twins import twin_for
from conformance.run import Run
from conformance.scoring import score
from conformance.target import Credential, Reference, Target
from conformance.verdict import Level, Verdict
from conformance.wire import Twin
from conformance.writers.text import clipped, write_text

#: When runs against twins begin: seconds since the epoch, always the same, so that they repeat.
EPOCH = 1_780_000_000.0
TOKEN = "twin-token"


def target_of_twin(profile: Profile, twin: Twin, url: str, folder: Path) -> Target:
    """Return the target that fits a twin: its credentials, its test data, everything allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    credentials: dict[str, Credential] = {}
    schemes = {
        str(s.get("scheme", s.get("type"))) for s in profile.contract.document.get("components", {}).get("securitySchemes", {}).values()
    }
    for name, user in (("default", "twin"), ("other", "other")) if _credentialed(profile, twin) else ():
        secret = folder / f"{name}.secret"
        if "basic" in schemes and "bearer" not in schemes:
            secret.write_text(f"{user}-password")
            credentials[name] = Credential(scheme="basic", username=user, password=Reference(file=str(secret)))
        else:
            secret.write_text(f"{user}-token")
            credentials[name] = token_credential(profile, Reference(file=str(secret)))
    test_data = dict(getattr(twin, "test_data", {}))
    return Target(url=url, name=f"twin of {profile.name}", allow=("write", "disruptive"), credentials=credentials, test_data=test_data)


def claim_of_twin(profile: Profile, also: Iterable[str] = ()) -> Claim:
    """Return the claim that fits a twin: every feature that a server cannot be asked for, and those named."""
    asked = {f.name for f in profile.features.values() if f.discovered is None and f.name != "core"}
    return Claim(profile=profile.name, edition=profile.edition, features=dict.fromkeys(sorted({*asked, *also}), Support.YES))


def _credentialed(profile: Profile, twin: Twin) -> bool:
    """Tell whether a twin wants credentials: because its standard asks for them, or of itself."""
    return profile.bindings.authentication.required or bool(getattr(twin, "protected", False))


def run_in_process(
    profile: Profile, twin: Twin, folder: Path, *, shelf: Shelf | None = None, seed: int = 1, claim_all: bool = True,
    claimed: Iterable[str] = (), only: tuple[str, ...] = (), epoch: float = EPOCH,
) -> Run:  # fmt: skip
    """Run a profile against a twin in this process, on a virtual clock: no sockets, no waiting.

    Args:
        claim_all: claim every feature that the server cannot be asked for.
        claimed: features claimed besides.
        only: ids of the requirements to look at; () for all.
        epoch: when the run begins, in seconds since 1970; the same for a run that shall repeat.
    """
    target = target_of_twin(profile, twin, "http://twin.invalid", folder)
    claim = claim_of_twin(profile, claimed) if claim_all else Claim(profile=profile.name, edition=profile.edition)
    session = Session(
        f"{profile.name}@{profile.edition}",
        target,
        claim,
        folder,
        Options(seed=seed, system_kind="twin"),
        epoch,
        shelf,
        TwinWire(twin, epoch),
    )
    return execute(session, only=only, new_loop=VirtualLoop)


def _demo_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "demo", help="run every profile against its twin, offline, and write the reports"
    )
    command.add_argument("-o", "--output", type=Path, default=Path("runs/demo"), metavar="DIR")
    command.set_defaults(call=demo)
    return command


def demo(options: argparse.Namespace) -> int:
    """Run every profile against its twin, several at a time, and SCIM against a twin that does not really delete."""
    shelf = shelf_of(options)
    began = time.monotonic()
    largest_first = sorted(shelf.profiles, key=lambda n: -sum(f.stat().st_size for f in shelf.home(n).glob("*.yaml")))
    print("profile                                    MUSTs passed   requests   report", flush=True)
    failed = 0
    folder = options.output / "scim2-faulty"
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(os.cpu_count() or 1, len(largest_first)), mp_context=spawning) as pool:
        shown = {name: pool.submit(_demonstrated, name, options.output / name, shelf) for name in largest_first}
        faulty = pool.submit(_found_out, folder, shelf)
        for name in sorted(shown):
            line, fails = shown[name].result()
            print(line, flush=True)
            failed += fails
        print(f"\nthe SCIM twin once more, with a delete that deletes nothing:\n\n{faulty.result()}")
    say(f"report: {folder / 'report.html'} ({time.monotonic() - began:.0f} s)")
    return 1 if failed else 0


def _demonstrated(name: str, folder: Path, shelf: Shelf) -> tuple[str, int]:
    """Run one profile against its twin, in a process of its own; return the line to print and how many MUSTs failed."""
    profile = load_profile(name, shelf)
    run = _viewed(profile, twin_for(profile), folder, shelf)
    must = score(run).tallies[Level.MUST]
    requests = run.footer.requests if run.footer else 0
    title = clipped(f"{name} {profile.edition}", 42)
    return f"{title:<42} {must[Verdict.PASS]:>4} of {must.applicable:<4} {requests:>9}   {folder / 'report.html'}", must[Verdict.FAIL]


def _found_out(folder: Path, shelf: Shelf) -> str:
    """Run SCIM against a twin that does not really delete, in a process of its own; return the report to print."""
    profile = load_profile("scim2", shelf)
    return write_text(_viewed(profile, Undeleting(twin_for(profile)), folder, shelf), colour=colour())


def _viewed(profile: Profile, twin: Twin, folder: Path, shelf: Shelf) -> Run:
    run = run_in_process(profile, twin, folder, shelf=shelf, claim_all=False, epoch=float(int(time.time())))
    write_views(run, folder)
    return run


class Undeleting:
    """A twin that says it deleted and did not: what the demo shows as a finding."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def handle(self, request: Any, now: float) -> Any:
        """Answer a DELETE with 204 and do nothing; everything else is the twin's."""
        from conformance.wire import WireResponse

        if request.method == "DELETE" and any(k.lower() == "authorization" and v == f"Bearer {TOKEN}" for k, v in request.headers):
            known = self.twin.handle(type(request)(method="GET", target=request.target, headers=request.headers), now)
            return WireResponse(status=204) if known.status == 200 else known
        return self.twin.handle(request, now)


def _serve_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "serve-reference", help="serve a profile's twin on 127.0.0.1, to point a run or a client at"
    )
    command.add_argument("profile", metavar="PROFILE[@EDITION]")
    command.add_argument("--port", type=int, default=0)
    command.add_argument(
        "--sink-ca",
        type=Path,
        metavar="FILE",
        help="the authority to trust for callbacks: sink-ca.pem in the folder of the run (default runs/PROFILE)",
    )
    command.add_argument("--fault", action="append", default=[], metavar="NAME", help="something wrong with it, NAME or NAME@OPERATION")
    command.add_argument("--variant", action="append", default=[], metavar="NAME", help="something permitted that it does otherwise")
    command.set_defaults(call=serve_reference)
    return command


def serve_reference(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; print the target file and the run line that fit."""
    profile = load_profile(options.profile, shelf_of(options))
    faults, variants = names(profile)
    unknown = [("--fault", n, faults) for n in options.fault if n not in faults]
    unknown += [("--variant", n, variants) for n in options.variant if n not in variants]
    if unknown:
        raise UsageError(*[Problem(file=o, problem=f"'{n}' is not one of {profile.name}", hint=did_you_mean(n, k)) for o, n, k in unknown])
    twin = dressed(profile, options.fault, options.variant)
    test_data = twin_for(profile).test_data
    trusted = options.sink_ca or (Path("runs") / profile.name / "sink-ca.pem" if profile.bindings.callbacks else None)
    with serve(twin, options.port, sink_ca=trusted) as url:
        token = " --token-env TWIN_TOKEN" if _credentialed(profile, twin) else ""
        where = f"--target {_target_file(url, test_data)}" if test_data else f"--url {url}"
        print(f"{profile.title}: {url}")
        print(
            f"{'TWIN_TOKEN=' + TOKEN + ' ' if token else ''}conformance run {profile.name}@{profile.edition} {where}{token} --allow write",
            flush=True,
        )
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


def _target_file(url: str, test_data: Mapping[str, Any]) -> Path:
    """Write the target file of a twin that wants test data (JSON is YAML), and return it."""
    file = Path(tempfile.mkdtemp(prefix="conformance-")) / "target.yaml"
    file.write_text(json.dumps({"url": url, "name": "twin", "test_data": dict(test_data)}, indent=1), "utf-8")
    return file


COMMANDS = (_demo_command, _serve_command)
