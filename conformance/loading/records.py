"""Read a run back. Records come from outside (partners submit them): every line is checked, a missing end is said."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path as FilePath
from typing import Any
from urllib.parse import urlsplit

import msgspec

from conformance.claim import Claim
from conformance.errors import Problem, UsageError
from conformance.exchange import Exchange, Path, Request, Trouble
from conformance.run import FORMAT, Exploration, Footer, Gap, Header, Leftover, Look, Result, Run
from conformance.target import Target
from conformance.verdict import Effect
from conformance.writers.record import EXCHANGES_FILE, RUN_FILE

MAX_LINE = 64_000_000
#: The year 3000, in seconds since the epoch.
LATEST = 32_503_680_000


class ExchangeLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of `exchanges.jsonl`."""

    requirement: str
    at: tuple[int, ...]
    method: str
    operation: str = ""
    target: str = ""
    link: str = ""
    request_headers: tuple[tuple[str, str], ...] = ()
    request_body_text: str = ""
    request_body_base64: str = ""
    identity: str = "default"
    effect: Effect = Effect.READ
    undo: str = ""
    on: str = ""
    url: str = ""
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body_text: str = ""
    body_base64: str = ""
    trouble: str = ""
    detail: str = ""
    tries: int = 1
    started_s: float = 0.0
    ended_s: float = 0.0

    def exchange(self) -> Exchange:
        """Return the exchange of this line."""
        request = Request(
            operation=self.operation,
            method=self.method,
            target=self.target,
            link=self.link,
            headers=self.request_headers,
            body=_bytes(self.request_body_text, self.request_body_base64),
            identity=self.identity,
            effect=self.effect,
            undo=self.undo,
            on=self.on,
        )
        return Exchange(
            request=request, status=self.status, headers=self.headers, body=_bytes(self.body_text, self.body_base64),
            trouble=Trouble(self.trouble) if self.trouble else None, detail=self.detail, url=self.url, tries=self.tries,
            started_s=self.started_s, ended_s=self.ended_s, at=self.at,
        )  # fmt: skip


def _bytes(text: str, encoded: str) -> bytes:
    return base64.b64decode(encoded, validate=True) if encoded else text.encode("utf-8", "surrogatepass")


_KINDS: dict[str, Any] = {
    "header": Header,
    "look": Look,
    "result": Result,
    "leftover": Leftover,
    "gap": Gap,
    "exploration": Exploration,
    "footer": Footer,
}


def read_run(folder: FilePath) -> Run:
    """Return the run in a folder (or whose `run.jsonl` is named).

    Raises:
        UsageError: it is not there, a line is not what a run writes, or it was written by a later format.
    """
    file = folder if folder.is_file() else folder / RUN_FILE
    found: dict[str, list[Any]] = {kind: [] for kind in _KINDS}
    lines = _lines(file)
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        try:
            kind = msgspec.json.decode(line, type=dict[str, Any]).get("kind")
            if not isinstance(kind, str) or kind not in _KINDS:
                raise msgspec.ValidationError(f"{str(kind)[:60]!r} is not a kind of line")
            read = msgspec.json.decode(line, type=_KINDS[kind])
            if kind == "header":
                _sound(read)
            found[kind].append(read)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            if last and not line.endswith(b"\n"):
                break  # the pen was lifted in the middle of a line: cut short, not forged
            raise UsageError(
                Problem(file=str(file), place=f"line {number + 1}", problem=f"not a line of a run: {str(error)[:200]}")
            ) from None
    if len(found["header"]) != 1:
        raise UsageError(Problem(file=str(file), problem="a run has one header", hint=f"this file has {len(found['header'])}"))
    header: Header = found["header"][0]
    if header.format > FORMAT:
        raise UsageError(Problem(file=str(file), problem=f"written in format {header.format}", hint=f"this version reads up to {FORMAT}"))
    results = {r.requirement: r for r in found["result"]}
    return Run(
        header=header,
        look=found["look"][-1] if found["look"] else None,
        results=tuple(results.values()),
        leftovers=tuple(found["leftover"]),
        gap=found["gap"][-1] if found["gap"] else None,
        exploration=found["exploration"][-1] if found["exploration"] else None,
        footer=found["footer"][-1] if found["footer"] else None,
        folder=str(file.parent),
    )


def runs_below(folder: FilePath) -> list[FilePath]:
    """Return the folders of all runs in *folder*: itself, or those below it in the order of their names; replaced ones are left out.

    Raises:
        UsageError: there is none.
    """
    if folder.is_file() or (folder / RUN_FILE).is_file():
        return [folder]
    files = (file for file in folder.rglob(RUN_FILE) if "earlier" not in file.relative_to(folder).parts)
    found = sorted(file.parent for file in files if _begun(file))
    if not found:
        raise UsageError(Problem(file=str(folder), problem="there is no run in it", hint="a folder that `conformance run` wrote"))
    return found


def _begun(file: FilePath) -> bool:
    """Tell whether a record has its header; a process that was killed before has recorded nothing."""
    with file.open("rb") as lines:
        return lines.readline(MAX_LINE).endswith(b"\n")


def newest_runs(folder: FilePath) -> dict[tuple[str, str], FilePath]:
    """Return, of the runs below *folder*, the newest of each system (or target) and profile."""
    newest: dict[tuple[str, str], tuple[float, FilePath]] = {}
    for place in runs_below(folder):
        header = read_header(place)
        key = (header.about, header.profile)
        newest[key] = max(newest.get(key, (-1.0, place)), (header.started, place))
    return {key: place for key, (_, place) in sorted(newest.items())}


def read_header(folder: FilePath) -> Header:
    """Return the header of a run; see `read_run` for errors."""
    file = folder if folder.is_file() else folder / RUN_FILE
    try:
        with file.open("rb") as lines:
            header = msgspec.json.decode(lines.readline(MAX_LINE), type=Header)
        _sound(header)
    except OSError as error:
        raise UsageError(Problem(file=str(file), problem=error.strerror or "cannot be read")) from None
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise UsageError(Problem(file=str(file), place="line 1", problem=f"not the header of a run: {str(error)[:200]}")) from None
    return header


def _sound(header: Header) -> None:
    """Hold the parts of a header that are kept as plain values against what they are read as later."""
    if not 0 <= header.started < LATEST:
        raise msgspec.ValidationError(f"{header.started} is not a time of this age - at `$.started`")
    for name, value, kind in (("target", header.target, Target), ("claim", header.claim, Claim)):
        if value:
            try:
                msgspec.convert(dict(value), kind)
            except msgspec.ValidationError as error:
                raise msgspec.ValidationError(f"{error} (in {name})") from None
    if header.target:
        parts = urlsplit(str(header.target["url"]))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise msgspec.ValidationError("target.url is not an http or https URL")


def read_exchanges(folder: FilePath) -> dict[str, dict[Path, Exchange]]:
    """Return all exchanges of a run by requirement and path; the last one at a path counts."""
    folder = folder.parent if folder.is_file() else folder
    file = folder / EXCHANGES_FILE
    if not file.exists():
        return {}
    decoder = msgspec.json.Decoder(ExchangeLine)
    found: dict[str, dict[Path, Exchange]] = {}
    lines = _lines(file)
    for number, line in enumerate(lines):
        try:
            read = decoder.decode(line)
            found.setdefault(read.requirement, {})[read.at] = read.exchange()
        except (msgspec.MsgspecError, ValueError, RecursionError, binascii.Error) as error:
            if number == len(lines) - 1 and not line.endswith(b"\n"):
                break
            raise UsageError(Problem(file=str(file), place=f"line {number + 1}", problem=f"not an exchange: {str(error)[:200]}")) from None
    return found


def _lines(file: FilePath) -> list[bytes]:
    try:
        with file.open("rb") as source:
            lines = list(iter(lambda: source.readline(MAX_LINE), b""))
    except OSError as error:
        raise UsageError(
            Problem(file=str(file), problem=error.strerror or "cannot be read", hint="a folder that `conformance run` wrote")
        ) from None
    if any(len(line) == MAX_LINE for line in lines):
        raise UsageError(Problem(file=str(file), problem=f"a line is longer than {MAX_LINE // 1_000_000} MB"))
    return lines
