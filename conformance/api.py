"""What a check is given: the operations and resources of its profile, fresh valid examples, and requests built from them.

Everything is a function of the run's header (seed, start, test data) and the place in the run, so a recording can be re-judged.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from conformance.content import json_bytes
from conformance.contract import Operation, Parameter
from conformance.ending import Inconclusive, clip
from conformance.exchange import Exchange, Request
from conformance.forms import BASIC, FORM, PUBLIC, Client, proven
from conformance.multipart import BOUNDARY, MEDIA, write_parts
from conformance.profile import Profile, Resource
from conformance.requirement import pick
from conformance.run import Fact
from conformance.schema import resolve
from conformance.verdict import Effect

_TEMPLATE = re.compile(
    r"\{((?:id|example)\.[A-Za-z0-9_-]+|sink\.[A-Za-z0-9_-]+(?:\|[^{}]*)?|shown\.[A-Za-z0-9_-]+/[^{}]*|unique|marker|uuid|secret|port|ipv4|now(?:[+-]\d+s)?|test_data\.[A-Za-z0-9_-]+(?:\?|\|(?:[^{}]|\{[a-z0-9]+\})*)?)\}"
)
#: Facts of one case that are kept.
MOST_FACTS = 1000
_OTHERS = ("id.", "example.", "shown.")
_WORD = "abcdefghjkmnpqrstuvwxyz23456789"
#: What `{test_data.NAME?}` and `{shown.NAME/pointer?}` become where there is nothing: the member or item is left out.
LEFT_OUT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One instance: its id (with those of its parents) by path parameter, the link the server gave.

    `shown` is how the server showed it, `sent` the body that made it (None when it is not ours).
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    shown: Any = None
    sent: Any = None


@dataclass(kw_only=True)
class Api:
    """The tools of one case of one check; `place` (requirement, round, case) makes its fresh values its own.

    `homes` are the instances, by resource, that everything this case makes hangs under; `addresses` are links to operations, by id,
    that this case found; `facts` what it noted.
    """

    profile: Profile
    run_id: str
    started: float
    test_data: Mapping[str, Any]
    allowed: frozenset[str]
    place: str
    sink_url: str = ""
    nonce: str = ""
    url: str = ""
    homes: dict[str, Subject] = field(default_factory=dict, init=False, repr=False)
    facts: list[Fact] = field(default_factory=list, init=False, repr=False)
    addresses: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _chance: random.Random = field(init=False, repr=False)

    @property
    def base_path(self) -> str:
        """The path of the target's URL, without a slash at its end."""
        return urlsplit(self.url).path.rstrip("/")

    def __post_init__(self) -> None:
        digest = hashlib.sha256(f"{self.run_id}|{self.place}".encode()).digest()
        self._chance = random.Random(digest)

    # -- what there is -------------------------------------------------------------------------------------------
    def operation(self, name: str) -> Operation:
        """Return an operation of the contract."""
        return self.profile.operation(name)

    def resource(self, name: str) -> Resource:
        """Return a resource of the bindings."""
        return self.profile.resource(name)

    def allows(self, effect: Effect) -> bool:
        """Tell whether the target's owner allowed requests of this effect."""
        return not effect.consent or effect.consent in self.allowed

    def datum(self, name: str) -> Any:
        """Return a value of the target's test data.

        Raises:
            Inconclusive: the target file does not have it.
        """
        if name not in self.test_data:
            raise Inconclusive(f"needs test_data: {name}")
        return self.test_data[name]

    def _datum(self, asked: str) -> Any:
        """Return a value of the test data: `NAME`, `NAME?` (else left out), `NAME|DEFAULT` (a JSON value or a text)."""
        name, bar, default = asked.partition("|")
        if name.rstrip("?") in self.test_data:
            return self.test_data[name.rstrip("?")]
        if not bar:
            return LEFT_OUT if name.endswith("?") else self.datum(name)
        text = self.fill(default)
        try:
            return json.loads(text)
        except ValueError:
            return text

    def client(self) -> Client:
        """Return the OAuth client that the target's test data name: `client_id`, `client_secret`, `client_auth_method`."""
        method = str(self.test_data.get("client_auth_method", BASIC))
        secret = "" if method == PUBLIC else str(self.datum("client_secret"))
        return Client(id=str(self.datum("client_id")), secret=secret, method=method)

    def places(self, operation: Operation) -> list[str]:
        """Return the links at which an operation may be that the bindings place below or beside the path of the target's URL."""
        return list(dict.fromkeys(p.replace("{base}", self.base_path) for p in operation.address.places)) if operation.address else []

    @property
    def marker(self) -> str:
        """The word by which everything this run made is known."""
        return f"icra-{self.run_id[:8]}"

    def branch(self, name: str) -> Api:
        """Return tools for one of several flows run `together`: fresh values must not depend on which flow comes first."""
        return replace(self, place=f"{self.place}/{name}")

    def note(self, kind: str, value: object, about: object = "", **more: object) -> None:
        """Note a fact for the record: no verdict hangs on it (`run.Fact`). More than `MOST_FACTS` of one case are not kept."""
        if len(self.facts) < MOST_FACTS:
            told = {k: clip(v, 300) for k, v in more.items()}
            self.facts.append(Fact(kind=kind, value=clip(value, 300), about=clip(about, 300), more=told))

    # -- fresh values --------------------------------------------------------------------------------------------
    def fresh(self) -> str:
        """Return a short word that nothing in this run has used."""
        return "".join(self._chance.choices(_WORD, k=10))

    def fill(self, template: Any, others: Mapping[str, Any] | None = None) -> Any:
        """Return *template* with its templates (`{unique}`, `{now+60s}`, `{test_data.NAME}` …: docs/profiles.md) filled in.

        Args:
            others: what `{id.NAME}`, `{example.NAME}` and `{shown.NAME/pointer}` stand for; it takes requests to find out
                (`checks.subjects.filled`).
        """
        filled = self._filled(template, others or {})
        return None if filled is LEFT_OUT else filled

    def _filled(self, template: Any, known: Mapping[str, Any]) -> Any:
        if isinstance(template, Mapping):
            return {key: value for key, raw in template.items() if (value := self._filled(raw, known)) is not LEFT_OUT}
        if isinstance(template, list | tuple):
            return [value for raw in template if (value := self._filled(raw, known)) is not LEFT_OUT]
        if not isinstance(template, str):
            return template
        whole = _TEMPLATE.fullmatch(template)
        if whole and (whole[1].startswith("test_data.") or whole[1] == "port"):
            return self._value(whole[1])
        if whole and whole[1] in known:
            return known[whole[1]]
        return _TEMPLATE.sub(lambda m: _text(known[m[1]] if m[1] in known else self._value(m[1])), template)

    def sink_path(self, name: str) -> str:
        """Return the path at our sink, which nobody can guess, of the expectation called *name* (`{sink.NAME}` in an example)."""
        return hashlib.sha256(f"{self.nonce}|{self.place}|{name}".encode()).hexdigest()[:32]

    def _value(self, word: str) -> Any:
        if word == "unique":
            return self.fresh()
        if word == "marker":
            return f"{self.marker}-{self.fresh()}"
        if word == "uuid":
            return uuid.UUID(int=self._chance.getrandbits(128), version=4)
        if word == "secret":
            return f"Aa1!{self.fresh()}{self.fresh()}"
        if word == "port":
            return self._chance.randrange(1024, 65536)
        if word == "ipv4":  # 198.18.0.0/15 is kept for tests (RFC 2544 appendix C.2.2)
            return f"198.{self._chance.choice((18, 19))}.{self._chance.randrange(1, 255)}.{self._chance.randrange(1, 255)}"
        if word.startswith("test_data."):
            return self._datum(word.removeprefix("test_data."))
        if word.startswith(_OTHERS):
            return f"{{{word}}}"  # only a check that may ask the server knows
        if word.startswith("sink."):
            name, bar, instead = word.removeprefix("sink.").partition("|")
            return instead if bar and not self.sink_url else f"{self.sink_url or _no_sink()}/{self.sink_path(name)}"
        shift = timedelta(seconds=int(word[3:-1])) if len(word) > 3 else timedelta()
        moment = datetime.fromtimestamp(self.started, UTC) + shift
        return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"

    def example(self, resource: Resource, others: Mapping[str, Any] | None = None) -> Any:
        """Return a fresh body that creates a *resource*; *others* as in `fill`."""
        if resource.example is None:
            raise Inconclusive(f"needs an example of {resource.name}")
        return self.fill(resource.example, others)

    def changed(self, resource: Resource, body: Any) -> Any:
        """Return *body* with fresh values in the members that the bindings name as changeable."""
        return merged(body, self.fill(dict(resource.changes)))

    def unknown_id(self, resource: Resource) -> str:
        """Return a well-formed id that does not exist."""
        return str(self.fill(resource.unknown))

    # -- requests ------------------------------------------------------------------------------------------------
    def request(
        self, operation: Operation, *, subject: Subject | None = None, parameters: Mapping[str, str] | None = None,
        link: str = "", body: Any = None, query: Mapping[str, Any] | None = None, headers: Mapping[str, str | None] | None = None,
        identity: str = "default", raw: bytes | None = None,
    ) -> Request:  # fmt: skip
        """Return a valid request of *operation*.

        Args:
            subject: the instance it is about; its link is followed where the operation reads that very instance.
            parameters: path parameters that win over those of the subject.
            body: JSON value (or form fields), for a read by default what the bindings say; `raw` sends these bytes instead.
            query, headers: added to what the bindings say a valid request carries; a value of None leaves one out.

        Raises:
            Inconclusive: a path parameter has no value.
        """
        owner = self.profile.bindings.resource_of(operation.id)
        values = {**(subject.parameters if subject else {}), **(parameters or {})}
        makes = owner is not None and owner.create == operation.id and not (subject and owner.parameter in subject.parameters)
        if owner and makes and not link and owner.parameter in operation.path_parameters:  # the client chooses the name
            values.setdefault(owner.parameter, str(self.fill(owner.new_id)))
        if subject and subject.link and not parameters and owner and owner.role(operation.id) in ("read", "replace", "update", "delete"):
            link = link or subject.link
        if operation.address and not link:
            link = next(iter(self.places(operation)), "")
            if not link:
                raise Inconclusive(f"needs the address of {operation.title}, which only the server can tell")
        target = "" if link else self._path(operation, values)
        if body is None and raw is None and operation.effect is Effect.READ and operation.body is not None:
            body = self.fill(operation.body)
        asked = {
            **{p.name: _some_value(p) for p in operation.parameters if p.place == "query" and p.required},
            **operation.query,
            **(query or {}),
        }
        pairs = [(k, v) for k, value in asked.items() if value is not None for v in (value if isinstance(value, list) else [value])]
        text = urlencode([(k, _wire(self.fill(v))) for k, v in pairs], quote_via=quote, errors="surrogatepass")
        if text:
            mark = "&" if "?" in (link or target) else "?"
            link, target = (f"{link}{mark}{text}", "") if link else ("", f"{target}{mark}{text}")
        kept = {k: v for k, v in operation.headers.items() if k.lower() not in {name.lower() for name in headers or {}}}
        own = {k.lower(): str(value) for k, v in kept.items() if (value := self.fill(v)) is not None}
        sent = {"accept": self.accept(operation), **own}
        content = raw if raw is not None else b""
        parts = operation.request_media == MEDIA
        if raw is None and body is not None:
            form = operation.request_media == FORM
            content = urlencode(body, doseq=True).encode() if form else self._parts(operation, body) if parts else json_bytes(body)
        if content or raw is not None:
            sent["content-type"] = operation.request_media or "application/json"
        sent.update({k.lower(): v for k, v in (headers or {}).items() if v is not None})
        if parts and sent.get("content-type") == MEDIA:
            sent["content-type"] = f"{MEDIA}; boundary={BOUNDARY}"
        for name in [k.lower() for k, v in (headers or {}).items() if v is None]:
            sent.pop(name, None)
        undo = owner.name if owner and makes and owner.delete else ""
        request = Request(
            operation=operation.id, method=operation.method, target=target, link=link, headers=tuple(sent.items()), body=content,
            identity=identity, effect=operation.effect, undo=undo, on=operation.test_data,
        )  # fmt: skip
        return proven(request, self.client()) if operation.client else request

    def _parts(self, operation: Operation, body: Any) -> bytes:
        """Return a body as parts, the members of binary format as files."""
        schema = resolve(self.profile.contract.document, {"$ref": f"#{operation.request_schema}"}) if operation.request_schema else {}
        named = {n: resolve(self.profile.contract.document, s) for n, s in (schema.get("properties") or {}).items()}
        return write_parts(body, [n for n, s in named.items() if s.get("format") == "binary" or "contentMediaType" in s])

    def accept(self, operation: Operation) -> str:
        """Return the media types that the contract documents for success, for the Accept header."""
        media = dict.fromkeys(m for s, a in operation.answers.items() if s.startswith("2") for m in a.media)
        return ", ".join(media) or "*/*"

    def _path(self, operation: Operation, values: Mapping[str, str]) -> str:
        path = operation.path
        for name in operation.path_parameters:
            value = values.get(name)
            if value is None and name in self.profile.bindings.parameters:
                bound = self.profile.bindings.parameters[name]
                value = self.test_data.get(bound.test_data, bound.default) if bound.test_data else bound.default
            if value is None:
                raise Inconclusive(f"needs a value for {{{name}}} of {operation.title}")
            path = path.replace(f"{{{name}}}", quote(str(value), safe=":@!$'()*,~", errors="surrogatepass"))
        return path

    # -- answers -------------------------------------------------------------------------------------------------
    def subject(
        self, resource: Resource, shown: Any, *, parent: Subject | None = None, location: str = "", sent: Any = None, target: str = ""
    ) -> Subject:
        """Return the instance that *shown* (a body or list item) and *location* (a Location header) speak of.

        Where the client chooses the name, it is in the *target* of the request that made it, and nothing in the answer counts.

        Raises:
            Inconclusive: neither says which instance it is.
        """
        parameters = dict(parent.parameters) if parent else {}
        chosen = path_values(self.operation(resource.create).path, target) if target and resource.create else {}
        if resource.parameter in chosen:
            return Subject(parameters={**parameters, **chosen}, shown=shown, sent=sent)
        link = next((v for v in pick(shown, resource.link) if isinstance(v, str)), "") if resource.link else ""
        places = [p for p in ((resource.created_id if sent is not None else "") or resource.id, resource.id) if p]
        ids = [v for place in places for v in pick(shown, place) if isinstance(v, str | int) and not isinstance(v, bool)]
        if resource.link and not link and location:
            link = location
        if ids and resource.parameter:
            parameters[resource.parameter] = str(ids[0])
        elif link or location:
            parameters.update(self._from_link(resource, link or location))
        for name, pointer in resource.chosen.items() if sent is not None else ():
            named = next((v for v in pick(sent, pointer) if isinstance(v, str | int)), None)
            parameters |= {name: str(named)} if named is not None else {}
        if not link and resource.parameter and resource.parameter not in parameters:
            raise Inconclusive(f"no id of a {resource.name} at {resource.id or resource.link or 'Location'}")
        return Subject(parameters=parameters, link=link if resource.link else "", shown=shown, sent=sent)

    def _from_link(self, resource: Resource, link: str) -> dict[str, str]:
        """Read path parameters off a link whose path ends like the resource's read operation; else nothing."""
        return path_values(self.operation(resource.read).path, link) if resource.read else {}

    def items(self, resource: Resource, body: Any) -> list[Any]:
        """Return the items of a list answer, of all groups where they are in groups; empty when the member is not there."""
        return [item for found in pick(body, resource.items) if isinstance(found, list) for item in found]

    def server_owned(self, operation: Operation) -> tuple[str, ...]:
        """Return pointers of the members that the server writes (`readOnly`) in the success answers of *operation*."""
        schemas = [p for s in operation.success if (a := operation.documented(s)) for p in a.media.values() if p]
        return _marked(self.profile.contract.document, schemas, "readOnly")

    def write_only(self, operation: Operation) -> tuple[str, ...]:
        """Return pointers of the members of the request body that no answer shows (`writeOnly`)."""
        return _marked(self.profile.contract.document, [operation.request_schema] if operation.request_schema else [], "writeOnly")

    def body_of(self, exchange: Exchange) -> Any:
        """Return the JSON of an answer, or None where there is no body."""
        return exchange.json() if exchange.body.strip() else None


def spoken_of(template: Any) -> tuple[str, ...]:
    """Return the words `id.NAME`, `example.NAME` and `shown.NAME/pointer` in *template*, each once.

    >>> spoken_of({"app": "{id.app}", "zones": ["{id.zone}", "{unique}"]})
    ('id.app', 'id.zone')
    """
    if isinstance(template, Mapping):
        found = [w for value in template.values() for w in spoken_of(value)]
    elif isinstance(template, list | tuple):
        found = [w for value in template for w in spoken_of(value)]
    else:
        found = [w for w in _TEMPLATE.findall(template) if w.startswith(_OTHERS)] if isinstance(template, str) else []
    return tuple(dict.fromkeys(found))


def _text(value: Any) -> str:
    return "" if value is LEFT_OUT else str(value)


def path_values(template: str, target: str) -> dict[str, str]:
    """Return the path parameters in *target* (a target, link or URL) whose path ends like *template*; else nothing.

    >>> path_values("/Users/{userId}", "https://host/v2/Users/42?a=b")
    {'userId': '42'}
    """
    parts = [f"(?P<{p[1:-1]}>[^/]+)" if p.startswith("{") else re.escape(p) for p in re.split(r"(\{[^}]+\})", template)]
    names = [p[1:-1] for p in re.split(r"(\{[^}]+\})", template) if p.startswith("{")]
    for name in names:
        parts = [p.replace(f"(?P<{name}>", f"(?P<{re.sub(r'[^A-Za-z0-9_]', '_', name)}>") for p in parts]
    found = re.search("".join(parts) + r"/?$", urlsplit(target).path)
    return {name: unquote(found[re.sub(r"[^A-Za-z0-9_]", "_", name)]) for name in names} if found else {}


def merged(body: Any, changes: Any) -> Any:
    """Return *body* with *changes* merged in (RFC 7396 JSON Merge Patch, on a copy)."""
    if not isinstance(changes, Mapping) or not isinstance(body, Mapping):
        return copy.deepcopy(changes)
    out = copy.deepcopy(dict(body))
    for key, value in changes.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = merged(out.get(key), value) if isinstance(value, Mapping) else copy.deepcopy(value)
    return out


def _no_sink() -> str:
    raise Inconclusive("no callback sink that the target can reach: --sink-url")


def _wire(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _some_value(parameter: Parameter) -> Any:
    schema = parameter.schema
    for key in ("example", "default"):
        if key in schema:
            return schema[key]
    examples: Sequence[Any] = schema.get("examples") or schema.get("enum") or ()
    return examples[0] if examples else {"integer": 1, "number": 1, "boolean": True}.get(str(schema.get("type")), "a")


def _marked(document: Mapping[str, Any], schemas: Sequence[str], mark: str) -> tuple[str, ...]:
    found: dict[str, None] = {}

    def walk(schema: Any, at: str, depth: int) -> None:
        if depth > 8 or not isinstance(schema, Mapping):
            return
        schema = resolve(document, schema)
        if schema.get(mark) and at:
            found[at] = None
            return
        for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
            walk(part, at, depth + 1)
        for name, inner in (schema.get("properties") or {}).items():
            there = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            if isinstance(inner, Mapping) and inner.get(mark):
                found[there] = None
            else:
                walk(inner, there, depth + 1)
        walk(schema.get("items"), f"{at}/*", depth + 1)

    for pointer in schemas:
        walk({"$ref": f"#{pointer}"}, "", 0)
    return tuple(found)
