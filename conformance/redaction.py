"""Secrets become keyed placeholders before anything is stored or judged: by place, and by value from 12 characters on.

The same secret gives the same placeholder within a run, so equality survives; the key is never stored.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from html import escape
from urllib.parse import quote, quote_plus, unquote

from conformance.exchange import ENCODED, PLACEHOLDER, Request
from conformance.wire import Headers

MIN_LENGTH = 12
SECRET_HEADERS = {
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-auth-token", "x-subject-token", "x-api-key", "api-key", "apikey",
    "x-access-token", "x-csrf-token",
}  # fmt: skip
_NAMES = r"[A-Za-z0-9_.-]*(?:password|passwd|secret|token|credential|api_?key|private_?key|authorization|cookie|assertion)[A-Za-z0-9_.-]*"
#: One of these stands in every name above, in whatever case: the search for it costs a twentieth of the search for names.
_HINTS = ("passw", "secret", "token", "credent", "key", "author", "cook", "assert")
_NOT_SECRET = re.compile(
    r"(?i)(type|expires?|expires_?in|_?endpoint|supported|uri|url|policy|policies|length|format|name|lifetime|limit|methods?|_id|id)$"
    r"|(?:next|skip|page|continu|sync|cursor|delta).*token$|^(?:next|skip|page|continue)_?-?token$|token_?type|.*@.*"
)
_JSON = re.compile(rf'("(?i:{_NAMES})"\s*:\s*)"((?:[^"\\]|\\.)*)"')
_FORM = re.compile(rf"(?i)(^|[?&;\s])({_NAMES})=([^&\s\"'<>]*)")


def spellings(secret: str) -> set[str]:
    """Return the ways in which a server may write *secret*: as it is, percent-encoded, as a JSON string, as HTML."""
    json_text = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    percent = {
        quote(secret, safe="", errors="surrogateescape"),
        quote(secret, errors="surrogateescape"),
        quote_plus(secret, errors="surrogateescape"),
    }
    lower = {re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), text) for text in percent}
    return {
        secret,
        *json_text,
        *(text.replace("/", "\\/") for text in json_text),
        *percent,
        *lower,
        escape(secret),
        escape(secret, quote=False),
    }


class Redactor:
    """Replaces the secrets of one run; `learn` adds values that came up on the way (a token that was issued)."""

    def __init__(self, key: bytes, secrets: Iterable[str] = ()) -> None:
        self.key = key
        self.secrets: set[str] = set()
        self._known: dict[str, str] = {}
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Redact this value from now on, wherever it stands."""
        if len(secret) >= MIN_LENGTH and secret not in self.secrets:
            self.secrets |= spellings(secret)
            self.__dict__.pop("_values", None)

    @cached_property
    def _values(self) -> re.Pattern[str] | None:
        return re.compile("|".join(re.escape(s) for s in sorted(self.secrets, key=len, reverse=True))) if self.secrets else None

    def placeholder(self, secret: str) -> str:
        """Return the placeholder of a secret."""
        name = f"«secret:{hmac.new(self.key, secret.encode('utf-8', 'surrogateescape'), hashlib.sha256).hexdigest()[:12]}»"
        self._known[name] = secret
        return name

    def reveal(self, text: str) -> str:
        """Return *text* with the placeholders of this run turned back, for sending to the target and nowhere else."""
        text = ENCODED.sub(lambda m: self._encoded(unquote(m[0]), m[0]), text) if "%C2%AB" in text else text
        return PLACEHOLDER.sub(lambda m: self._known.get(m[0], m[0]), text) if "«" in text else text

    def _encoded(self, name: str, instead: str) -> str:
        return quote_plus(self._known[name], errors="surrogateescape") if name in self._known else instead

    def reveal_header(self, value: str) -> str:
        """Return the value of a header with placeholders turned back; Basic credentials that had one are encoded only now."""
        told = self.reveal(value)
        scheme, _, both = told.partition(" ")
        return (
            f"Basic {base64.b64encode(both.encode('utf-8', 'surrogateescape')).decode()}" if told != value and scheme == "Basic" else told
        )

    def text(self, text: str) -> str:
        """Return *text* with secrets replaced: JSON members and form fields by name, known secrets by value."""
        text = _by_place(text, self.placeholder)
        return self._values.sub(lambda m: self.placeholder(m[0]), text) if self._values else text

    def body(self, body: bytes) -> bytes:
        """Return a body with secrets replaced; bytes that are no text are kept."""
        return self.text(body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape") if body else body

    def headers(self, headers: Headers) -> Headers:
        """Return headers with secrets replaced."""
        return tuple((k, self._secret(k, v) if k.lower() in SECRET_HEADERS and v else self.text(v)) for k, v in headers)

    def _secret(self, name: str, value: str) -> str:
        """Return the value of a header that holds a secret.

        A scheme and one token (RFC 9110 section 11.4) keep the scheme, so that tokens can be compared.
        """
        scheme, token = ("", value) if not name.lower().endswith("authorization") else _scheme(value)
        return value if PLACEHOLDER.fullmatch(token) else f"{scheme}{self.placeholder(token)}"


def _scheme(value: str) -> tuple[str, str]:
    """Return the scheme (with the space after it) and the token of credentials; anything else is a token as a whole."""
    found = re.fullmatch(r"(Bearer +)([^\s,]+)", value, re.IGNORECASE)
    return (found[1], found[2]) if found else ("", value)


def _by_place(text: str, placeholder: object) -> str:
    folded = text.casefold()
    if not any(hint in folded for hint in _HINTS):
        return text
    put = placeholder if callable(placeholder) else (lambda _: str(placeholder))

    def json_member(match: re.Match[str]) -> str:
        name = match[1].split('"')[1]
        if _NOT_SECRET.search(name) or not match[2] or PLACEHOLDER.fullmatch(match[2]):
            return match[0]
        return f'{match[1]}"{put(match[2])}"'

    def form_field(match: re.Match[str]) -> str:
        if _NOT_SECRET.search(match[2]) or not match[3] or PLACEHOLDER.search(match[3]) or ENCODED.search(match[3]):
            return match[0]
        return f"{match[1]}{match[2]}={put(match[3])}"

    if '"' in text:  # most headers have neither
        text = _JSON.sub(json_member, text)
    return _FORM.sub(form_field, text) if "=" in text else text


def same_request(a: Request, b: Request) -> bool:
    """Tell whether two requests are the same but for their secrets, which one of them may have lost."""
    return _bare(a) == _bare(b)


def _bare(request: Request) -> Request:
    def bare(text: str) -> str:
        return PLACEHOLDER.sub("«secret»", _by_place(text, "«secret»"))

    body = bare(request.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    headers = tuple((k, "«secret»" if k.lower() in SECRET_HEADERS else bare(v)) for k, v in request.headers)
    return replace(request, body=body, headers=headers, target=bare(request.target), link=bare(request.link))
