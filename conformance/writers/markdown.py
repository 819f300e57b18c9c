"""Markdown of what a gate found, for the summary of a build or a comment; nothing in it can be anything but text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SAFE = re.compile(r"[^A-Za-z0-9 .,;:()/'=+–—…-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with a table below it."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def md(text: str, most: int = 300) -> str:
    """Return *text* as Markdown that shows it: no markup, no link, no mention, one line.

    >>> md("<b>|`x`")
    '&#60;b&#62;&#124;&#96;x&#96;'
    """
    text = " ".join(text.split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    shown = _SAFE.sub(lambda m: f"&#{ord(m[0])};" if m[0].isprintable() else f"&#92;x{ord(m[0]):02x}", text)
    return shown.replace("://", "&#58;//").replace("www.", "www&#46;")


def write_markdown(title: str, lines: Iterable[str], sections: Sequence[Section]) -> str:
    """Return a page: a heading, lines of text, and a table for each section that has rows."""
    out = [f"## {md(title)}", "", *(f"{md(line, 600)}  " for line in lines)]
    for section in sections:
        if section.rows:
            out += [
                "",
                f"### {md(section.title)}",
                "",
                "| " + " | ".join(map(md, section.columns)) + " |",
                "|---" * len(section.columns) + "|",
            ]
            out += ["| " + " | ".join(md(cell) for cell in row) + " |" for row in section.rows]
    return "\n".join(out) + "\n"
