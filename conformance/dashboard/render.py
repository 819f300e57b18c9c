"""Data into HTML: everything escaped, every character shown, nothing loaded but our own two files beside the pages."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from conformance.dashboard import address
from conformance.dashboard.knowledge import INTERFACES, NO_INTERFACE
from conformance.verdict import WORDS, Verdict
from conformance.writers.visible import block_of, printed

_HOME = files("conformance.dashboard")
#: Our own files beside the pages.
ASSETS = {name: _HOME.joinpath("assets", name).read_text("utf-8") for name in ("site.css", "site.js")}
NAVIGATION = (
    (address.OVERVIEW, "Overview"), (address.LANDSCAPE, "Standards"), (address.PAIRS, "Pairs"), (address.FEEDBACK, "Spec feedback"),
    (address.DEPENDENCIES, "Dependencies"), (address.DISPOSITIONS, "Waivers and disputes"),
)  # fmt: skip
_SYMBOLS = {v.value: {"symbol": WORDS[v]["symbol"], "word": WORDS[v]["text"], "plugtest": WORDS[v]["plugtest"]} for v in Verdict}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("conformance.dashboard"), autoescape=True, undefined=StrictUndefined, finalize=printed, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    made.filters["block"] = block_of
    made.globals.update(
        navigation=NAVIGATION, words=_SYMBOLS, all_interfaces=INTERFACES, no_interface=NO_INTERFACE,
        kinds={"product": "product", "reference": "reference server", "twin": "twin", "mock": "mock", "": "outside a testbed"},
        say={"pass": "conforms", "fail": "does not conform", "inconclusive": "open", "error": "error (ours)"},
    )  # fmt: skip
    return made


def render(template: str, path: str, data: dict[str, Any], frame: dict[str, Any]) -> str:
    """Return a page; *path* tells how far up the root of the site is."""
    root = "../" * path.count("/")
    beside = path.rpartition("/")[2].removesuffix(".html") + ".json"
    return _environment().get_template(f"{template}.html.j2").render(**data, site=frame, root=root, beside=beside, here=path)


@cache
def version() -> str:
    """Return a digest of templates and code that decide how a page looks."""
    digest = hashlib.sha256()
    for folder in ("templates", "pages", "assets", "."):
        for file in sorted((f for f in _HOME.joinpath(folder).iterdir() if f.is_file()), key=lambda f: f.name):
            if not file.name.endswith(".pyc"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
