"""The partner's report: complete, self-contained, and nothing in it that was not said by us can act on its reader."""

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from conformance.exchange import Exchange
from conformance.run import Footer, Result, Run
from conformance.scoring import score
from conformance.verdict import WORDS, Level, Verdict
from conformance.writers.html import MAX_EXCHANGES, anchor, write_html
from conformance.writers.visible import MAX_BODY, pretty, visible
from tests.writers.records import HOSTILE, exchange, header, hostile, realistic, result

VOID = {"meta", "input", "br", "rect", "link", "img"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]].append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def ids(self) -> list[str]:
        return [a["id"] or "" for _, a in self.tags if "id" in a]


def test_the_first_thing_said_is_the_conclusion_of_the_one_scorer() -> None:
    run, seen = realistic()
    page = Page(write_html(run, seen))
    said = score(run)
    assert said.conclusion in page.text
    assert page.text.index(said.conclusion) < page.text.index("Failed MUSTs")
    must = said.tallies[Level.MUST]
    assert f"{must[Verdict.PASS]} of {must.applicable}" in page.text
    for fact in (
        "suite 0.1.0",
        "edition 2.0",
        "5f0c7d1a9b3e",
        "seed 7",
        "2026-11-01 09:30:00 UTC",
        "self-run",
        "supporting evidence",
        "scim.partner.example",
    ):
        assert fact in page.text


def test_every_requirement_is_there_once_with_its_words_and_an_anchor() -> None:
    run, seen = realistic()
    page = Page(write_html(run, seen))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    for r in run.results:
        assert ids.count(anchor(r.requirement)) == 1
        for words in (r.sentence, r.clause, r.requirement, WORDS[r.verdict]["text"]):
            assert words in page.text
    links = {a["href"] for t, a in page.tags if t == "a"}
    assert all(link and link.startswith("#") and link[1:] in ids for link in links)


def test_what_failed_shows_expectation_observation_exchange_and_how_to_repeat_it() -> None:
    run, seen = realistic()
    text = Page(write_html(run, seen)).text
    for words in (
        "/active: true, as it was sent",
        '/active: "true", a string',
        "RFC 7643 §2.3.2",
        "conformance replay RUN scim2/get-user.round-trip",
        "curl --path-as-is --globoff",
        "$TOKEN",
        "GET https://scim.partner.example:8443/scim/v2/Users/2819c223",
        '"familyName": "Lovelace"',
        "seen once, not repeated",
        "errors are not SCIM errors",
        "no answer: slower than 10 s",
    ):
        assert words in text


def test_sections_come_in_the_order_in_which_they_are_needed() -> None:
    run, seen = realistic()
    text = write_html(run, seen)
    order = [
        "failed-musts",
        "failed-others",
        "errors",
        "inconclusive",
        "leftovers",
        "not-tested",
        "drafts",
        "passed",
        "not-applicable",
        "scope",
    ]
    places = [text.index(f'id="{name}"') for name in order]
    assert places == sorted(places)
    assert text.index("unstable: failed once") < text.index("slower than 10 s")


def test_hostile_text_in_every_field_is_shown_and_does_nothing() -> None:
    run, seen = hostile()
    text = write_html(run, seen)
    page = Page(text)
    text.encode("utf-8")
    assert [t for t, _ in page.tags if t in ("script", "style", "title")] == ["title", "style", "script"]
    assert not [t for t, _ in page.tags if t in ("img", "iframe", "object", "link", "base")]
    assert not [n for _, a in page.tags for n in a if n.startswith("on") or n in ("src", "style")]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", text)
    assert all(words in page.text for words in ("alert(1)", "{{7*7}}", "⟦U+001B⟧[31m", "⟦U+202E⟧"))
    assert all(a["href"] and a["href"].startswith("#") for t, a in page.tags if t == "a")


def test_the_page_loads_nothing_and_its_policy_names_its_own_style_and_script() -> None:
    run, seen = realistic()
    page = Page(write_html(run, seen))
    policy = next(a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy") or ""
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        digest = base64.b64encode(hashlib.sha256("".join(page.raw[tag]).encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not [a for _, a in page.tags if {"src", "srcset", "action", "data"} & a.keys()]
    assert "url(" not in "".join(page.raw["style"])
    assert "".join(page.raw["script"]).strip().count("\n") < 40


def test_a_run_is_called_neither_certified_nor_compliant() -> None:
    run, seen = realistic()
    assert not re.search("certif(ied|ication)|complian", write_html(replace(run, header=header(notes=())), seen), re.IGNORECASE)


@pytest.mark.parametrize(
    ("footer", "words"),
    [
        (None, "the record has no end"),
        (Footer(ended="interrupted", ended_s=1, requests=1, exit_code=130), "it was interrupted"),
        (Footer(ended="budget", ended_s=1, requests=1, exit_code=5), "its budget was spent"),
    ],
)
def test_a_run_that_was_cut_short_says_so_before_anything_else_it_found(footer: Footer | None, words: str) -> None:
    run, seen = realistic()
    text = Page(write_html(replace(run, footer=footer), seen)).text
    assert words in text
    assert text.index("This run was cut short") < text.index("Failed MUSTs")
    assert "This run was cut short" not in Page(write_html(run, seen)).text


def test_trouble_at_the_target_has_a_banner() -> None:
    run, _ = realistic()
    assert run.look is not None
    text = Page(write_html(replace(run, look=replace(run.look, trouble="every operation is absent: base path?"), results=()), {})).text
    assert "Trouble at the target: every operation is absent: base path?" in text


def test_a_record_without_results_is_a_page_all_the_same() -> None:
    text = Page(write_html(Run(header=header(target={}, digests={})), {})).text
    assert "The record holds no result." in text
    assert "This run was cut short" in text


def test_evidence_that_is_not_in_the_record_is_said_to_be_missing() -> None:
    run, _ = realistic()
    assert "named as evidence is not in the record" in Page(write_html(run, {})).text


def test_five_hundred_results_stay_small_and_quick() -> None:
    long = [{"id": str(n), "text": "x" * 200} for n in range(2_000)]
    seen = {(1, n, 0): exchange(body=long, at=(1, n, 0)) for n in range(20)}
    results = tuple(
        result(f"users.case-{n}", Verdict.FAIL if n % 2 else Verdict.PASS, reason="expected a; observed b", evidence=tuple(seen))
        for n in range(500)
    )
    began = time.monotonic()
    text = write_html(Run(header=header(), results=results), {r.requirement: seen for r in results})
    assert time.monotonic() - began < 60
    assert len(text) < 8_000_000
    page = Page(text)
    assert sum(t == "details" and a.get("class", "") == "exchange" for t, a in page.tags) == 250 * MAX_EXCHANGES + 250
    assert "14 more exchanges of this requirement: see exchanges.jsonl" in page.text
    assert "cut: the body has" in page.text


def test_a_body_is_cut_with_a_note_and_bytes_that_are_no_text_are_counted() -> None:
    def body_of(body: bytes) -> str:
        seen = exchange(body=body)
        return Page(
            write_html(
                Run(header=header(), results=(result("a.b", Verdict.FAIL, evidence=((1, 0, 0),)),)), {"scim2/a.b": {(1, 0, 0): seen}}
            )
        ).text

    assert f"cut: the body has {MAX_BODY + 1} bytes" in body_of(b"y" * (MAX_BODY + 1))
    assert "3 bytes that are no text" in body_of(b"\xff\xfe\0")
    assert "cut: the body has" in body_of(b"[" * 50_000)
    assert "é" in body_of("é".encode() * 100_000)


def test_credentials_are_named_only_for_an_origin_of_the_target() -> None:
    seen: dict[str, Exchange] = {"scim2/a.b": exchange(url="https://elsewhere.example/x"), "scim2/c.d": exchange()}
    results: tuple[Result, ...] = tuple(result(i.partition("/")[2], Verdict.FAIL, evidence=((1, 0, 0),)) for i in seen)
    commands = re.findall(r"curl --path[^<]*", write_html(Run(header=header(), results=results), {i: {x.at: x} for i, x in seen.items()}))
    assert {("elsewhere" in c, "$TOKEN" in c) for c in commands} == {(True, False), (False, True)}


def test_pretty_printing_changes_no_token() -> None:
    text = '{"a":1.0,"a":1e2,"b":["x, y",[],{}],"c":"\\u0041\\""}'
    assert "".join(re.sub(r"\n *", "", pretty(text)).replace('": ', '":').split("\n")) == text
    assert pretty("not { json") == "not { json"
    assert json.loads(pretty(text)) == json.loads(text)


@pytest.mark.parametrize("code", [0, 7, 10, 0x1B, 0x7F, 0x85, 0x9B, 0x200B, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xD800, 0xE0041])
def test_characters_that_do_not_show_are_made_to(code: int) -> None:
    shown = visible(f"a{chr(code)}b")
    assert shown == f"a⟦U+{code:04X}⟧b"
    assert shown.isprintable()


def test_anchors_are_calm_and_never_collide() -> None:
    odd = [HOSTILE, HOSTILE + "x", "a b/c", "a-b", "x" * 500, "x" * 501, "", "s/ü", "failed-musts"]
    made = [anchor(o) for o in odd]
    assert len(set(made)) == len(odd)
    assert all(re.fullmatch(r"odd-[A-Za-z0-9._/-]*", a) for a in made)
