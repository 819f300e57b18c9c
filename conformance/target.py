"""What we need to know to test one endpoint (ISO/IEC 9646: the extra information for testing)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

Scheme = Literal["none", "bearer", "basic", "api-key", "session", "oauth2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Where a secret is: an environment variable or a file; the secret itself never stands in a target file."""

    env: str = ""
    file: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """How one identity proves itself.

    bearer: `token`; basic: `username`, `password`; api-key: `header` and `token`;
    session: POST `username`/`password` as JSON (`fields` renames them) to `url`, the token comes back in `header`;
    oauth2: client credentials (RFC 6749 section 4.4) at `url` with `client_id`, `client_secret`, `scope`.
    """

    scheme: Scheme = "none"
    token: Reference | None = None
    username: str = ""
    password: Reference | None = None
    header: str = ""
    url: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    client_id: str = ""
    client_secret: Reference | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the server proves itself, and we: files in PEM."""

    verify: bool = True
    cacert: str = ""
    cert: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What we may ask of a target: requests a second (0: no limit), in flight, seconds an answer may take, bytes of an answer."""

    rate: float = 0.0
    in_flight: int = 8
    timeout: float = 10.0
    body_bytes: int = 8_000_000
    header_bytes: int = 64_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One endpoint under test. Credentials go to the origin of `url` and to `origins`, nowhere else."""

    url: str
    name: str = ""
    origins: tuple[str, ...] = ()
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    tls: Tls = Tls()
    proxy: str = ""
    connect_to: str = ""
    limits: Limits = Limits()
    allow: tuple[str, ...] = ()
    test_data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def base_path(self) -> str:
        """The path of `url` without a trailing slash."""
        return urlsplit(self.url).path.rstrip("/")


def origin(url: str) -> str:
    """Return scheme, host and port of *url*, with the default port filled in (RFC 6454)."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://[{host}]:{port}" if ":" in host else f"{parts.scheme}://{host}:{port}"
