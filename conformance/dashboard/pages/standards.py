"""The standards landscape, and feedback to the publishers: listed deviations, and failures that look like an ambiguous text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from conformance.dashboard import address
from conformance.dashboard.board import Cell
from conformance.dashboard.knowledge import INTERFACES, Known
from conformance.dashboard.site import Page
from conformance.dashboard.view import View
from conformance.source import KINDS, Source
from conformance.verdict import Verdict

#: A cause looks like an ambiguous text where this many independent implementations fail for it, and this share of those judged.
MANY, SHARE = 2, 0.34
FEEDBACK_FILE = "feedback.md"
TOLD = ("defect", "ambiguity")


def pages(view: View) -> Iterator[Page]:
    """Give the landscape and the feedback."""
    yield Page(path=address.LANDSCAPE, template="landscape", data=lambda: landscape(view))
    yield Page(path=address.FEEDBACK, template="feedback", data=lambda: feedback(view))


def landscape(view: View) -> dict[str, Any]:
    """Return each interface with its standards, in no order of merit."""
    names = dict.fromkeys([*(name for name, _ in view.board.knowledge.known), *view.board.profiles])
    found: dict[int, list[dict[str, Any]]] = {number: [] for number in INTERFACES}
    for name in sorted(names):
        one = _standard(view, name)
        found.setdefault(one["interface"] if one["interface"] in INTERFACES else 0, []).append(one)
    return {
        "title": "Standards landscape",
        "interfaces": [{"interface": n, "title": INTERFACES.get(n, ""), "standards": standards} for n, standards in sorted(found.items(), key=lambda kv: kv[0] or 99)],
        "covered": sum(bool(found[n]) for n in INTERFACES), "of": len(INTERFACES),
    }  # fmt: skip


def _standard(view: View, name: str) -> dict[str, Any]:
    editions = [known for (profile, _), known in view.board.knowledge.known.items() if profile == name]
    cells = view.board.profiles.get(name, ())
    used = max((c.latest for c in cells), key=lambda line: (line.started, line.digest)).edition if cells else ""
    known = next((k for k in editions if k.profile.edition == used), editions[-1] if editions else None)
    source = known.source if known else None
    claimed = [s for s in view.board.systems.values() if s.counts and (name in s.cells or name in s.unexecuted)]
    told = view.audience.told(s.partner for s in claimed if s.kind == "product")
    return {
        "profile": name, "title": known.profile.title if known else cells[0].latest.title if cells else name,
        "interface": known.profile.interface if known else cells[0].latest.interface if cells else 0,
        "edition": known.profile.edition if known else used, "editions": [k.profile.edition for k in editions],
        "href": address.profile(name) if cells else "", "figures": view.figures(name), "claimed": len(claimed) if told else None,
        "publisher": source.publisher if source else "", "licence": source.licence if source else "",
        "url": source.url if source and source.url.startswith("https://") else "",
        "state": known.profile.state if known else "", "tier": known.profile.tier if known else "",
        "maturity": maturity(known) if known else "not on the shelf", "depth": known.depth if known else None,
        "deviations": {kind: sum(d.kind == kind for d in source.deviations) for kind in KINDS} if source else None,
    }  # fmt: skip


def maturity(known: Known) -> str:
    """Return what the edition says of its own maturity."""
    edition = known.profile.edition.lower()
    early = next((word for word in ("alpha", "beta", "rc", "wip", "draft") if word in edition), "")
    return {"alpha": "alpha", "beta": "beta", "rc": "release candidate", "wip": "in work", "draft": "draft"}.get(early, "released")


def clusters(view: View) -> list[dict[str, Any]]:
    """Return failures that several independent implementations share: where many read a text alike, it may be the text."""
    found = []
    for (profile, judged_by, cause), cells in view.board.alike.items():
        counted = [c for c in cells if c.system.counts]
        makers = {c.system.partner if c.system.kind == "product" else c.system.name for c in counted}
        names = next(n for c, n in cells[0].detail.causes if c == cause)
        group = [c for c in view.board.profiles[profile] if c.latest.judged_by == judged_by and c.system.counts]
        judged = [c for c in group if any(c.rows[n].verdict in (Verdict.PASS, Verdict.FAIL) for n in names if n in c.rows)]
        if len(makers) < MANY or len(counted) < SHARE * len(judged) or not view.told(judged):
            continue
        rows = [cells[0].rows[n] for n in names]
        found.append(
            {
                "profile": profile, "edition": cells[0].latest.edition, "title": cells[0].latest.title,
                "cause": _cause(view, counted, cause, names[0]), "fail": len(counted), "judged": len(judged),
                "pass": sum(all(c.rows[n].verdict is Verdict.PASS for n in names if n in c.rows) for c in judged),
                "requirements": [
                    {"requirement": r.requirement, "clause": r.clause, "sentence": r.sentence, "href": address.requirement(r.requirement, profile)} for r in rows
                ],
                "systems": [view.system_data(c.system) | {"href": address.cell(c.system.name, profile)} for c in counted if view.named(c)],
            }
        )  # fmt: skip
    return sorted(found, key=lambda c: (c["profile"], -c["fail"], c["cause"]))


def _cause(view: View, cells: list[Cell], cause: str, first: str) -> str:
    return view.cause(cells[0], cause, first)


def feedback(view: View) -> dict[str, Any]:
    """Return what is to be told to publishers."""
    same = clusters(view)
    by_profile: dict[str, list[dict[str, Any]]] = {}
    for one in same:
        by_profile.setdefault(one["profile"], []).append(one)
    sources = [_source(source, {k.profile.name for k in known}, by_profile) for source, known in view.board.knowledge.sources()]
    listed = {name for s in sources for name in s["profiles"]}
    return {
        "title": "Spec feedback", "sources": [s for s in sources if s["deviations"] or s["clusters"]],
        "unlisted": [c for c in same if c["profile"] not in listed], "file": FEEDBACK_FILE,
        "totals": {
            **{kind: sum(d["kind"] == kind for s in sources for d in s["deviations"]) for kind in TOLD}, "clusters": len(same),
            "sources": len(sources),
        },
        "rule": {"many": MANY, "share": SHARE},
    }  # fmt: skip


def _source(source: Source, profiles: set[str], clusters: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "standard": source.standard, "edition": source.edition, "title": source.title, "publisher": source.publisher,
        "licence": source.licence, "url": source.url, "commit": source.commit or "", "documents": list(source.documents),
        "profiles": sorted(profiles),
        "deviations": [
            {"pointer": d.pointer, "theirs": d.theirs, "ours": d.ours, "kind": d.kind, "reason": d.reason, "issue": d.issue or ""}
            for d in source.deviations if d.kind in TOLD
        ],
        "clusters": [c for p in sorted(profiles) for c in clusters.get(p, ())],
    }  # fmt: skip


def change_requests(view: View) -> str:
    """Return the feedback as Markdown, one change request per item, to be sent to the publishers."""
    data = feedback(view)
    out = ["# Change requests", ""]
    for source in data["sources"]:
        at = f"{source['url']} at {source['commit'][:12]}" if source["commit"] else source["url"]
        out += [f"## {_md(source['title'])}, edition {_md(source['edition'])} ({_md(source['publisher'])})", "", _md(at), ""]
        for number, d in enumerate(source["deviations"], 1):
            out += [
                f"{number}. **{d['kind']}** at `{_md(d['pointer'])}`", f"   - the document: {_md(d['theirs'])}",
                f"   - we suggest: {_md(d['ours'])}", f"   - why: {_md(d['reason'])}",
                *([f"   - issue: {_md(d['issue'])}"] if d["issue"] else []),
            ]  # fmt: skip
        out += _clustered(source["clusters"])
        out.append("")
    if data["unlisted"]:
        out += ["## Profiles whose source is not on the shelf", "", *_clustered(data["unlisted"]), ""]
    return "\n".join(out).rstrip("\n") + "\n"


def _clustered(found: list[dict[str, Any]]) -> list[str]:
    out: list[str] = []
    for one in found:
        out += [
            f"- **is the text ambiguous?** {one['fail']} of {one['judged']} independent implementations that were judged fail alike: {_md(one['cause'])}",
            *(f"  - `{_md(r['requirement'])}` ({_md(r['clause']) or 'no clause'}): {_md(r['sentence'])}" for r in one["requirements"][:10]),
        ]
    return out


def _md(text: str) -> str:
    """Return a text that Markdown takes as one line of plain words."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>#|" else c for c in flat)
