"""The summary on one screen: what can be said, what failed and why, with denominators."""

from __future__ import annotations

from collections.abc import Callable

from conformance.domain import by_domain
from conformance.run import Run
from conformance.scoring import Cause, Score, Tally, score
from conformance.verdict import WORDS, Level, Verdict

WIDTH = 110
#: Lines of one screen, the least that a block with something to say gets of it, and the most that the unjudged get.
SCREEN, LEAST, UNJUDGED = 40, 4, 9


def plain(text: str) -> str:
    """Return *text* fit for a terminal: no control characters, so no escape sequences."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)


def clipped(text: str, width: int = WIDTH) -> str:
    """Return one line of *text*, cut to *width*."""
    text = plain(" ".join(text.split()))
    return text if len(text) <= width else text[: width - 1] + "…"


def write_text(run: Run, *, colour: bool = False) -> str:
    """Return the summary of a run on one screen: at most `SCREEN` lines; where there is more, it says how much.

    Args:
        colour: use ANSI colours; the words say all without them.
    """
    said = score(run)
    top, end = _top(run, said, colour), _end(run, said, colour)
    blocks: list[Callable[[int], list[str]]] = [
        lambda room: _failures(said, colour, room),
        lambda room: _unjudged(said, room),
        lambda room: _domains(run, said, room),
        lambda room: _listed(f"left at the target ({len(run.leftovers)}):", _left(run), room),
        lambda room: _gap(run, room),
        lambda room: _exploration(run, room),
        lambda room: _listed("notes:", list(run.header.notes), room),
    ]
    least = [block(LEAST) for block in blocks]
    room = SCREEN - len(top) - len(end) - sum(len(lines) for lines in least)
    body: list[str] = []
    for block, few in zip(blocks, least, strict=True):
        lines = block(len(few) + room) if few else []
        room -= len(lines) - len(few)
        body += lines
    return "\n".join([*top, *body, *end]) + "\n"


def _top(run: Run, said: Score, colour: bool) -> list[str]:
    head = run.header
    where = head.target.get("name") or head.target.get("url", "")
    lines = [clipped(f"{head.title} ({head.profile} {head.edition}) at {where}", 2 * WIDTH)]
    if head.server_says:
        lines.append(f"the server says it is {clipped(head.server_says, 60)}")
    lines += ["", *[_row(level.value, said.tallies[level], colour) for level in Level if said.tallies[level].total]]
    if said.programme.total:
        lines.append(f"  of these decided by the programme: {said.programme[Verdict.PASS]} of {said.programme.applicable} passed")
    if said.drafts.total:
        lines.append(f"  drafts, counted nowhere: {said.drafts.total}")
    return [*lines, ""]


def _end(run: Run, said: Score, colour: bool) -> list[str]:
    lines = []
    if not run.complete:
        lines.append(f"this run was cut short{f' ({clipped(run.footer.ended, 40)})' if run.footer else ': its record has no end'}")
    return [*lines, _paint(clipped(said.conclusion, 400), "31;1" if said.tallies[Level.MUST][Verdict.FAIL] else "1", colour)]


def _domains(run: Run, said: Score, room: int) -> list[str]:
    """List the security domains of a run of the baseline."""
    rows = by_domain(run.header.profile, said.results)
    told = [f"{title:<36}{_row('', counts, False).strip() if counts.total else 'gap: nothing is asked'}" for title, counts in rows]
    return _listed("by security domain (supporting evidence):", told, room)


def _listed(title: str, items: list[str], room: int) -> list[str]:
    """Return a title and as many items as fit into *room* lines, the last of which is empty."""
    if not items:
        return []
    fits = len(items) if len(items) <= room - 2 else max(0, room - 3)
    more = [f"  … and {len(items) - fits} more: see report.html"] if fits < len(items) else []
    return [title, *[f"  {clipped(item)}" for item in items[:fits]], *more, ""]


def _left(run: Run) -> list[str]:
    """Return what was left at the target, alike things counted."""
    alike: dict[tuple[str, str], list[str]] = {}
    for item in run.leftovers:
        alike.setdefault((item.resource, item.state), []).append(item.where)
    return [
        f"{len(where)} {name}: {state}, such as {where[0]}" if len(where) > 1 else f"{name} {where[0]}: {state}"
        for (name, state), where in alike.items()
    ]


def _gap(run: Run, room: int) -> list[str]:
    if run.gap is None:
        return []
    found = run.gap.differences
    more = f"; {run.gap.unseen} more that only a run of it can judge" if run.gap.unseen else ""
    title = clipped(f"gap to the newest edition, {run.gap.edition}: {len(found)} requirements, judged from what was seen{more}", 2 * WIDTH)
    told = [f"{d.level.value} {d.requirement}: {WORDS[d.verdict]['text']}: {d.reason}" for d in found]
    told += [f"it changes: {change}" for change in run.gap.changes]
    return _listed(title, told, room) if told else [title, ""]


def _exploration(run: Run, room: int) -> list[str]:
    """List what exploration found; the command that repeats each is in the report."""
    if run.exploration is None:
        return []
    seen = run.exploration
    few = f"explored with {seen.requests} requests in {seen.seconds:g} s ({seen.ended}): {len(seen.findings)} advisory findings, in no verdict"
    told = [
        f"{'doubtful: ' if f.doubt else ''}{f.operation}: {f.title}, answered {f.status}{f' ({f.times} times)' if f.times > 1 else ''}"
        for f in sorted(seen.findings, key=lambda f: bool(f.doubt))
    ]
    return _listed(clipped(few), [*told, "each with the command that repeats it: report.html"], room) if told else [clipped(few), ""]


def _row(name: str, counts: Tally, colour: bool) -> str:
    parts = [f"{counts[Verdict.PASS]} of {counts.applicable} passed"]
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE):
        if counts[verdict]:
            word = f"{counts[verdict]} {WORDS[verdict]['text']}"
            parts.append(_paint(word, "31;1", colour) if verdict is Verdict.FAIL else word)
    return f"{name:<7}" + ", ".join(parts)


def _failures(said: Score, colour: bool, room: int) -> list[str]:
    """Return the causes of the fails, MUSTs first, as many as fit into *room* lines, the last of which is empty."""
    blocks = [_cause(cause, colour) for cause in said.causes]
    if not blocks:
        return []
    lines: list[str] = []
    shown = 0
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        if len(lines) + len(block) + 1 + (not last) > room:
            break
        lines, shown = lines + block, shown + 1
    hidden = said.causes[shown:]
    if hidden:
        fails = sum(len(cause.results) for cause in hidden)
        lines.append(f"… and {len(hidden)} {'more causes' if shown else 'causes'} of {fails} FAIL: see report.html")
    return [*lines, ""]


def _cause(cause: Cause, colour: bool) -> list[str]:
    first, *others = cause.results
    lines = [
        _paint(f"{WORDS[Verdict.FAIL]['text']} {first.level.value} ", "31;1", colour) + clipped(first.requirement),
        f"     {clipped(first.sentence)} ({clipped(first.clause, 50)})",
        f"     {clipped(first.reason)}",
    ]
    return [*lines, f"     same cause: {clipped(', '.join(r.requirement.partition('/')[2] for r in others))}"] if others else lines


def _unjudged(said: Score, room: int) -> list[str]:
    """List why MUSTs could not be judged: first what the target file can mend, then by how many it concerns."""
    reasons: dict[tuple[Verdict, str], int] = {}
    for result in said.results:
        if result.level is Level.MUST and not result.draft and result.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.ERROR):
            key = (result.verdict, result.reason)
            reasons[key] = reasons.get(key, 0) + 1
    ordered = sorted(reasons.items(), key=lambda kv: (not kv[0][1].startswith("needs test_data"), -kv[1]))
    return _listed(
        "MUSTs that could not be judged:",
        [f"{count:>3} {WORDS[verdict]['text']}: {reason}" for (verdict, reason), count in ordered],
        min(room, UNJUDGED),
    )


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
