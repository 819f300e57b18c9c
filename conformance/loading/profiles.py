"""Load a profile: contract, bindings, requirements derived and written, corpus; every problem of a file at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from conformance.api import merged
from conformance.case import Case
from conformance.contract import METHODS, Address, Contract, Operation, operations_of
from conformance.errors import Problem, UsageError, did_you_mean
from conformance.loading.moved import moved
from conformance.loading.plain_yaml import read_text, read_yaml
from conformance.loading.twins import load_twin
from conformance.loading.validation import demand, problems_of
from conformance.loading.workflows import hold, load_workflows
from conformance.profile import Authentication, Bindings, ErrorFormat, Feature, Profile, Resource
from conformance.requirement import FAMILIES, Question, Requirement
from conformance.verdict import Effect, Level

_PACKAGE = Path(__file__).resolve().parent.parent
#: Files that all editions of a profile share.
_SHARED = ("bindings", "twin")

#: What a derived requirement says when the profile does not word it; `{title}` is method and path.
SENTENCES = {
    "answers": "A valid {title} is processed.",
    "answer": "The answer to a valid {title} is as documented: status, required headers, media type and body.",
    "errors": "{title} answers what it cannot process (an unknown id, a body that is not JSON) with a documented error status.",
    "authentication": "{title} refuses a request without credentials, and one with wrong credentials.",
    "refuses": "{title} refuses input that the contract forbids.",
}


@dataclass(frozen=True)
class Shelf:
    """The folders that profiles and contracts are read from; the first that has a name wins."""

    profile_dirs: tuple[Path, ...]
    spec_dirs: tuple[Path, ...]

    @classmethod
    def standard(cls, profile_dir: Path | None = None, spec_dir: Path | None = None) -> Shelf:
        """Return the folders given, then those that come with the package (wheel or checkout)."""
        root = _PACKAGE / "data" if (_PACKAGE / "data").is_dir() else _PACKAGE.parent
        for one in (profile_dir, spec_dir):
            if one is not None and not one.is_dir():
                raise UsageError(Problem(file=str(one), problem="not a folder"))
        return cls((*([profile_dir] if profile_dir else []), root / "profiles"), (*([spec_dir] if spec_dir else []), root / "specs"))

    @cached_property
    def profiles(self) -> Mapping[str, tuple[str, ...]]:
        """Profile name -> editions, oldest first."""
        found: dict[str, tuple[str, ...]] = {}
        for folder in self.profile_dirs:
            for home in sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else ():
                editions = sorted(
                    (p.stem for p in home.glob("*.yaml") if p.stem not in _SHARED and ".arazzo" not in p.name), key=_version_key
                )
                if editions and home.name not in found:
                    found[home.name] = tuple(editions)
        return found

    @cached_property
    def _loaded(self) -> dict[str, Profile]:
        """What was read through this shelf: files do not change while a command runs."""
        return {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Shelf, (self.profile_dirs, self.spec_dirs)

    def home(self, profile: str) -> Path:
        """Return the folder of a profile.

        Raises:
            UsageError: there is none.
        """
        if profile not in self.profiles:
            raise UsageError(Problem(file="profile", problem=f"'{profile}' is not a profile", hint=did_you_mean(profile, self.profiles)))
        return next(d / profile for d in self.profile_dirs if (d / profile).is_dir() and list((d / profile).glob("*.yaml")))

    def contract_file(self, contract: str) -> Path:
        """Return the file of a contract (`scim2/2.0`)."""
        for folder in self.spec_dirs:
            if (folder / contract / "openapi.yaml").is_file():
                return folder / contract / "openapi.yaml"
        raise UsageError(Problem(file=contract, problem="no such contract", hint="specs/STANDARD/EDITION/openapi.yaml"))


def _version_key(text: str) -> list[tuple[int, int | str]]:
    return [(0, int(p)) if p.isdigit() else (1, p) for p in re.split(r"[.\-_]", text)]


def load_profile(name: str, shelf: Shelf | None = None, beside: str = "") -> Profile:
    """Return the profile called *name* (`scim2` or `alertmanager-v2@0.25`); without an edition the default one.

    Args:
        beside: the profile of the standard that the target speaks, for one that asks something of every standard.

    Raises:
        UsageError: no such profile or edition, or its files are wrong (all problems of a file at once).
    """
    shelf = shelf or Shelf.standard()
    key = f"{name} {beside}" if beside else name
    if key not in shelf._loaded:
        shelf._loaded[key] = _looking(load_profile(name, shelf), beside, shelf) if beside else _load(name, shelf)
    return shelf._loaded[key]


def _looking(profile: Profile, beside: str, shelf: Shelf) -> Profile:
    """Return *profile* as it looks at the standard of another."""
    other = load_profile(beside, shelf)
    if not profile.bindings.beside or other.bindings.beside:
        told = f"'{profile.name}' cannot look at '{other.name}'"
        raise UsageError(Problem(file="beside", problem=told, hint="a profile with `beside: true` in its bindings looks at one without"))
    return profile.looking_at(other)


def _load(name: str, shelf: Shelf) -> Profile:
    name, _, edition = name.partition("@")
    home = shelf.home(name)
    editions = shelf.profiles[name]
    bindings_file = home / "bindings.yaml"
    raw_bindings = demand(read_yaml(bindings_file), "bindings", str(bindings_file))
    edition = edition or raw_bindings.get("default_edition") or editions[-1]
    if edition not in editions:
        raise UsageError(Problem(file=name, problem=f"no edition '{edition}'", hint=f"there are {', '.join(editions)}"))
    raw, files = _edition(home, edition, ())
    contract_file = shelf.contract_file(raw["contract"])
    document = read_yaml(contract_file)
    contract = _contract(raw["contract"], document, contract_file)
    spoken = _spoken(raw_bindings, edition, raw.get("dialect", ""), str(bindings_file))
    bindings, contract = _bind(spoken, contract, str(bindings_file), bool(len(editions) > 1))
    read = bindings.identify.reads.get(edition, "") if bindings.identify else ""
    if read and read not in contract.operations:
        hint = did_you_mean(read, contract.operations)
        raise UsageError(
            Problem(file=str(bindings_file), place=f"identify.reads.{edition}", problem=f"'{read}' is not an operation", hint=hint)
        )
    cases = _cases(home / f"{edition}.corpus.jsonl")
    profile_file = str(home / f"{edition}.yaml")
    requirements, not_tested = _requirements(raw, contract, bindings, cases, profile_file)
    workflows = load_workflows(home / f"{edition}.arazzo.yaml", contract.operations)
    hold(requirements, workflows, profile_file)
    twin = load_twin(home / "twin.yaml", contract, bindings, requirements, len(editions) > 1)
    digests = {
        "profile": _digest(*files), "bindings": _digest(bindings_file), "contract": _digest(contract_file),
        "corpus": _digest(home / f"{edition}.corpus.jsonl"),
        "workflows": _digest(home / f"{edition}.arazzo.yaml"),
    }  # fmt: skip
    return Profile(
        name=name, edition=edition, title=raw["title"], interface=raw["interface"], tier=raw["tier"], state=raw["state"],
        features=_features(raw["features"]), requirements=requirements, not_tested=not_tested, contract=contract, bindings=bindings,
        cases=cases, digests=digests, editions=editions, workflows=workflows, twin=twin, dialect=raw.get("dialect", ""),
        dialects={e: read_yaml(home / f"{e}.yaml").get("dialect", "") for e in editions} if "dialects" in raw_bindings else {},
    )  # fmt: skip


def _spoken(raw: Mapping[str, Any], edition: str, dialect: str, file: str) -> dict[str, Any]:
    """Return the bindings as the edition and its dialect have them: what `editions` and `dialects` say of it merged in (null takes away)."""
    known = raw.get("dialects", {})
    if dialect and dialect not in known:
        raise UsageError(Problem(file=file, place="dialects", problem=f"'{dialect}' is missing", hint=did_you_mean(dialect, known)))
    spoken: Any = {k: v for k, v in raw.items() if k not in ("dialects", "editions")}
    spoken = merged(spoken, raw.get("editions", {}).get(edition, {}))
    return dict(merged(spoken, known[dialect])) if dialect else dict(spoken)


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes() if file.is_file() else b"")
    return digest.hexdigest()


def _edition(home: Path, edition: str, seen: tuple[str, ...]) -> tuple[dict[str, Any], list[Path]]:
    """Read one edition with what it extends merged in."""
    file = home / f"{edition}.yaml"
    if edition in seen:
        raise UsageError(Problem(file=str(file), place="extends", problem="editions extend each other in a circle"))
    raw: dict[str, Any] = demand(read_yaml(file), "profile", str(file))
    if raw["profile"] != home.name or raw["edition"] != edition:
        raise UsageError(
            Problem(file=str(file), problem=f"says it is {raw['profile']} {raw['edition']}", hint="the folder and the file name must agree")
        )
    raw = {"features": {}, "operations": {}, "requirements": [], "not_tested": [], **raw}
    if "extends" not in raw:
        return raw, [file]
    base, files = _edition(home, raw["extends"], (*seen, edition))
    base = moved(base, raw, str(file))
    removed = set(raw.get("removed", ()))
    merged = {**base, **raw, "features": {k: v for k, v in base["features"].items() if k not in removed} | raw["features"]}
    merged["operations"] = {k: v for k, v in {**base["operations"], **raw["operations"]}.items() if k not in removed}
    for key in ("requirements", "not_tested"):
        own = {r["id"]: r for r in raw[key]}
        kept = [own.pop(r["id"], r) for r in base[key] if r["id"] not in removed]
        merged[key] = kept + list(own.values())
    return merged, [*files, file]


def _contract(name: str, document: Any, file: Path) -> Contract:
    standard, edition = name.split("/")
    demand(document, "contract", str(file))
    named = [raw["operationId"] for item in document["paths"].values() for method, raw in item.items() if method in METHODS]
    missing = [
        Problem(file=str(file), place="paths", problem=f"two operations are called '{one}'")
        for one in sorted({n for n in named if named.count(n) > 1})
    ]
    missing += [Problem(file=str(file), place=where, problem=f"'{ref}' leads nowhere") for where, ref in _dangling(document)]
    if missing:
        raise UsageError(*missing)
    return Contract(standard=standard, edition=edition, document=document, operations=operations_of(document))


def _dangling(document: Any) -> Iterator[tuple[str, str]]:
    from conformance.schema import lookup

    def walk(node: Any, where: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, dict):
            ref = node.get("$ref")
            if isinstance(ref, str):
                try:
                    if not ref.startswith("#"):
                        raise KeyError(ref)
                    lookup(document, ref[1:])
                except KeyError:
                    yield where, ref
            for key, value in node.items():
                if key not in ("example", "examples", "default", "const", "enum"):
                    yield from walk(value, f"{where}.{key}" if where else str(key))
        elif isinstance(node, list):
            for number, value in enumerate(node):
                yield from walk(value, f"{where}[{number}]")

    return walk(document, "")


def _question(raw: Mapping[str, Any] | None) -> Question | None:
    return Question(**raw) if raw else None


def _features(raw: Mapping[str, Any]) -> dict[str, Feature]:
    found = {"core": Feature(name="core", sentence="What every implementation offers.")}
    for name, said in raw.items():
        if isinstance(said, str):
            found[name] = Feature(name=name, sentence=said)
        else:
            found[name] = Feature(name=name, sentence=said["sentence"], discovered=_question(said.get("discovered")))
    return found


def _bind(raw: Mapping[str, Any], contract: Contract, file: str, several_editions: bool) -> tuple[Bindings, Contract]:
    """Build the bindings, and the contract with what they add to each operation."""
    problems: list[Problem] = []
    known = contract.operations

    def named(operation: str, place: str) -> bool:
        if operation not in known and not several_editions:
            problems.append(
                Problem(
                    file=file,
                    place=place,
                    problem=f"'{operation}' is not an operation of the contract",
                    hint=did_you_mean(operation, known),
                )
            )
        return operation in known

    named(raw["probe"], "probe")
    if "documents" in raw:
        named(raw["documents"]["index"], "documents.index")
    for number, one in enumerate(raw.get("authentication", {}).get("anonymous", ())):
        named(one, f"authentication.anonymous[{number}]")
    resources: dict[str, Resource] = {}
    for name, said in raw.get("resources", {}).items():
        roles = {role: said[role] for role in ("create", "read", "list", "replace", "update", "delete") if role in said}
        kept = {role: op for role, op in roles.items() if named(op, f"resources.{name}.{role}")}
        rest = {k: v for k, v in said.items() if k not in roles}
        resources[name] = msgspec.convert({"name": name, **kept, **rest}, Resource)
    bound: dict[str, Operation] = {}
    for name, operation in known.items():
        said = raw.get("operations", {}).get(name, {})
        if "effect" not in said and not operation.safe:
            problems.append(
                Problem(
                    file=file,
                    place=f"operations.{name}",
                    problem=f"'effect' of {operation.title} is missing",
                    hint="read, own, lasting or disruptive",
                )
            )
        bound[name] = replace(
            operation, effect=Effect(said.get("effect", "read")), success=tuple(said.get("success", operation.success)),
            permitted=tuple(said.get("permitted", ())), query=said.get("query", {}), headers=said.get("headers", {}), body=said.get("body"),
            test_data=said.get("test_data", ""), address=msgspec.convert(said["address"], Address) if "address" in said else None,
            client=said.get("client", False),
        )  # fmt: skip
    for name, said in raw.get("operations", {}).items():
        named(name, f"operations.{name}")
        for number, one in enumerate(said.get("address", {}).get("shown", ())):
            named(one, f"operations.{name}.address.shown[{number}]")
    schema = raw.get("error", {}).get("schema")
    if schema and schema not in contract.document.get("components", {}).get("schemas", {}):
        problems.append(Problem(file=file, place="error.schema", problem=f"'{schema}' is not a component schema of the contract"))
    if problems:
        raise UsageError(*problems)
    simple = {k: v for k, v in raw.items() if k not in ("resources", "operations", "authentication", "error")}
    built = msgspec.convert({"parameters": {}, "test_data": {}, "resources": {}, **simple}, Bindings)
    built = replace(
        built, resources=resources, authentication=msgspec.convert(raw.get("authentication", {}), Authentication),
        error=msgspec.convert(raw.get("error", {}), ErrorFormat),
    )  # fmt: skip
    return built, replace(contract, operations=bound)


def _cases(file: Path) -> dict[str, tuple[Case, ...]]:
    """Read a corpus; its first line tells how it was made."""
    found: dict[str, list[Case]] = {}
    if not file.is_file():
        return {}
    for number, line in enumerate(read_text(file).splitlines()):
        try:
            if number == 0 and '"corpus"' in line:
                continue
            case = msgspec.json.decode(line.encode(), type=Case)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise UsageError(Problem(file=str(file), place=f"line {number + 1}", problem=str(error))) from None
        found.setdefault(case.operation, []).append(case)
    return {operation: tuple(cases) for operation, cases in found.items()}


def _requirements(
    raw: Mapping[str, Any], contract: Contract, bindings: Bindings, cases: Mapping[str, tuple[Case, ...]], file: str
) -> tuple[tuple[Requirement, ...], tuple[Requirement, ...]]:
    problems: list[Problem] = []
    name = raw["profile"]
    found: list[Requirement] = []
    for operation_id, said in raw["operations"].items():
        if operation_id not in contract.operations:
            hint = did_you_mean(operation_id, contract.operations)
            problems.append(Problem(file=file, place=f"operations.{operation_id}", problem="not an operation of the contract", hint=hint))
            continue
        found += _derived(name, contract.operations[operation_id], said, bindings, cases)
    for number, said in enumerate(raw["requirements"]):
        place = f"requirements[{number}]"
        on = said.get("on", "")
        if on and on not in bindings.resources and on not in contract.operations:
            problems.append(
                Problem(
                    file=file,
                    place=f"{place}.on",
                    problem=f"'{on}' is neither a resource nor an operation",
                    hint=did_you_mean(on, [*bindings.resources, *contract.operations]),
                )
            )
        found.append(_written(name, said))
    skipped = [_written(name, said) for said in raw["not_tested"]]
    features = {"core", *raw["features"]}
    ids: set[str] = set()
    for one in (*found, *skipped):
        if one.feature not in features:
            problems.append(
                Problem(file=file, place=one.id, problem=f"'{one.feature}' is not a feature", hint=did_you_mean(one.feature, features))
            )
        if one.id in ids:
            problems.append(Problem(file=file, place=one.id, problem="this id stands here twice"))
        if one.basis == "programme" and not one.decided:
            problems.append(
                Problem(file=file, place=one.id, problem="'decided' is missing", hint="basis: programme says when this project decided")
            )
        ids.add(one.id)
    for one in found:
        problems += [
            Problem(file=file, place=one.id, problem=f"needs '{n}', which is not a requirement") for n in one.needs if n not in ids
        ]
    if problems:
        raise UsageError(*problems)
    return tuple(found), tuple(skipped)


def _derived(
    profile: str, operation: Operation, said: Mapping[str, Any], bindings: Bindings, cases: Mapping[str, tuple[Case, ...]]
) -> Iterator[Requirement]:
    auth = bindings.authentication
    applies = {
        "answers": True,
        "answer": True,
        "errors": any(p in bindings.owners for p in operation.path_parameters) or "json" in operation.request_media,
        "authentication": auth.required and operation.id not in auth.anonymous,
        "refuses": bool(cases.get(operation.id)),
    }
    for family in FAMILIES:
        override = said.get(family, {})
        if override is False or not applies[family]:
            continue
        told = {**{k: v for k, v in said.items() if k not in FAMILIES}, **override}
        first = f"{profile}/{operation.slug}.answers"
        yield Requirement(
            id=f"{profile}/{operation.slug}.{family}", level=Level(told["level"]), clause=told["clause"], seen=told.get("seen", True),
            basis=told.get("basis", "standard"), decided=told.get("decided", ""), feature=told.get("feature", "core"),
            sentence=told.get("sentence") or SENTENCES[family].format(title=operation.title), check=family, on=operation.id, arguments={},
            when=_question(told.get("when")), needs=() if family == "answers" or said.get("answers") is False else (first,), family=family,
        )  # fmt: skip


def _written(profile: str, said: Mapping[str, Any]) -> Requirement:
    return Requirement(
        id=f"{profile}/{said['id']}",
        level=Level(said["level"]),
        clause=said["clause"],
        seen=said.get("seen", True),
        basis=said.get("basis", "standard"),
        decided=said.get("decided", ""),
        feature=said.get("feature", "core"),
        sentence=said["sentence"],
        check=said.get("check", ""),
        on=said.get("on", ""),
        arguments=said.get("with", {}),
        when=_question(said.get("when")),
        needs=tuple(n if "/" in n else f"{profile}/{n}" for n in said.get("needs", ())),
        alone=said.get("alone", False),
        reason=said.get("reason", ""),
    )


def problems_in(home: Path) -> list[Problem]:
    """Return every schema problem of the files in a profile's folder (for editors and `make lint`)."""
    found: list[Problem] = []
    for file in sorted(home.glob("*.yaml")):
        if ".arazzo" not in file.name:
            found += problems_of(read_yaml(file), file.stem if file.stem in _SHARED else "profile", str(file))
    return found


def corpus_header(file: Path) -> dict[str, Any]:
    """Return the first line of a corpus: what made it."""
    first = read_text(file).splitlines()[:1]
    return dict(json.loads(first[0]).get("corpus", {})) if first else {}
