"""The request of an exchange as a shell command, safe to paste: what the server chose is data, never shell, option or file name."""

from __future__ import annotations

import json
import re
import shlex
from urllib.parse import urlsplit

from conformance.exchange import PLACEHOLDER, Exchange, Trouble
from conformance.flow import HANDSHAKE
from conformance.wire import Headers, header

MAX_BODY = 4096
#: Troubles that kept a request from being sent: there is nothing to repeat, and for some repeating it would do harm.
UNSENT = (Trouble.OFF_ORIGIN, Trouble.NOT_ALLOWED, Trouble.NO_CREDENTIALS, Trouble.GIVEN_UP)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_VARIABLES = {"default": "TOKEN", "bad": "WRONG_TOKEN", "other": "OTHER_TOKEN"}
_SILENT = ("accept", "content-type")


def curl(exchange: Exchange, *, scheme: str = "bearer", name: str = "", extra: Headers = ()) -> str:
    """Return a command that sends the request of *exchange* again.

    Credentials are never in it: shell variables stand for them (`TOKEN`; `WRONG_TOKEN` where they were wrong on purpose,
    `OTHER_TOKEN` for another tenant's; `USERNAME` and `PASSWORD` for basic). What cannot be said in a command line is left
    out, and a comment line above the command says so.

    Args:
        scheme: how the target wants credentials; "none" leaves them out.
        name: the header that carries them under "api-key" and "session".
        extra: headers that the target file adds to every request.

    Returns:
        Printable text with newlines, POSIX shell; `$'…'` (POSIX 2024) only where a character would not show.
    """
    request = exchange.request
    if exchange.trouble in UNSENT:
        return f"# never sent: {exchange.trouble}"
    if request.operation == "callback":
        return "# sent by the target to us: nothing to repeat"
    if request.operation == HANDSHAKE:
        return _greeting(exchange)
    if not re.match(r"https?://[^/?#]", exchange.url, re.IGNORECASE):
        return "# the address is not in the record"
    if not _TOKEN.fullmatch(request.method):
        return "# the method is not one that a command line can carry"
    notes: list[str] = []
    parts = ["curl --path-as-is --globoff --include"]
    parts += ["--head"] if request.method == "HEAD" and not request.body else [f"--request {shlex.quote(request.method)}"]
    own = {k.lower() for k, _ in request.headers}
    if request.identity != "none" and scheme != "none" and not own & {"authorization", name.lower() or "authorization"}:
        parts.append(_credentials(request.identity, scheme, name))
    headers = [*((k, v) for k, v in extra if k.lower() not in own), *request.headers]
    for key, value in headers:
        if not _TOKEN.fullmatch(key) or any(c in value for c in "\0\r\n"):
            notes.append("# a header is left out: a command line cannot carry it")
        else:
            parts.append(f"--header {quoted(f'{key}: {value}' if value.strip() else f'{key};')}")
    parts += [f"--header '{k}:'" for k in _SILENT if header(tuple(headers), k) is None and (k == "accept" or request.body)]
    if request.body:
        body = _text(request.body)
        if body is None or len(request.body) > MAX_BODY:
            notes.append(f"# body: {len(request.body)} bytes, see exchanges.jsonl")
        else:
            parts.append(f"{'--data-raw' if body.startswith('@') else '--data-binary'} {quoted(body)}")
    parts.append(f"--url {shlex.quote(_ascii(exchange.url))}")
    return "\n".join([*notes, " \\\n  ".join(parts)])


def _greeting(exchange: Exchange) -> str:
    """Return the command that greets with TLS in the same way."""
    try:
        parts, told = urlsplit(exchange.url), json.loads(exchange.request.body)
        host, port = parts.hostname or "", parts.port or 443
        versions = [v.lower().replace(" ", "").replace(".", "_").removesuffix("_0") for v in (told["lowest"], told["highest"])]
        ciphers = f" -cipher {shlex.quote(told['ciphers'])}" if told.get("ciphers") else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return "# the address is not in the record"
    only = f" -{versions[0]}" if versions[0] == versions[1] and re.fullmatch(r"tls1(_[123])?", versions[0]) else ""
    return f"openssl s_client -connect {shlex.quote(_ascii(f'{host}:{port}'))} -servername {shlex.quote(_ascii(host))}{only}{ciphers}"


def quoted(text: str) -> str:
    """Return *text* as one shell word in which every character shows.

    >>> quoted("it's"), quoted("a\\x1bb")
    ('\\'it\\'"\\'"\\'s\\'', "$'a\\\\033b'")
    """
    if all(c.isprintable() or c == "\n" for c in text):
        return shlex.quote(text)
    return "$'" + "".join(_escaped(c) for c in text) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    return char if char.isprintable() and char != "!" else "".join(f"\\{byte:03o}" for byte in char.encode())


def _credentials(identity: str, scheme: str, name: str) -> str:
    variable = _VARIABLES.get(identity, "OTHER_TOKEN")
    if scheme == "basic":
        prefix = variable.removesuffix("TOKEN")
        return f'--user "${prefix}USERNAME:${prefix}PASSWORD"'
    if scheme in ("api-key", "session"):
        return f'''--header {shlex.quote(name if _TOKEN.fullmatch(name) else "X-Auth-Token")}": ${variable}"'''
    return f'--header "Authorization: Bearer ${variable}"'


def _text(body: bytes) -> str | None:
    """Return a body as text, or None when no command line can carry it."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _ascii(url: str) -> str:
    """Percent-encode what may not stand in a URL, as the driver does on sending; placeholders of secrets stay readable."""
    pieces: list[str] = []
    at = 0
    for match in PLACEHOLDER.finditer(url):
        pieces += [_encoded(url[at : match.start()]), match[0]]
        at = match.end()
    return "".join([*pieces, _encoded(url[at:])])


def _encoded(text: str) -> str:
    return re.sub(r"[^!-~]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode("utf-8", "surrogatepass")), text)
