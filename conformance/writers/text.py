"""The summary on one screen: what can be said, what failed and why, with denominators."""

from __future__ import annotations

from conformance.run import Run
from conformance.scoring import Score, Tally, score
from conformance.verdict import WORDS, Level, Verdict

WIDTH = 110


def plain(text: str) -> str:
    """Return *text* fit for a terminal: no control characters, so no escape sequences."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" if ord(c) < 256 else f"\\u{ord(c):04x}" for c in text)


def clipped(text: str, width: int = WIDTH) -> str:
    """Return one line of *text*, cut to *width*."""
    text = plain(" ".join(text.split()))
    return text if len(text) <= width else text[: width - 1] + "…"


def write_text(run: Run, *, colour: bool = False, shown: int = 12) -> str:
    """Return the summary of a run.

    Args:
        colour: use ANSI colours; the words say all without them.
        shown: failing requirements listed before the rest is counted.
    """
    said = score(run)
    head = run.header
    lines = [f"{head.title} ({head.profile} {head.edition}) at {plain(str(head.target.get('name') or head.target.get('url', '')))}", ""]
    if head.server_says:
        lines.insert(1, f"the server says it is {clipped(head.server_says, 60)}")
    lines += [_row(level.value, said.tallies[level], colour) for level in Level if said.tallies[level].total]
    if said.programme.total:
        lines.append(f"  of these decided by the programme: {said.programme[Verdict.PASS]} of {said.programme.applicable} passed")
    if said.drafts.total:
        lines.append(f"  drafts, counted nowhere: {said.drafts.total}")
    lines.append("")
    lines += _failures(said, colour, shown)
    lines += _unjudged(said)
    if run.leftovers:
        lines.append(f"left at the target ({len(run.leftovers)}):")
        lines += [f"  {clipped(f'{item.resource} {item.where}: {item.state}')}" for item in run.leftovers[:5]]
        lines.append("")
    lines += _gap(run)
    lines += [f"note: {clipped(note)}" for note in head.notes]
    if run.footer is None or run.footer.ended != "complete":
        lines.append(f"this run was cut short{f' ({run.footer.ended})' if run.footer else ': its record has no end'}")
    lines.append(_paint(clipped(said.conclusion, 400), "31;1" if said.tallies[Level.MUST][Verdict.FAIL] else "1", colour))
    return "\n".join(lines) + "\n"


def _gap(run: Run) -> list[str]:
    if run.gap is None:
        return []
    found = run.gap.differences
    lines = [f"gap to the newest edition, {run.gap.edition}: {len(found)} requirements, judged from what was seen"]
    told = [f"{d.level.value} {d.requirement}: {WORDS[d.verdict]['text']}: {d.reason}" for d in found[:3]]
    lines += [f"  {clipped(line)}" for line in told]
    return [*lines, *([f"  … and {len(found) - 3} more"] if len(found) > 3 else []), ""]


def _row(name: str, counts: Tally, colour: bool) -> str:
    parts = [f"{counts[Verdict.PASS]} of {counts.applicable} passed"]
    for verdict in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.NOT_APPLICABLE):
        if counts[verdict]:
            word = f"{counts[verdict]} {WORDS[verdict]['text']}"
            parts.append(_paint(word, "31;1", colour) if verdict is Verdict.FAIL else word)
    return f"{name:<7}" + ", ".join(parts)


def _failures(said: Score, colour: bool, shown: int) -> list[str]:
    lines: list[str] = []
    left = shown
    for cause in said.causes:
        if left <= 0:
            break
        first = cause.results[0]
        lines.append(_paint(f"{WORDS[Verdict.FAIL]['text']} {first.level.value} ", "31;1", colour) + clipped(first.requirement))
        lines.append(f"     {clipped(first.sentence)} ({clipped(first.clause, 50)})")
        lines.append(f"     {clipped(first.reason)}")
        if len(cause.results) > 1:
            lines.append(f"     same cause: {clipped(', '.join(r.requirement.partition('/')[2] for r in cause.results[1:]))}")
        left -= 1
    hidden = len(said.causes) - shown
    if hidden > 0:
        lines.append(f"… and {hidden} more causes: see report.html")
    return [*lines, ""] if lines else []


def _unjudged(said: Score) -> list[str]:
    """List why MUSTs could not be judged, most frequent reason first."""
    reasons: dict[tuple[Verdict, str], int] = {}
    for result in said.results:
        if result.level is Level.MUST and not result.draft and result.verdict in (Verdict.INCONCLUSIVE, Verdict.NOT_TESTED, Verdict.ERROR):
            key = (result.verdict, result.reason)
            reasons[key] = reasons.get(key, 0) + 1
    if not reasons:
        return []
    lines = ["MUSTs that could not be judged:"]
    for (verdict, reason), count in sorted(reasons.items(), key=lambda kv: -kv[1])[:6]:
        lines.append(f"  {count:>3} {WORDS[verdict]['text']}: {clipped(reason, 90)}")
    if len(reasons) > 6:
        lines.append(f"  … and {len(reasons) - 6} more reasons")
    return [*lines, ""]


def _paint(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour else text
