"""Who may see what. Partners are competitors: what is not listed here for somebody does not leave."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from conformance.errors import asked, did_you_mean

Kind = Literal["partner", "task-force", "public"]
#: A figure over the products of fewer partners than this is not published: it would tell of a single one.
FEWEST = 3
WITHHELD = "told to its partner only"
_WORD = re.compile(r"[^\W_]{4,}|\d+")
_PACKAGE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """A reader of the site.

    | | own systems | systems of others | exchanges, observed values, curl |
    |---|---|---|---|
    | partner | by name | in figures over three or more partners | of its own |
    | task-force | | by name | never |
    | public | | in figures over three or more partners | never |
    """

    kind: Kind
    partner: str = ""

    @classmethod
    def parse(cls, text: str, partners: Iterable[str]) -> Audience:
        """Return the audience that an option names.

        Raises:
            UsageError: there is no such audience, or no such partner.
        """
        kind, colon, name = text.partition(":")
        known = sorted(set(partners))
        if kind == "partner" and colon:
            if name not in known:
                raise asked(f"'{name}' is not a partner of these runs", place="--audience", hint=did_you_mean(name, known))
            return cls(kind="partner", partner=name)
        if text == "task-force":
            return cls(kind="task-force")
        if text == "public":
            return cls(kind="public")
        raise asked(f"'{text}' is not an audience", place="--audience", hint="partner:NAME, task-force or public")

    def __str__(self) -> str:
        return f"partner {self.partner}" if self.kind == "partner" else self.kind

    def names(self, partner: str) -> bool:
        """Tell whether systems of *partner* are shown by name, with their verdicts."""
        return self.kind == "task-force" or self.owns(partner)

    def owns(self, partner: str) -> bool:
        """Tell whether exchanges and observed values of *partner* may be shown."""
        return self.kind == "partner" and partner == self.partner

    def told(self, partners: Iterable[str]) -> bool:
        """Tell whether a figure over systems of these partners may be shown; none of them: nobody's secret is in it."""
        return self.kind == "task-force" or len(set(partners)) not in range(1, FEWEST)


@cache
def own_words() -> frozenset[str]:
    """Return the words of our checks, schemas and verdicts, which are public: a text made of them tells nothing of a server."""
    files = [*(_PACKAGE / "checks").rglob("*.py"), *(_PACKAGE / "planning").glob("ex*.py"), *_PACKAGE.glob("*.py")]
    return frozenset(word for file in sorted(files) for word in words(file.read_text("utf-8")))


def words(text: str) -> list[str]:
    """Return the words of a text that could tell something: of four letters or more, and numbers."""
    return [w.lower() for w in _WORD.findall(text)]


def published(text: str, vocabulary: frozenset[str]) -> bool:
    """Tell whether every word of *text* is a public one: ours, the profile's, or a status of HTTP.

    A text that a check made from what a server sent (an id, a name, a value) has words that stand nowhere in public.
    """
    ours = own_words()
    return all(w in ours or w in vocabulary or (w.isdigit() and (len(w) < 3 or _status(w))) for w in words(text))


def _status(word: str) -> bool:
    return len(word) == 3 and "100" <= word <= "599"
