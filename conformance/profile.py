"""A profile: what we ask of a standard, and the bindings that say what its operations mean to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from conformance.case import Case
from conformance.contract import Contract, Operation
from conformance.requirement import Question, Requirement
from conformance.twin import TwinRules
from conformance.workflow import Workflow

ROLES = ("create", "read", "list", "replace", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A part of a standard that a claim can name; `core` cannot be denied."""

    name: str
    sentence: str
    discovered: Question | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAt:
    """Where clients find the link to a collection: in the answer of an operation, or in an instance of a resource."""

    pointer: str
    operation: str = ""
    resource: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """What a read shows of a deleted thing that does not vanish; `passing`: or not at once."""

    pointer: str
    equals: Any
    passing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What a read shows of a thing that is made, changed and removed later than it is accepted.

    `values` once it may be worked with, `failed` when that will never be, `leaving` while it is being removed; `within` seconds.
    """

    pointer: str
    values: tuple[Any, ...]
    failed: tuple[Any, ...] = ()
    leaving: tuple[Any, ...] = ()
    within: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A kind of thing that operations create, read, list, change and delete. Pointers are JSON Pointers."""

    name: str
    create: str = ""
    read: str = ""
    list: str = ""
    replace: str = ""
    update: str = ""
    delete: str = ""
    parameter: str = ""
    id: str = ""
    created_id: str = ""
    items: str = ""
    link: str = ""
    found_at: FoundAt | None = None
    location: bool = False
    example: Any = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    marker: str = ""
    ignore: tuple[str, ...] = ()
    unknown: str = "{unique}"
    gone: tuple[int, ...] = (404, 410)
    expired: Expired | None = None
    within: float = 0.0
    if_match: bool = False
    new_id: str = "{marker}"
    chosen: Mapping[str, str] = field(default_factory=dict)
    ready: Ready | None = None

    def role(self, operation: str) -> str:
        """Return the role that *operation* plays here, or ''."""
        return next((role for role in ROLES if getattr(self, role) == operation), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication:
    """Whether the standard demands credentials, and which statuses refuse."""

    required: bool = False
    anonymous: tuple[str, ...] = ()
    missing: tuple[int, ...] = (401,)
    bad: tuple[int, ...] = (401,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFormat:
    """What an error looks like."""

    schema: str = ""
    media: tuple[str, ...] = ()
    status: str = ""
    unknown: tuple[int, ...] = (404,)
    malformed: tuple[int, ...] = (400,)
    invalid: tuple[int, ...] = (400, 422)
    unsupported: tuple[int, ...] = (405, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identify:
    """How a server tells its edition.

    Either it says so: `editions` has for each edition a regular expression over the value at `pointer` in the answer to `operation`; or it
    shows it: `reads` has for each edition a read of its contract, without input, that a server of another edition does not know.
    """

    operation: str = ""
    pointer: str = ""
    editions: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """How the target calls back: what our sink answers, how a create subscribes, and what a delivery looks like.

    `subscribe` are the members of the create that hold the URL of our sink (`{sink.NAME}`) and its credential; `credential` is where
    a delivery's bearer token stands in them. `format` is `cloudevents` (in one of `modes`) or `json`; `media` are the media types,
    `schema` the component that an event follows, `about` where it names the instance; `within` seconds it is waited for (a number, or a
    template of test data that has a default).
    """

    answer: int = 204
    subscribe: Mapping[str, Any] = field(default_factory=dict)
    credential: str = ""
    format: str = "json"
    modes: tuple[str, ...] = ("structured", "binary")
    media: tuple[str, ...] = ()
    schema: str = ""
    about: str = ""
    within: float | str = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which things are meant: those that show one of `values` at `pointer`."""

    pointer: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Documents whose addresses an index tells.

    `index` is the operation that answers with it, `items` where its entries are, `link` where in an entry the address is, `base` where
    the index tells what addresses with a leading slash stand below (else it is what the path of the index stands below);
    `open` says which entries may be read without an agreement, `agreed` which test datum names those that the target's credentials open.
    """

    index: str
    items: str
    link: str
    base: str = ""
    open: Shown | None = None
    agreed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenParameter:
    """A path parameter that no resource owns."""

    test_data: str = ""
    default: Any = None


@dataclass(frozen=True, kw_only=True)
class Bindings:
    """What the operations of a contract mean to each other; see `docs/profiles.md`."""

    probe: str
    identify: Identify | None = None
    default_edition: str = ""
    media: tuple[str, ...] = ()
    permitted: tuple[int, ...] = (429, 503)
    authentication: Authentication = Authentication()
    error: ErrorFormat = ErrorFormat()
    resources: Mapping[str, Resource]
    parameters: Mapping[str, OpenParameter]
    test_data: Mapping[str, str]
    callbacks: Callbacks | None = None
    documents: Published | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    beside: bool = False

    @cached_property
    def owners(self) -> Mapping[str, Resource]:
        """Path parameter -> the resource whose id it carries."""
        return {r.parameter: r for r in self.resources.values() if r.parameter}

    def resource_of(self, operation: str) -> Resource | None:
        """Return the resource in which *operation* plays a role."""
        return self._playing.get(operation)

    @cached_property
    def _playing(self) -> Mapping[str, Resource]:
        """Operation -> the first resource in which it plays a role."""
        pairs = [(o, r) for r in reversed(tuple(self.resources.values())) for role in ROLES if (o := getattr(r, role))]
        return dict(pairs)


@dataclass(frozen=True, kw_only=True)
class Profile:
    """One edition of a profile, complete: requirements derived and written, contract, bindings, corpus, digests.

    `beside` is the profile whose standard the target speaks, where this one asks something of every standard (`looking_at`).
    """

    name: str
    edition: str
    title: str
    interface: int
    tier: str
    state: str
    features: Mapping[str, Feature]
    requirements: tuple[Requirement, ...]
    not_tested: tuple[Requirement, ...]
    contract: Contract
    bindings: Bindings
    cases: Mapping[str, tuple[Case, ...]]
    digests: Mapping[str, str]
    editions: tuple[str, ...] = ()
    dialect: str = ""
    dialects: Mapping[str, str] = field(default_factory=dict)
    workflows: Mapping[str, Workflow] = field(default_factory=dict)
    twin: TwinRules = field(default_factory=TwinRules)
    beside: Profile | None = None

    def looking_at(self, other: Profile) -> Profile:
        """Return this profile with the contract and the bindings of *other* added: what it asks is looked at there.

        Operations and test data of both are known; probe, resources, errors and credentials are those of *other*. Which edition of
        *other* it is was decided before: the server is asked for no edition of ours.
        """
        theirs = other.contract
        paths = {**self.contract.document.get("paths", {}), **theirs.document.get("paths", {})}
        contract = replace(
            theirs, document={**theirs.document, "paths": paths}, operations={**theirs.operations, **self.contract.operations}
        )
        bound = replace(
            other.bindings, identify=None, default_edition="", test_data={**other.bindings.test_data, **self.bindings.test_data},
            left_out=self.bindings.left_out, beside=True,
        )  # fmt: skip
        digests = {**self.digests, **{f"beside.{name}": other.digests[name] for name in ("contract", "bindings") if name in other.digests}}
        return replace(self, contract=contract, bindings=bound, digests=digests, beside=other)

    def operation(self, name: str) -> Operation:
        """Return an operation of the contract by its id."""
        return self.contract.operations[name]

    def resource(self, name: str) -> Resource:
        """Return a resource of the bindings by its name."""
        return self.bindings.resources[name]

    def edition_in(self, dialect: str) -> str:
        """Return the newest edition that is written in *dialect*, or ''."""
        return next((e for e in reversed(self.editions) if dialect and self.dialects.get(e) == dialect), "")

    @cached_property
    def by_id(self) -> Mapping[str, Requirement]:
        """Every requirement, tested or not, by its id."""
        return {r.id: r for r in (*self.requirements, *self.not_tested)}
