"""Who we are: credentials of the target by reference, tokens fetched and renewed, wrong ones on purpose."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_plus, urlencode, urljoin

from conformance.driving.forging import Opaque, forged
from conformance.errors import Problem, UsageError
from conformance.exchange import FORGED
from conformance.redaction import Redactor
from conformance.target import Credential, Reference, Target
from conformance.wire import Headers, WireRequest, WireResponse, header

#: Sends a request to an absolute URL (its origin is checked there) and returns the answer.
Sender = Callable[[str, WireRequest], Awaitable[WireResponse]]


class CredentialsRefused(Exception):
    """The token endpoint or the login would not have us; `busy`: not now, later perhaps."""

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.busy = status == 429 or status >= 500


#: After so many refusals in a row we stop asking: accounts get locked, and sessions are few.
MOST_REFUSALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSession:
    """A session that a login opened: where it is closed, and the header that proves that it is ours."""

    url: str
    proof: tuple[str, str]


def resolve_reference(reference: Reference | None, place: str) -> str:
    """Return the secret that a reference leads to.

    Raises:
        UsageError: the variable is not set, or the file cannot be read.
    """
    if reference is None:
        raise UsageError(Problem(file="target", place=place, problem="is missing"))
    if reference.env:
        if reference.env not in os.environ:
            raise UsageError(Problem(file="target", place=place, problem=f"the environment variable {reference.env} is not set"))
        return os.environ[reference.env].strip()
    try:
        return Path(reference.file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        raise UsageError(Problem(file="target", place=place, problem=f"{reference.file} cannot be read: {error}")) from None


@dataclass
class Credentials:
    """The identities of a target; `send` reaches token endpoints, `chance` makes the wrong ones."""

    target: Target
    redactor: Redactor
    send: Sender
    wrong: str
    _tokens: dict[str, Headers] = field(default_factory=dict)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _refusals: dict[str, int] = field(default_factory=dict)
    sessions: list[LoginSession] = field(default_factory=list)

    def known(self, identity: str) -> bool:
        """Whether the target names this identity; "default", "none" and "bad" always exist."""
        return identity in ("default", "none", "bad") or identity in self.target.credentials or identity.startswith(FORGED)

    def check(self) -> None:
        """Resolve every reference once, so that a missing secret is told before anything is sent."""
        for name, credential in self.target.credentials.items():
            for what in ("token", "password", "client_secret"):
                reference = getattr(credential, what)
                if reference is not None:
                    self.redactor.learn(resolve_reference(reference, f"credentials.{name}.{what}"))

    async def headers(self, identity: str) -> Headers:
        """Return the headers that prove *identity*."""
        if identity == "none":
            return ()
        if identity.startswith(FORGED):
            return self._forged(await self.headers("default"), identity.removeprefix(FORGED))
        credential = self.target.credentials.get("default" if identity == "bad" else identity, Credential())
        if identity == "bad":
            return self._wrong(credential)
        async with self._locks.setdefault(identity, asyncio.Lock()):
            if identity not in self._tokens:
                if self._refusals.get(identity, 0) >= MOST_REFUSALS:
                    raise CredentialsRefused(f"refused {MOST_REFUSALS} times in a row")
                try:
                    self._tokens[identity] = await self._fetch(identity, credential)
                except CredentialsRefused as error:
                    if not error.busy:
                        self.renewed(identity, worked=False)
                    raise
            return self._tokens[identity]

    def renew(self, identity: str, used: Headers) -> bool:
        """Forget headers that were refused; tell whether fetching again may give others."""
        if identity in ("none", "bad") or identity.startswith(FORGED) or self._refusals.get(identity, 0) >= MOST_REFUSALS:
            return False
        credential = self.target.credentials.get(identity, Credential())
        from_file = credential.scheme in ("bearer", "api-key") and credential.token is not None and bool(credential.token.file)
        if credential.scheme not in ("session", "oauth2") and not from_file:
            return False
        if self._tokens.get(identity) == used:
            self._tokens.pop(identity, None)
        return True

    def renewed(self, identity: str, *, worked: bool) -> None:
        """Note whether fresh credentials were accepted."""
        self._refusals[identity] = 0 if worked else self._refusals.get(identity, 0) + 1

    def _place(self, credential: Credential) -> str:
        """Return the absolute URL of a login or token endpoint; where it may lead is decided when it is sent to."""
        try:
            return urljoin(self.target.url.rstrip("/") + "/", credential.url)
        except ValueError:
            raise CredentialsRefused(f"'{credential.url[:100]}' is not a URL") from None

    def _forged(self, headers: Headers, way: str) -> Headers:
        """Return the headers of an identity with its token forged; `Opaque` where there is none that we could forge."""
        found = []
        for name, value in headers:
            scheme, space, token = value.partition(" ") if name == "authorization" else ("", "", value)
            token = forged("" if scheme == "Basic" else token, way)
            self.redactor.learn(token)
            found.append((name, f"{scheme}{space}{token}"))
        if not found:
            raise Opaque("the target's credentials hold no token")
        return tuple(found)

    def _wrong(self, credential: Credential) -> Headers:
        if credential.scheme == "basic":
            return (("authorization", "Basic " + base64.b64encode(f"nobody-{self.wrong}:{self.wrong}".encode()).decode()),)
        if credential.scheme in ("api-key", "session"):
            return ((credential.header.lower() or "x-auth-token", self.wrong),)
        return (("authorization", f"Bearer {self.wrong}"),)

    async def _fetch(self, identity: str, credential: Credential) -> Headers:
        place = f"credentials.{identity}"
        if credential.scheme == "none":
            return ()
        if credential.scheme in ("bearer", "api-key"):
            token = resolve_reference(credential.token, f"{place}.token")
            self.redactor.learn(token)
            return (
                ((credential.header.lower() or "x-api-key", token),)
                if credential.scheme == "api-key"
                else (("authorization", f"Bearer {token}"),)
            )
        if credential.scheme == "basic":
            password = resolve_reference(credential.password, f"{place}.password")
            both = base64.b64encode(f"{credential.username}:{password}".encode()).decode()
            self.redactor.learn(password)
            self.redactor.learn(both)
            return (("authorization", f"Basic {both}"),)
        return await (self._login(place, credential) if credential.scheme == "session" else self._grant(place, credential))

    async def _login(self, place: str, credential: Credential) -> Headers:
        password = resolve_reference(credential.password, f"{place}.password")
        self.redactor.learn(password)
        names = credential.fields
        body = json.dumps({names.get("username", "username"): credential.username, names.get("password", "password"): password}).encode()
        url = self._place(credential)
        answer = await self.send(
            url,
            WireRequest(
                method="POST", target="", headers=(("content-type", "application/json"), ("accept", "application/json")), body=body
            ),
        )
        name = credential.header.lower() or "x-auth-token"
        token = header(answer.headers, name)
        if answer.status not in (200, 201) or not token:
            raise CredentialsRefused(f"the login answered {answer.status}" + ("" if token else f" without {name}"), answer.status)
        self.redactor.learn(token)
        location = header(answer.headers, "location")
        if location:
            with suppress(ValueError):  # not a URL
                self.sessions.append(LoginSession(url=urljoin(url, location), proof=(name, token)))
        return ((name, token),)

    async def _grant(self, place: str, credential: Credential) -> Headers:
        secret = resolve_reference(credential.client_secret, f"{place}.client_secret")
        self.redactor.learn(secret)
        both = base64.b64encode(f"{quote_plus(credential.client_id)}:{quote_plus(secret)}".encode()).decode()
        self.redactor.learn(both)
        form = {"grant_type": "client_credentials", **({"scope": credential.scope} if credential.scope else {})}
        headers = (
            ("authorization", f"Basic {both}"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        )
        url = self._place(credential)
        answer = await self.send(url, WireRequest(method="POST", target="", headers=headers, body=urlencode(form).encode()))
        try:
            token = json.loads(answer.body)["access_token"] if answer.status == 200 else None
        except (ValueError, KeyError, TypeError, RecursionError):
            token = None
        if not isinstance(token, str) or not token or not token.isascii() or any(c.isspace() for c in token):
            without = " without an access_token" if answer.status == 200 else ""
            raise CredentialsRefused(f"the token endpoint answered {answer.status}{without}", answer.status)
        self.redactor.learn(token)
        return (("authorization", f"Bearer {token}"),)
