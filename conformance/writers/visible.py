"""Text that hides nothing: what does not print is shown by its name, what is long is cut and says so, JSON is indented as it came."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

from markupsafe import Markup, escape

MAX_TEXT = 2_000
MAX_BODY = 20_000
#: How deep a pretty-printed body is indented at most; deeper levels stay flat.
MAX_INDENT = 12
_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def visible(text: str, *, lines: bool = False) -> str:
    """Return *text* with every character shown that a browser would act on or not show: control, format, lone surrogate.

    Args:
        lines: keep newlines and tabs, for text that stands in a block of its own.

    >>> visible("a\\x1b[31m\\u202eb")
    'a⟦U+001B⟧[31m⟦U+202E⟧b'
    """
    return text if text.isascii() and text.isprintable() else "".join(c if lines and c in "\n\t" else _shown(c) for c in text)


def _shown(char: str) -> str:
    # Numbers and not the control pictures of U+2400: many fonts lack those, and an empty box tells nothing.
    return f"⟦U+{ord(char):04X}⟧" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char


def clipped(text: str, length: int = MAX_TEXT) -> str:
    """Return *text* cut to *length* characters, saying what was cut."""
    return text if len(text) <= length else f"{text[:length]}… ({len(text)} characters)"


def printed(value: object) -> object:
    """What the template puts into the page passes here, then through escaping."""
    return value if isinstance(value, Markup) else visible(clipped(value if isinstance(value, str) else str(value)))


def block_of(text: str) -> Markup:
    """Return text of several lines, escaped, fit for a block of its own."""
    return escape(visible(text, lines=True))


def pretty(text: str) -> str:
    """Return JSON text indented, every token as it was written (a number's spelling may be the finding); other text as it is.

    >>> pretty('{"a":[1.0,{}]}')
    '{\\n  "a": [\\n    1.0,\\n    {}\\n  ]\\n}'
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    pieces: list[str] = []
    room = MAX_BODY
    for piece in _indented(_TOKENS.findall(text)):
        pieces.append(piece)
        room -= len(piece)
        if room < 0:
            break
    return "".join(pieces)


def _indented(tokens: Sequence[str]) -> Iterator[str]:
    depth = 0
    for number, token in enumerate(tokens):
        before = tokens[number - 1] if number else ""
        if token in ("}", "]"):
            depth -= 1
            yield token if before in ("{", "[") else _line(depth) + token
            continue
        yield (_line(depth) if before in ("{", "[", ",") else "") + token + (" " if token == ":" else "")
        depth += token in ("{", "[")


def _line(depth: int) -> str:
    return "\n" + "  " * min(depth, MAX_INDENT)
