"""Exploration: schemathesis' engine in a process of its own, every request of it through our driver, findings advisory.

The engine knows the contract and nothing else: neither where the target is nor who we are. What it wants to send is held against
the contract, the consent and what it made itself, and then takes the way of every request: ledger, credentials, pace, redaction, record.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from conformance.api import path_values
from conformance.contract import Operation
from conformance.driving.driver import Driver
from conformance.driving.explorer import PLACE, STEP
from conformance.ending import clip
from conformance.exchange import Exchange, Request
from conformance.planning.slicing import sliced
from conformance.profile import Profile, Resource
from conformance.redaction import SECRET_HEADERS
from conformance.requirement import pick
from conformance.run import Advisory, Exploration
from conformance.schema import resolve
from conformance.verdict import Effect
from conformance.writers.curl import curl

#: The id under which the exchanges of an exploration are recorded.
EXPLORATION = "exploration"
#: Seconds, requests, things made, and findings of one exploration at most; examples of one operation.
SECONDS, REQUESTS, MADE, FINDINGS, EXAMPLES = 60.0, 5_000, 40, 100, 15
#: Seconds that the engine may take to load.
WARM = 120.0
MAX_LINE = 32_000_000
_ROOT = Path(__file__).resolve().parents[2]
#: Headers that are the wire's or ours, never the engine's.
_OURS = {"host", "user-agent", "accept-encoding", "content-length", "connection", "transfer-encoding", STEP, *SECRET_HEADERS}
#: Statuses that a gateway or the state of things explains (ENGINE.md section 5, classes 7 and 13).
_GATEWAY = {401, 403, 405, 406, 413, 414, 415, 429, 431, 501, 503}
_STATE = {401, 403, 404, 409, 410, 412, 423, 428, 429, 501, 503}
#: Why a finding of a check may be no finding at all.
DOUBTS = {
    "positive_data_acceptance": "a value that the schema allows may break a rule that no schema says",
    "negative_data_rejection": "a lenient reader may understand the value, or ignore what it does not know",
    "use_after_free": "a delete may take effect later",
    "ensure_resource_availability": "a create may take effect later",
}


class _Line(msgspec.Struct, kw_only=True):
    """One line of the engine's process."""

    kind: str
    method: str = ""
    url: str = ""
    headers: list[tuple[str, str]] = []
    body: str = ""
    check: str = ""
    code: str = ""
    title: str = ""
    message: str = ""
    operation: str = ""
    step: int = -1
    mode: str = ""
    place: str = ""
    scenario: str = ""
    ended: str = ""


def left_out(profile: Profile, allowed: frozenset[str]) -> dict[str, str]:
    """Return the operations that are not explored, by id, and why."""
    found = {}
    for operation in profile.contract.operations.values():
        resource = profile.bindings.resource_of(operation.id)
        role = resource.role(operation.id) if resource else ""
        if operation.effect.consent and operation.effect.consent not in allowed:
            found[operation.id] = f"needs --allow {operation.effect.consent}"
        elif operation.effect.weight > Effect.OWN.weight:
            found[operation.id] = f"what it does cannot be undone ({operation.effect.value})"
        elif operation.client or operation.address:
            found[operation.id] = "its address or its form is the target's own"
        elif operation.method != "GET" and _logs_in(profile, operation):
            found[operation.id] = "it takes a password, and accounts get locked"
        elif operation.effect is Effect.OWN and not (resource and resource.create and resource.delete):
            found[operation.id] = "what it makes could not be removed"
        elif role == "create" and (operation.method != "POST" or (resource and resource.parameter in operation.path_parameters)):
            found[operation.id] = "it may replace what is not ours"
        elif operation.effect is Effect.OWN and role != "create" and resource and resource.create in found:
            found[operation.id] = "nothing of its own can be made"
    return found


def _logs_in(profile: Profile, operation: Operation) -> bool:
    """Tell whether a body of the operation must carry a password."""
    seen: set[int] = set()

    def asks(schema: Any) -> bool:
        schema = resolve(profile.contract.document, schema)
        if not isinstance(schema, Mapping) or id(schema) in seen:
            return False
        seen.add(id(schema))
        properties = schema.get("properties") or {}
        named = [n for n in properties if n.lower() in ("password", "client_secret")]
        if any(
            n in (schema.get("required") or ()) or "properties" in (resolve(profile.contract.document, properties[n]) or {}) for n in named
        ):
            return True
        return any(asks(s) for s in [*properties.values(), *[p for k in ("allOf", "anyOf", "oneOf") for p in schema.get(k) or ()]])

    return bool(operation.request_schema) and asks({"$ref": f"#{operation.request_schema}"})


def contract_for(profile: Profile, asked: Mapping[str, Operation], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the contract with only the operations *asked*: without security (credentials are ours), servers and callbacks.

    Args:
        parameters: values of path parameters that no resource owns; nothing else is tried there.
    """
    document = copy.deepcopy(sliced(profile.contract.document, {(o.path, o.method.lower()) for o in asked.values()}))
    for name in ("security", "servers", "webhooks"):
        document.pop(name, None)
    document["components"].pop("securitySchemes", None)
    for item in document["paths"].values():
        for part in [item, *[v for k, v in item.items() if k != "parameters"]]:
            for name in ("security", "callbacks", "servers"):
                part.pop(name, None)
            part["parameters"] = [_settled(resolve(document, p), parameters) for p in part.get("parameters", [])]
    return document


def _settled(parameter: Any, parameters: Mapping[str, str]) -> Any:
    value = parameters.get(parameter.get("name"), "") if parameter.get("in") == "path" else ""
    return {**parameter, "schema": {"type": "string", "enum": [value]}} if value else parameter


@dataclass
class _Gate:
    """What stands between the engine and the target: the requests that may go out, numbered."""

    profile: Profile
    driver: Driver
    asked: Mapping[str, Operation]
    seen: dict[int, Exchange] = field(default_factory=dict)
    made: int = 0
    refused: int = 0

    async def answer(self, line: _Line) -> dict[str, Any]:
        """Send what the engine wants, if it may; return what it is told."""
        request = self.request(line)
        if isinstance(request, str):
            self.refused += 1
            return {"status": 404, "step": -1, "seconds": 0.0, "headers": [], "body": ""}  # a lost connection would end the exploration
        self.made += bool(request.undo)
        step = len(self.seen)
        seen = await self.driver.exchange(EXPLORATION, (step,), request)
        self.seen[step] = seen
        return {
            "status": seen.status, "detail": str(seen.trouble or ""), "step": step, "seconds": max(0.0, seen.ended_s - seen.started_s),
            "headers": [(k, v) for k, v in seen.headers if k.lower() not in ("content-length", "transfer-encoding", "content-encoding", STEP)],
            "body": base64.b64encode(seen.body).decode(),
        }  # fmt: skip

    def request(self, line: _Line) -> Request | str:
        """Return the request of a line, or why it is not sent."""
        if not line.url.startswith(f"{PLACE}/"):
            return "not on an origin of the target"
        target = line.url.removeprefix(PLACE).partition("#")[0]
        path = target.partition("?")[0]
        if any(unquote(part) in (".", "..") or "/" in unquote(part) for part in path.split("/")):
            return "a path that leads elsewhere"
        operation = self._operation(line.method, path)
        if operation is None:
            return "not an operation that is explored"
        if len(self.seen) >= REQUESTS:
            return f"{REQUESTS} requests are enough"
        try:
            body = base64.b64decode(line.body, validate=True)
        except ValueError:
            return "a body that cannot be read"
        resource = self.profile.bindings.resource_of(operation.id)
        makes = resource is not None and resource.create == operation.id
        if operation.effect is not Effect.READ:
            why = self._not_ours(operation, resource, makes, path, body)
            if why:
                return why
        own = {c.header.lower() for c in self.driver.target.credentials.values() if c.header}
        headers = tuple(
            (k.lower(), v) for k, v in line.headers if k.lower() not in _OURS | own and not k.lower().startswith("x-schemathesis")
        )
        return Request(
            operation=operation.id, method=operation.method, target=target, headers=headers, body=body, effect=operation.effect,
            undo=resource.name if makes and resource else "",
        )  # fmt: skip

    def _operation(self, method: str, path: str) -> Operation | None:
        fitting = [o for o in self.asked.values() if o.method == method.upper() and _fits(o.path, path)]
        return min(fitting, key=lambda o: len(o.path_parameters), default=None)

    def _not_ours(self, operation: Operation, resource: Resource | None, makes: bool, path: str, body: bytes) -> str:
        """Return why a write is not sent: it must make something new, or be about something that the exploration made."""
        if not makes:
            ours = [urlsplit(e.target or e.link).path for e in self.driver.ledger.open_entries() if e.state in ("made", "deleted")]
            return "" if any(p and (path == p or path.startswith(f"{p}/")) for p in ours) else "not of our making"
        if self.made >= MADE:
            return f"{MADE} things are enough"
        assert resource is not None
        try:
            told = msgspec.json.decode(body) if body else None
        except (msgspec.MsgspecError, RecursionError):
            return ""
        names = pick(told, resource.id) if resource.id and not pick(resource.example, resource.id) else []
        return "names what may be somebody else's" if names else ""


def _fits(template: str, path: str) -> bool:
    pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]+\})", template))
    return bool(path_values(template, path) or "{" not in template) and re.fullmatch(pattern, path) is not None


async def explore(profile: Profile, driver: Driver, parameters: Mapping[str, str], *, seed: int, seconds: float) -> Exploration:
    """Explore the target for at most *seconds* and return what was found; nothing of it enters a verdict."""
    out = left_out(profile, frozenset(driver.target.allow))
    asked = {name: o for name, o in profile.contract.operations.items() if name not in out}
    gate = _Gate(profile, driver, asked)
    sorter = _Sorter(profile, driver, gate)
    began = driver.now()
    ended = "there is nothing that may be explored"
    if asked:
        order = {"document": contract_for(profile, asked, parameters), "seed": seed, "examples": EXAMPLES}
        ended = await _conversation(order, gate, sorter, seconds)
    return Exploration(
        ended=ended, seconds=round(driver.now() - began, 1), requests=len(gate.seen), refused=gate.refused, known=sorter.known,
        findings=tuple(sorter.found.values()), left_out={profile.operation(n).title: why for n, why in out.items()},
    )  # fmt: skip


async def _conversation(order: Mapping[str, Any], gate: _Gate, sorter: _Sorter, seconds: float) -> str:
    """Start the engine, answer what it asks, take what it finds; return how it ended."""
    kept = {k: os.environ[k] for k in ("PATH", "SYSTEMROOT") if k in os.environ}
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as folder:
        environment = {
            **kept,
            "PYTHONPATH": str(_ROOT),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
            "HOME": folder,
        }
        talk = Path(folder) / "talk"
        with talk.open("wb") as pen:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-W", "ignore", "-m", "conformance.driving.explorer", cwd=folder, env=environment, limit=MAX_LINE,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=pen,
            )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(WARM) as limit:
                process.stdin.write(msgspec.json.encode(order) + b"\n")
                while raw := await process.stdout.readline():
                    line = msgspec.json.decode(raw, type=_Line)
                    if line.kind == "send":
                        process.stdin.write(msgspec.json.encode(await gate.answer(line)) + b"\n")
                    elif line.kind == "finding":
                        sorter.take(line)
                    elif line.kind == "ready":
                        limit.reschedule(asyncio.get_running_loop().time() + seconds)
                    elif line.kind == "ended":
                        return clip(line.ended, 300)
                return clip(f"the engine's process ended early: {' '.join(talk.read_text('utf-8', 'replace').splitlines()[-1:])}", 300)
        except TimeoutError:
            return f"after {seconds:g} s, as allowed"
        except (msgspec.MsgspecError, ValueError, ConnectionError) as error:
            return clip(f"the engine's process broke: {error}", 300)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            process.stdin.close()
            await process.wait()


@dataclass
class _Sorter:
    """Keeps one finding of each kind, marks the doubtful and drops what is known to be none."""

    profile: Profile
    driver: Driver
    gate: _Gate
    found: dict[tuple[str, str, str], Advisory] = field(default_factory=dict)
    known: int = 0

    def take(self, line: _Line) -> None:
        """Take a finding of the engine's."""
        seen = self.gate.seen.get(line.step)
        operation = self.gate.asked.get(line.operation)
        if seen is None or operation is None:  # about an answer of ours
            return
        if self._no_finding(line, seen):
            self.known += 1
            return
        key = (line.check, operation.id, f"{seen.status} {line.title}")
        if key in self.found:
            self.found[key] = replace(self.found[key], times=self.found[key].times + 1)
        elif len(self.found) < FINDINGS:
            told = self.driver.redactor.text
            self.found[key] = Advisory(
                check=clip(line.check, 100), code=clip(line.code, 40), operation=operation.title, title=clip(told(line.title), 200),
                says=clip(told(line.message)), status=seen.status, evidence=seen.at, repeat=self._repeat(seen), doubt=_doubt(line, seen),
            )  # fmt: skip

    def _repeat(self, seen: Exchange) -> str:
        target = self.driver.target
        default = target.credentials.get("default")
        scheme, name = (default.scheme, default.header) if default else ("none", "")
        return curl(seen, scheme=scheme, name=name, extra=self.driver.redactor.headers(tuple(target.headers.items())))

    def _no_finding(self, line: _Line, seen: Exchange) -> bool:
        """Tell whether a finding belongs to a class that is known to be false (ENGINE.md section 5; the numbers are its own)."""
        permitted = {*_GATEWAY, *self.profile.bindings.permitted}
        if line.check == "status_code_conformance":
            return seen.status in permitted  # 13
        if line.check == "not_a_server_error":
            return seen.status in (501, 503)  # 9, 18
        if line.check == "negative_data_rejection":  # 1, 2, 3
            return line.place.lower() != "body" or "unexpected" in line.scenario
        if line.check == "positive_data_acceptance":
            return seen.status in _STATE  # 7, 8
        if line.check == "content_type_conformance":
            return not seen.body.strip() or seen.media_type.endswith("+json") or seen.status in permitted  # 14
        if line.check in ("response_schema_conformance", "response_headers_conformance"):
            return seen.status in permitted  # 13: a gateway's own answer
        return False


def _doubt(line: _Line, seen: Exchange) -> str:
    """Return why a finding may be none, or ''."""
    sent = seen.request.body.decode("utf-8", "replace") + unquote(seen.request.target) + "".join(v for _, v in seen.request.headers)
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f�]|\\u00[01]", sent):
        return "control characters were sent: a gateway may have answered"  # 15
    return DOUBTS.get(line.check, "")


__all__ = ["EXPLORATION", "SECONDS", "contract_for", "explore", "left_out"]
