"""Write a run's record as it happens: `run.jsonl` (header, look, results, footer) and `exchanges.jsonl`."""

from __future__ import annotations

import base64
import os
from pathlib import Path as FilePath
from typing import IO, Any

import msgspec

from conformance.exchange import Exchange
from conformance.run import Exploration, Footer, Gap, Header, Leftover, Look, Result

RUN_FILE, EXCHANGES_FILE = "run.jsonl", "exchanges.jsonl"
BLOCK = 65_536
_encoder = msgspec.json.Encoder()


def exchange_line(requirement: str, exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as it is stored: bodies as text where they are text, else as base64; empty members left out."""
    request = exchange.request
    line = {
        "requirement": requirement,
        "at": exchange.at,
        "operation": request.operation,
        "method": request.method,
        "target": request.target,
        "link": request.link,
        "request_headers": request.headers,
        **_body("request_body", request.body),
        "identity": request.identity,
        "effect": request.effect.value,
        "undo": request.undo,
        "on": request.on,
        "url": exchange.url,
        "status": exchange.status,
        "headers": exchange.headers,
        **_body("body", exchange.body),
        "trouble": exchange.trouble.value if exchange.trouble else "",
        "detail": exchange.detail,
        "tries": exchange.tries,
        "started_s": round(exchange.started_s, 4),
        "ended_s": round(exchange.ended_s, 4),
    }
    return {k: v for k, v in line.items() if v not in ("", (), None) or k in ("requirement", "at")}


def _body(name: str, body: bytes) -> dict[str, str]:
    try:
        return {f"{name}_text": body.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(body).decode()}


def mend(file: FilePath) -> None:
    """Take away a last line that was cut short (a killed process): what is appended to it would make it a broken one in the middle."""
    if not file.exists():
        return
    with file.open("r+b") as lines:
        end = lines.seek(0, os.SEEK_END)
        keep = end
        while keep:
            begin = max(0, keep - BLOCK)
            lines.seek(begin)
            found = lines.read(keep - begin).rfind(b"\n")
            if found >= 0:
                keep = begin + found + 1
                break
            keep = begin
        if keep < end:
            lines.truncate(keep)


class RecordWriter:
    """Appends lines, each flushed when it ends, so that a run cut short is readable up to that point."""

    def __init__(self, folder: FilePath, *, resume: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mode = "ab" if resume else "wb"
        self.folder = folder
        for name in (RUN_FILE, EXCHANGES_FILE) if resume else ():
            mend(folder / name)
        self._run: IO[bytes] = (folder / RUN_FILE).open(mode)
        self._exchanges: IO[bytes] = (folder / EXCHANGES_FILE).open(mode)

    def line(self, record: Header | Look | Result | Leftover | Gap | Exploration | Footer) -> None:
        """Append one line of the run."""
        self._run.write(_encoder.encode(record) + b"\n")
        self._run.flush()

    def exchange(self, requirement: str, exchange: Exchange) -> None:
        """Append one exchange."""
        self._exchanges.write(_encoder.encode(exchange_line(requirement, exchange)) + b"\n")
        self._exchanges.flush()

    def close(self) -> None:
        """Close both files."""
        self._run.close()
        self._exchanges.close()
