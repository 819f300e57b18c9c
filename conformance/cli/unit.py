"""One unit of a campaign in a process of its own: told in a line on stdin, tells line by line on stdout, stops when stdin ends."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import msgspec

from conformance.cli.common import write_views
from conformance.cli.pairing import hold_session
from conformance.cli.running import execute
from conformance.cli.twins import target_of_twin
from conformance.driving.campaign import Order, Told, readable
from conformance.driving.lock import held
from conformance.driving.session import Options, Session
from conformance.errors import TestbedError, UsageError
from conformance.loading.profiles import Shelf, load_profile
from conformance.reference.dressing import dressed
from conformance.reference.serving import serve
from conformance.run import Result, Run
from conformance.scoring import Exit, score
from conformance.target import Target
from conformance.testbed import ServedTwin
from conformance.verdict import Level, Verdict

#: How long an earlier process of the same unit, whose campaign was killed, may take to stop.
PATIENCE_S = 130.0


class _Voice:
    """Says things to the campaign; when it has gone away, nobody is told."""

    def __init__(self, out: IO[bytes]) -> None:
        self.out = out

    def say(self, told: Told) -> None:
        """Say one thing in a line."""
        try:
            self.out.write(msgspec.json.encode(told) + b"\n")
            self.out.flush()
        except (OSError, ValueError):
            return

    def result(self, result: Result) -> None:
        """Say that a requirement was judged."""
        failed = result.verdict is Verdict.FAIL and result.level is Level.MUST and not result.draft
        self.say(Told(verdict=result.verdict.value, failed_must=failed))


def main() -> int:
    """Do what stdin says; the exit code is said too, because a crash has one as well."""
    voice = _Voice(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever anything prints goes to the log
    order = msgspec.json.decode(_line(), type=Order)
    threading.Thread(target=_watch, daemon=True).start()
    try:
        code = _obey(order, voice)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except UsageError as error:
        voice.say(Told(problem="; ".join(map(str, error.problems))[:2000]))
        code = Exit.USAGE
    except TestbedError as error:
        voice.say(Told(problem=str(error)[:2000]))
        code = Exit.BROKEN
    voice.say(Told(ended=int(code)))
    return int(code)


def _line() -> bytes:
    """Return the first line of stdin, by the handle itself: a thread that waits in `sys.stdin` would be in the way at the end."""
    line = b""
    while not line.endswith(b"\n") and (more := os.read(0, 65_536)):
        line += more
    return line


def _watch() -> None:
    """Interrupt this process as Ctrl-C would when stdin ends: the campaign stops, or is no more."""
    while os.read(0, 1024):
        continue
    if hasattr(signal, "pthread_kill"):  # to the main thread, so that a wait of its event loop ends
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        _thread.interrupt_main()


def _obey(order: Order, voice: _Voice) -> Exit:
    shelf = Shelf.standard(Path(order.profile_dir) if order.profile_dir else None, Path(order.spec_dir) if order.spec_dir else None)
    folder = Path(order.folder)
    with held(folder, PATIENCE_S):
        if (side := order.partner_side) is not None:
            answering = replace(order, system=side.system, claim=side.claim, target=side.target, twin=side.twin)
            with _target(answering, folder, shelf, None) as target:
                hold_session(order, target, folder, shelf, voice.result)
            return Exit.PASSED
        before = readable(folder)
        if before is not None and before.complete:  # an earlier process came to the end meanwhile
            return score(before).exit_code
        with _target(order, folder, shelf, before) as target:
            run = _run(order, target, folder, shelf, voice, before)
        write_views(run, folder)
    return score(run).exit_code


def _run(order: Order, target: Target, folder: Path, shelf: Shelf, voice: _Voice, before: Run | None) -> Run:
    options = Options(
        seed=order.seed, resume=before is not None, run_by="testbed", system=order.system, partner=order.partner, system_kind=order.kind
    )
    session = Session(order.profile, target, order.claim, folder, options, order.epoch, shelf, on_result=voice.result)
    session.on_planned = lambda: voice.say(Told(planned=len(session.plan.tests), done_before=len(session.results)))
    return execute(session)


@contextmanager
def _target(order: Order, folder: Path, shelf: Shelf, before: Run | None) -> Iterator[Target]:
    """Give the target: that of the order, or a twin served for as long as the run lasts, on its earlier port where that is free."""
    if order.target is not None:
        yield order.target
        return
    served = order.twin or ServedTwin()
    profile = load_profile(f"{order.profile}@{order.claim.edition}" if order.claim.edition else order.profile, shelf, order.claim.beside)
    twin = dressed(profile, served.faults, served.variants)
    with ExitStack() as stack:
        port = urlsplit(str(before.header.target.get("url", ""))).port if before else None
        try:
            url = stack.enter_context(serve(twin, port or 0, sink_ca=folder / "sink-ca.pem"))
        except OSError:
            url = stack.enter_context(serve(twin, sink_ca=folder / "sink-ca.pem"))
        yield replace(target_of_twin(profile, twin, url, folder), name=order.system)


if __name__ == "__main__":
    raise SystemExit(main())
