"""Commands that make and prove contracts: new-profile, specs list, specs verify, specs feedback."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.cli.common import say, shelf_of
from conformance.errors import Problem, UsageError, asked
from conformance.loading.dialect import Description, read_description
from conformance.loading.plain_yaml import read_yaml
from conformance.loading.profiles import Shelf, load_profile
from conformance.loading.sources import chosen, contracts_on, read_source
from conformance.planning.carving import Wanted
from conformance.planning.draft import Draft, draft
from conformance.planning.proof import Proof, prove, table, unproved
from conformance.source import KINDS, Source
from conformance.writers.plain_yaml import yaml_text

UPSTREAM = "CONFORMANCE_UPSTREAM"


# -- new-profile ------------------------------------------------------------------------------------------------------


def _new_profile_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser("new-profile", help="draft contract, profile and bindings from an OpenAPI file")
    command.add_argument(
        "openapi", metavar="OPENAPI", type=Path, nargs="+", help="Swagger 2.0 or OpenAPI 3.x; several files of one API become one contract"
    )
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="specs/ and profiles/ are written here")
    command.add_argument("--operations", default="", metavar="ID,…", help="only these operations (ids, or 'GET /path')")
    command.add_argument("--path-prefix", default="", metavar="PATH", help="only operations under this path")
    command.add_argument("--profile", default="", metavar="NAME", help="what to call it (default: from the title)")
    command.add_argument("--edition", default="", metavar="E", help="default: the version in the document")
    command.add_argument("--interface", type=int, choices=range(1, 10), default=0, metavar="N", help="functional interface, 1 to 9")
    command.add_argument("--seen", action="store_true", help="the operations were looked up: what is drafted counts in totals")
    command.add_argument("--force", action="store_true", help="write over files that are there")
    command.set_defaults(call=new_profile)
    return command


def new_profile(options: argparse.Namespace) -> int:
    """Draft a standard and write its four files, after loading them once."""
    description = read_description(*options.openapi)
    wanted = _wanted(options, description)
    folded = description.folded()
    made = draft(folded.document, wanted, base=description.base, notes=description.notes)
    files = write_draft(made, wanted, options.output, force=options.force)
    profile = load_profile(f"{wanted.name}@{wanted.edition}", Shelf.standard(options.output / "profiles", options.output / "specs"))
    for file in files:
        print(file)
    for note in made.notes:
        say(f"note: {note}")
    for name, remark in made.remarks.items():
        say(f"look at bindings.yaml, {name}: {remark}")
    resources = len(profile.bindings.resources)
    say(
        f"{profile.name} {profile.edition}: {len(profile.contract.operations)} operations, {resources} resources, "
        f"{len(profile.requirements)} requirements{'' if wanted.seen else ' (drafts until their clauses are looked up)'}"
    )
    return 0


def _wanted(options: argparse.Namespace, description: Description) -> Wanted:
    info = description.document.get("info") or {}
    told = _told(options.openapi[0])
    title = str(told.get("standard") or info.get("title") or options.openapi[0].stem)
    name = options.profile or _slug(title)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise asked(
            f"'{name}' is not a name for a profile", place="--profile", hint=f"lower-case words joined by '-', such as '{_slug(name)}'"
        )
    edition = options.edition or _edition(str(info.get("version") or "1.0"))
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", edition):
        raise asked(f"'{edition}' is not an edition", place="--edition", hint="letters, digits, '.', '_' and '-'")
    numbered = re.search(r"[1-9]", str(told.get("interface") or ""))
    contact, licence = (v if isinstance(v := info.get(word), dict) else {} for word in ("contact", "license"))
    alone = len(options.openapi) == 1
    return Wanted(
        name=name, edition=edition, title=title, interface=options.interface or (int(numbered[0]) if numbered else 1),
        operations=tuple(o.strip() for o in options.operations.split(",") if o.strip()), path_prefix=options.path_prefix,
        publisher=str(told.get("publisher") or contact.get("name") or "unknown"),
        licence=str(told.get("licence") or licence.get("name") or "unknown"),
        url=str(told.get("repo") or contact.get("url") or ""), commit=told.get("commit"),
        documents=tuple(_pinned(file) for file in options.openapi), sha256=tuple(_digest(file) for file in options.openapi), seen=options.seen,
        clause=options.openapi[0].name if alone else "",
    )  # fmt: skip


def _told(file: Path) -> dict[str, Any]:
    """Return what a `source.json` beside the document tells of it."""
    beside = file.parent / "source.json"
    if not beside.is_file():
        return {}
    told = read_yaml(beside)
    return told if isinstance(told, dict) else {}


def _slug(title: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", title.lower())) or "standard"


def _edition(version: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", version).strip("-._") or "1.0"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _pinned(file: Path) -> str:
    """Return the document as `source.yaml` names it: from the folder of pinned documents where it lies there."""
    root = os.environ.get(UPSTREAM)
    here = file.resolve()
    if root and Path(root).resolve() in here.parents:
        return here.relative_to(Path(root).resolve()).as_posix()
    return file.name


def write_draft(made: Draft, wanted: Wanted, folder: Path, *, force: bool = False) -> list[Path]:
    """Write the four files of a draft and return them.

    Raises:
        UsageError: one of them is there, and *force* was not given.
    """
    spec, profile = folder / "specs" / wanted.name / wanted.edition, folder / "profiles" / wanted.name
    from_ = f"Drafted from {', '.join(wanted.documents)} by conformance new-profile: people edit from here."
    texts = {
        spec / "openapi.yaml": yaml_text(made.contract, heading=f"{wanted.title}: the part that the profile needs."),
        spec / "source.yaml": yaml_text(made.source),
        profile / f"{wanted.edition}.yaml": yaml_text(
            made.profile, heading=f"{from_}\nWhat a pattern asks is a SHOULD: the document states it nowhere."
        ),
        profile / "bindings.yaml": yaml_text(made.bindings, heading=from_, remarks=made.remarks),
    }
    there = [file for file in texts if file.exists()]
    if there and not force:
        raise UsageError(*[Problem(file=str(file), problem="is there already", hint="--force writes over it") for file in there])
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return list(texts)


# -- specs ------------------------------------------------------------------------------------------------------------


def _specs_command(commands: Any) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        "specs", help="list contracts, prove them against the pinned documents, write feedback to publishers"
    )
    command.add_argument("action", choices=("list", "verify", "feedback"))
    command.add_argument("standards", nargs="*", metavar="STANDARD[/EDITION]", help="default: all")
    command.add_argument("--upstream", type=Path, metavar="DIR", help=f"verify: the folder of pinned documents (default: ${UPSTREAM})")
    command.add_argument("--samples", type=int, default=20, metavar="N", help="verify: bodies made per pair of schemas and direction")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="verify: the same seed makes the same bodies")
    command.add_argument("--all", action="store_true", help="verify: show the listed differences too")
    command.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    command.set_defaults(call=specs)
    return command


def specs(options: argparse.Namespace) -> int:
    """List, verify or tell the feedback; `verify` ends with 1 when a difference is not listed."""
    folders = chosen(options.standards, shelf_of(options))
    if options.action == "list":
        return _list({name: read_source(folder / "source.yaml") for name, folder in folders.items()}, options.format)
    if options.action == "feedback":
        print(feedback([read_source(folder / "source.yaml") for folder in folders.values()]), end="")
        return 0
    proofs = verify(folders, upstream_of(options.upstream), samples=options.samples, seed=options.seed)
    _show(proofs, options.format, options.all)
    return 1 if any(p.unlisted for p in proofs) else 0


def _list(sources: dict[str, Source], form: str) -> int:
    rows = [
        {"contract": name, "title": s.title, "publisher": s.publisher, "licence": s.licence,
            "documents": list(s.documents), "deviations": len(s.deviations)}
        for name, s in sources.items()
    ]  # fmt: skip
    if form == "json":
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for row in rows:
        pinned = ", ".join(row["documents"]) or "authored"  # type: ignore[arg-type]
        print(f"{row['contract']:<45} {row['deviations']:>3} deviations  {row['licence']:<14} {pinned}")
    return 0


def upstream_of(folder: Path | None) -> Path | None:
    """Return the folder of pinned documents: the one given, else the one that the environment names, else none."""
    named = folder or (Path(os.environ[UPSTREAM]) if os.environ.get(UPSTREAM) else None)
    if named is not None and not named.is_dir():
        raise UsageError(Problem(file=str(named), problem="not a folder", hint=f"--upstream or {UPSTREAM}: the pinned documents"))
    return named


def verify(folders: dict[str, Path], upstream: Path | None, *, samples: int = 20, seed: int = 0) -> list[Proof]:
    """Prove each contract that has a pinned document.

    Raises:
        UsageError: a document is needed and no folder is named, or the document is not the pinned one.
    """
    found: list[Proof] = []
    for folder in folders.values():
        source = read_source(folder / "source.yaml")
        if not source.documents:
            found.append(unproved(source))
            continue
        if upstream is None:
            raise asked("no folder of pinned documents", place="--upstream", hint=f"or name it in {UPSTREAM}")
        files = [upstream / document for document in source.documents]
        _same(files, source, folder / "source.yaml")
        theirs = read_description(*files)
        ours = read_description(folder / "openapi.yaml")
        found.append(prove(source, ours.document, theirs.document, base=theirs.base, samples=samples, seed=seed))
    return found


def _same(files: Sequence[Path], source: Source, told: Path) -> None:
    for file, wanted in zip(files, source.sha256, strict=False):
        if not file.is_file():
            raise UsageError(Problem(file=str(file), problem="the pinned document is not there"))
        found = _digest(file)
        if found != wanted:
            raise UsageError(Problem(file=str(told), place="sha256", problem=f"{file.name} is another document", hint=f"it has {found}"))


def _show(proofs: list[Proof], form: str, everything: bool) -> None:
    rows = table(proofs)
    if form == "markdown":
        print(markdown(rows), end="")
        return
    if form == "json":
        print(json.dumps([_data(p) for p in proofs], indent=1, ensure_ascii=False))
        return
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(
                cell.ljust(width) if n in (0, len(row) - 1) else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
        )
    for proof in proofs:
        for difference in proof.differences if everything else proof.unlisted:
            kind = difference.listed.kind if difference.listed else "not listed"
            print(f"\n{proof.source.name}  {difference.operation}  {difference.aspect}, {kind}\n  at      {difference.pointer}")
            print(f"  theirs  {difference.theirs}\n  ours    {difference.ours}")
        for deviation in proof.unmet if everything else ():
            print(f"\n{proof.source.name}: no difference was met at {deviation.pointer} ({deviation.kind})")


def _data(proof: Proof) -> dict[str, Any]:
    return {
        "contract": proof.source.name, "compared": proof.compared, "operations": proof.operations, "samples": proof.samples,
        "refused": proof.refused, "accepted": proof.accepted, "left_out": proof.left_out, "not_made": proof.unmade,
        "deviations": {kind: proof.count(kind) for kind in KINDS},
        "differences": [
            {
                "aspect": d.aspect, "operation": d.operation, "pointer": d.pointer, "theirs": d.theirs, "ours": d.ours,
                "listed": d.listed.kind if d.listed else None,
            }
            for d in proof.differences
        ],
        "not_met": [d.pointer for d in proof.unmet],
    }  # fmt: skip


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown; the columns of numbers stand to the right."""
    right = [n not in (0, len(rows[0]) - 1) for n in range(len(rows[0]))]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("---:" if r else "---" for r in right) + "|", *lines[1:]]) + "\n"


def feedback(sources: Sequence[Source]) -> str:
    """Return, as Markdown and by publisher, what a published document has wrong or leaves open."""
    out: list[str] = []
    by_publisher: dict[str, list[Source]] = {}
    for source in sources:
        by_publisher.setdefault(source.publisher, []).append(source)
    for publisher, theirs in sorted(by_publisher.items()):
        lines: list[str] = []
        for source in theirs:
            told = [d for d in source.deviations if d.kind in ("defect", "ambiguity")]
            if not told:
                continue
            at = f"{source.url} at {source.commit[:12]}" if source.commit else source.url
            lines += [
                f"## {source.title}, edition {source.edition}",
                "",
                f"{', '.join(source.documents) or 'no pinned document'}; {at}".rstrip("; "),
                "",
            ]
            for n, d in enumerate(told, 1):
                lines += [
                    f"{n}. **{d.kind}** at `{d.pointer}`",
                    f"   - the document: {d.theirs}",
                    f"   - our contract: {d.ours}",
                    f"   - why: {d.reason}",
                ]
                lines += [f"   - issue: {d.issue}"] if d.issue else []
            lines.append("")
        if lines:
            out += [f"# {publisher}", "", *lines]
    return "\n".join(out).rstrip("\n") + "\n" if out else "Nothing to tell.\n"


STANDARDS_HEAD = """\
# The standards and their proofs

Generated by `python -m conformance.cli.specs --table`; do not edit. Each contract is compared with the pinned document of its publisher
(`conformance specs verify`, see `adding-a-standard.md`): *samples* are bodies made from one side's schemas and held against the other's
(schemas that operations share are looked at once while they agree), *defect*, *ambiguity* and *narrowed* count the listed deviations,
*unlisted* the differences that nothing explains, *tightness* is the share of one-place violations of their answer schemas that ours
refuse, of those at places that ours describe. What ours leaves open on purpose is among the deviations.

"""


def standards_page(shelf: Shelf, upstream: Path, samples: int = 20) -> str:
    """Return `docs/standards.md`."""
    return STANDARDS_HEAD + markdown(table(verify(contracts_on(shelf), upstream, samples=samples)))


COMMANDS = (_new_profile_command, _specs_command)


if __name__ == "__main__":
    folder = upstream_of(None)
    if sys.argv[1:] != ["--table"] or folder is None:
        sys.exit(f"{UPSTREAM}=DIR python -m conformance.cli.specs --table > docs/standards.md")
    print(standards_page(Shelf.standard(), folder), end="")
