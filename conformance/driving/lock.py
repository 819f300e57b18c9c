"""One process at a time in a folder: the operating system lets go of the lock when the process ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from conformance.errors import Problem, UsageError

LOCK_FILE = ".lock"
STEP_S = 0.2


@contextmanager
def held(folder: Path, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock of *folder* for as long as the context lasts.

    Raises:
        UsageError: another process holds it, and did not let go within *patience_s*.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a+b") as file:
        until = time.monotonic() + patience_s
        while not _take(file):
            if time.monotonic() >= until:
                raise UsageError(Problem(file=str(folder), problem="another process is at work in this folder"))
            time.sleep(STEP_S)
        yield


def _take(file: IO[bytes]) -> bool:
    """Take the lock if it is free; it goes with the file's last handle."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0, os.SEEK_SET)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
