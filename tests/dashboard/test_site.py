"""The site: numbers of the one scorer, links that lead somewhere, the same bytes each time, nothing of others' exchanges."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from conformance.cli.dashboard import ShelfJudge
from conformance.cli.main import main
from conformance.cli.twins import EPOCH
from conformance.dashboard.build import build
from conformance.dashboard.cache import CACHE_FILE
from conformance.dashboard.gathering import OUTSIDE
from conformance.disposition import Disposition
from conformance.errors import UsageError
from conformance.loading.dispositions import load_dispositions
from conformance.loading.profiles import Shelf
from conformance.loading.records import read_run
from conformance.run import Fact, Finding, Leftover, Run
from conformance.scoring import Score, score, standing
from conformance.verdict import Level, Verdict
from conformance.writers.data import tally_data
from tests.dashboard.campaigns import BAD, faults_of, place, session, twin_run, write_run, write_testbed
from tests.notes import PROFILES, SPECS
from tests.writers.records import exchange, hostile, realistic, result

SHELF = Shelf((PROFILES,), (SPECS,))
AUDIENCES = ("task-force", "public", "partner:north", "partner:south")
PARTNERS = {"north": {"title": "North Ltd"}, "south": {}, "east": {}, "ours": {}}
KINDS = {"n-idp": ("north", "product"), "s-idp": ("south", "product"), "e-idp": ("east", "product"), "ref": ("ours", "reference"), "twin": ("ours", "twin")}  # fmt: skip


def campaign(folder: Path) -> Path:
    """Write a campaign made by hand: three partners, a reference server, a twin, changes over time, a run cut short, a selection."""
    write_testbed(folder, "Bed", PARTNERS, {n: {"partner": p, "kind": k, "profiles": ["scim2", "notes"]} for n, (p, k) in KINDS.items()})
    run, seen = realistic()
    other = replace(
        run,
        results=tuple(
            replace(r, verdict=Verdict.PASS, findings=(), cause="", reason="") if r.requirement.endswith("round-trip") else r
            for r in run.results
        ),
    )
    quiet = replace(run, results=tuple(r for r in run.results if r.verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE)))
    for system, days, made in (
        ("n-idp", 1, run), ("n-idp", 2, other), ("n-idp", 3, run), ("n-idp", 110, run), ("s-idp", 5, run), ("s-idp", 100, other),
        ("e-idp", 4, run), ("ref", 111, quiet), ("twin", 111, run),
    ):  # fmt: skip
        place(folder, system, made, seen, partner=KINDS[system][0], kind=KINDS[system][1], days=days)
    place(folder, "e-idp", replace(run, results=run.results[:6], footer=None), seen, partner="east", kind="product", days=112)
    place(folder, "n-idp", replace(run, header=replace(run.header, selected="-k sort")), partner="north", kind="product", days=111)
    session(folder, "n-idp", "s-idp", "scim2", "NO", [("create", "OK", "201 seen"), ("callback", "NO", "404 seen")], 9)
    return folder


def made(places: Path, site: Path, audience: str = "task-force", **options: Any) -> Path:
    """Build a site and return its folder."""
    build([places], site, SHELF, audience=audience, **options)
    return site


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return campaign(tmp_path_factory.mktemp("records") / "bed")


@pytest.fixture(scope="module")
def site(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(records, tmp_path_factory.mktemp("sites") / "site")


@pytest.fixture(scope="module")
def only_scim(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Return a shelf that holds the SCIM profile and nothing else."""
    standard = Shelf.standard()
    home = tmp_path_factory.mktemp("shelf")
    (home / "scim2").symlink_to(standard.home("scim2"))
    return Shelf((home,), standard.spec_dirs)


@pytest.fixture(scope="module")
def informed(records: Path, only_scim: Shelf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site for the task force, the profile being on the shelf."""
    folder = tmp_path_factory.mktemp("informed") / "site"
    build([records], folder, only_scim)
    return folder


class Page(HTMLParser):
    """What a page holds: elements, links, ids, figures with what they are of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.figures: list[tuple[dict[str, str], str]] = []
        self.text: list[str] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {k: v or "" for k, v in attrs}
        self.tags.append((tag, found))
        self.links += [found[k] for k in ("href", "src") if k in found]
        if "id" in found:
            self.ids.add(found["id"])
        if "data-of" in found or "data-figure" in found or found.get("class", "").startswith("c "):
            self._open.append((tag, found, []))

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._open:
            self._open[-1][2].append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            _, attributes, text = self._open.pop()
            self.figures.append((attributes, "".join(text).strip()))


def pages(site: Path) -> Iterator[tuple[str, Page]]:
    for file in sorted(site.rglob("*.html")):
        yield str(file.relative_to(site)), Page(file.read_text("utf-8"))


def scores(records: Path) -> dict[str, tuple[Run, Score]]:
    """Return run id -> run and score, by the scorer itself."""
    return {run.header.run_id: (run, score(run)) for f in records.rglob("run.jsonl") for run in (read_run(f),)}


# -- one scorer ----------------------------------------------------------------------------------------------------------
def walk(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def test_every_number_of_a_run_is_the_scorers(records: Path, site: Path) -> None:
    """In JSON: totals, verdict, conclusion, exit state of every run line; in HTML: every figure that names its run."""
    truth = scores(records)
    lines = figures = 0
    for file in site.rglob("*.json"):
        for one in walk(json.loads(file.read_text())):
            if {"run", "must", "conclusion"} <= set(one):
                run, said = truth[one["run"]]
                assert (one["must"], one["should"], one["may"]) == tuple(tally_data(said.tallies[level]) for level in Level)
                assert one["verdict"] == standing(said)
                assert said.conclusion.startswith(one["conclusion"])
                assert one["complete"] == run.complete
                lines += 1
    for name, page in pages(site):
        for attributes, text in page.figures:
            if "data-of" in attributes:
                level, run_id = attributes["data-of"].split(" ")
                tally = truth[run_id][1].tallies[Level(level.upper())]
                assert text == f"{tally[Verdict.PASS]} of {tally.applicable}", name
                figures += 1
    assert lines > 40
    assert figures > 40


def latest(records: Path) -> dict[tuple[str, str], tuple[Run, Score]]:
    """Return the newest whole run of each system and profile."""
    found: dict[tuple[str, str], tuple[Run, Score]] = {}
    for run, said in sorted(scores(records).values(), key=lambda pair: pair[0].header.started):
        if not run.header.selected:
            found[run.header.system, run.header.profile] = run, said
    return found


def test_every_figure_over_systems_is_counted_from_the_same_scores(records: Path, site: Path) -> None:
    """The heat map, the totals, who passes a requirement, causes and who else has them: counted again by hand."""
    newest = latest(records)
    overview = json.loads((site / "index.json").read_text())
    counted = {s: v for (s, _), v in newest.items() if KINDS[s][1] != "twin"}
    for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE):
        assert overview["totals"]["standing"][verdict.value] == sum(standing(said) is verdict for _, said in counted.values())
    assert overview["totals"]["counted"] == len(counted) == 4
    assert overview["totals"]["partners"] == 3
    chips = [c for row in overview["rows"] for cells in row["cells"] for c in cells if c["verdict"]]
    assert len(chips) == len(newest)
    shown = [text for attributes, text in Page((site / "index.html").read_text()).figures if attributes.get("class", "").startswith("c ")]
    for (system, _), (_, said) in newest.items():
        must = said.tallies[Level.MUST]
        [row] = [r for r in overview["rows"] if r["system"] == system]
        [chip] = [c for cells in row["cells"] for c in cells if c["verdict"]]
        assert (chip["passed"], chip["applicable"], chip["verdict"]) == (must[Verdict.PASS], must.applicable, standing(said))
        assert any(f" {must[Verdict.PASS]}/{must.applicable}" in text for text in shown)
    for file in (site / "requirements").rglob("*.json"):
        page = json.loads(file.read_text())
        having = [r for _, said in counted.values() for r in said.results if r.requirement == page["requirement"]]
        passed, failed = (sum(r.verdict is v for r in having) for v in (Verdict.PASS, Verdict.FAIL))
        assert (page["figure"]["passed"], page["figure"]["judged"]) == (passed, passed + failed)
        assert f"{passed} of {passed + failed}" in file.with_suffix(".html").read_text()
    for file in (site / "failures").rglob("*.json"):
        page = json.loads(file.read_text())
        _, said = newest[page["cell"]["system"], page["cell"]["profile"]]
        names = [r["requirement"] for r in page["failure"]["requirements"]]
        [cause] = [c for c in said.causes if [r.requirement for r in c.results] == names]
        others = [s for s, (_, x) in counted.items() if s != page["cell"]["system"] and any(c.cause == cause.cause for c in x.causes)]
        assert page["failure"]["also"]["figure"]["count"] == len(others)
        assert page["failure"]["level"] == cause.level.value


def test_a_wrong_figure_would_be_noticed(records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above fails for a site that counts otherwise."""
    monkeypatch.setattr("conformance.dashboard.view.tally_data", lambda tally: tally_data(tally) | {"pass": 1 + tally[Verdict.PASS]})
    wrong = made(records, tmp_path / "site", keep=False)
    with pytest.raises(AssertionError):
        test_every_number_of_a_run_is_the_scorers(records, wrong)


def test_causes_stand_as_the_scorer_groups_them(records: Path, site: Path) -> None:
    """Failures first, MUSTs before others, the cause that explains most before the next."""
    for (system, profile), (_, said) in latest(records).items():
        page = json.loads((site / "systems" / system / f"{profile}.json").read_text())
        assert [[r["requirement"] for r in c["requirements"]] for c in page["causes"]] == [
            [r.requirement for r in c.results] for c in said.causes
        ]


# -- what is shown -------------------------------------------------------------------------------------------------------
def test_a_run_cut_short_is_marked_everywhere(site: Path) -> None:
    """A run without its end is told on every page that shows it."""
    assert "cut short" in (site / "index.html").read_text()
    for file in (site / "systems/e-idp.html", site / "systems/e-idp/scim2.html", site / "partners/east.html", site / "profiles/scim2.html"):
        assert "incomplete: cut short" in file.read_text(), file


def test_a_selection_does_not_stand_for_the_whole(site: Path) -> None:
    """A newer run of a few requirements is in the history, and the cell stays that of the whole run."""
    page = json.loads((site / "systems/n-idp/scim2.json").read_text())
    assert not page["cell"]["selected"]
    assert page["history"][0]["selected"]
    assert page["history"][0]["groups"] == []


def test_history_is_told_as_transitions(site: Path) -> None:
    """Newest first: what no longer passes, what passes now."""
    history = json.loads((site / "systems/n-idp/scim2.json").read_text())["history"]
    told = [[(g["what"], g["count"]) for g in t["groups"]] for t in history]
    assert told[1] == []
    assert told[2][0] == ("no longer pass", 1)
    assert ("pass now", 1) in told[3]
    assert told[4] == []


def test_stale_evidence_is_shown(records: Path, tmp_path: Path) -> None:
    """More than ninety days after a run its cell says so; the moment is an option, never the clock."""
    early = made(records, tmp_path / "a", as_of=EPOCH + 113 * 86_400)
    late = made(records, tmp_path / "b", as_of=EPOCH + 400 * 86_400)
    assert json.loads((early / "index.json").read_text())["totals"]["stale"] == 0
    assert json.loads((late / "index.json").read_text())["totals"]["stale"] == 5
    assert ">stale</span>" in (late / "systems/n-idp.html").read_text()
    assert ">stale</span>" not in (early / "systems/n-idp.html").read_text()


def test_what_different_profiles_judged_is_not_compared(tmp_path: Path) -> None:
    """Another digest: no transition, no diff, no common figure, a mark in the heat map."""
    folder = campaign(tmp_path / "bed")
    run, seen = realistic()
    newer = replace(run, header=replace(run.header, digests={**run.header.digests, "profile": "f" * 64}))
    place(folder, "n-idp", newer, seen, partner="north", kind="product", days=120)
    site = made(folder, tmp_path / "site")
    cell = json.loads((site / "systems/n-idp/scim2.json").read_text())
    assert not cell["history"][0]["comparable"]
    assert "not compared" in (site / "systems/n-idp/scim2.html").read_text()
    difference = json.loads((site / "diffs/n-idp/scim2.json").read_text())
    assert (difference["comparable"], difference["flips"]) == (False, [])
    overview = json.loads((site / "index.json").read_text())
    chips = {r["system"]: c for r in overview["rows"] for cells in r["cells"] for c in cells if c["verdict"]}
    assert [s for s, c in chips.items() if not c["judged_otherwise"]] == ["n-idp"], "the newest version is the one to compare with"
    profile = json.loads((site / "profiles/scim2.json").read_text())
    assert profile["figures"]["implementations"] == 1
    assert [g["compared"] for g in profile["groups"]] == [True, False]
    failing = json.loads(next((site / "failures/n-idp").rglob("*.json")).read_text())
    assert failing["failure"]["also"]["figure"] == {"count": 0, "of": 0}


def test_twins_never_count(site: Path) -> None:
    """They are shown, marked, and in no figure."""
    overview = json.loads((site / "index.json").read_text())
    assert [r["kind"] for r in overview["rows"] if r["system"] == "twin"] == ["twin"]
    assert overview["totals"]["implementations"] == 4
    landscape = json.loads((site / "landscape.json").read_text())
    [scim] = [s for i in landscape["interfaces"] for s in i["standards"] if s["profile"] == "scim2"]
    assert scim["figures"]["implementations"] == 4
    assert scim["figures"]["partners"] == 3


def test_what_is_claimed_and_never_run_is_shown(site: Path) -> None:
    """A profile that the testbed names and no run shows."""
    assert "○ not run" in (site / "index.html").read_text()
    assert "<code>notes</code>" in (site / "systems/n-idp.html").read_text()


def test_waivers_change_no_number_and_expire(records: Path, tmp_path: Path) -> None:
    """They stand beside what they cover; an expired one, and one that is not needed, say so."""
    file = tmp_path / "dispositions.yaml"
    file.write_text(
        "- {requirement: 'scim2/get-user.*', target: n-idp, disposition: waived, reason: R1, owner: O, expires: 2026-12-31}\n"
        "- {requirement: 'scim2/*.errors', target: '*', disposition: disputed, reason: R2, owner: O, expires: 2026-06-01}\n"
        "- {requirement: 'scim2/create-user.answer', target: s-idp, disposition: waived, reason: R3, owner: O, expires: 2027-12-31}\n"
    )
    plain, waived = made(records, tmp_path / "a"), made(records, tmp_path / "b", dispositions=load_dispositions(file))
    assert (plain / "index.json").read_bytes() == (waived / "index.json").read_bytes()
    rows = json.loads((waived / "dispositions.json").read_text())["rows"]
    assert {r["reason"]: r["state"] for r in rows} == {"R1": "holds", "R2": "expired", "R3": "passes now"}
    assert "waived until 2026-12-31" in (waived / "systems/n-idp/scim2.html").read_text()
    assert "disputed expired 2026-06-01" in (waived / "systems/s-idp/scim2.html").read_text()


def test_the_matrix_tells_sessions_from_what_might_go_together(site: Path) -> None:
    """A session has its verdict and page, in its direction only; elsewhere stands what two have in common."""
    [matrix] = [m for m in json.loads((site / "pairs.json").read_text())["matrices"] if m["profile"] == "scim2"]
    names = [s["system"] for s in matrix["systems"]]
    cell = matrix["rows"][names.index("n-idp")][names.index("s-idp")]
    assert (cell["verdict"], cell["steps"]) == ("NO", {"ok": 1, "of": 2})
    back = matrix["rows"][names.index("s-idp")][names.index("n-idp")]
    assert (back["verdict"], back["note"]) == ("", "both edition 2.0")
    assert (site / cell["href"]).is_file()
    assert (matrix["executed"], matrix["planned"]) == (1, len(names) * (len(names) - 1))


def test_shared_causes_become_change_requests(informed: Path) -> None:
    """A cause that several independent implementations share is told to the publisher, on the page and as a file."""
    feedback = json.loads((informed / "feedback.json").read_text())
    [cluster] = [c for s in feedback["sources"] for c in s["clusters"] if c["cause"] == "errors are not SCIM errors"]
    assert (cluster["fail"], cluster["judged"]) == (3, 3)
    text = (informed / "feedback.md").read_text()
    assert "3 of 3 independent implementations that were judged fail alike: errors are not SCIM errors" in text


def test_defects_and_ambiguities_are_those_of_the_sources(informed: Path) -> None:
    """Each deviation of these kinds stands on the page, and no other."""
    data = json.loads((informed / "feedback.json").read_text())
    kinds = {d["kind"] for s in data["sources"] for d in s["deviations"]}
    assert kinds == {"defect", "ambiguity"}
    assert sum(len(s["deviations"]) for s in data["sources"]) == data["totals"]["defect"] + data["totals"]["ambiguity"]


# -- the site itself -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_link_leads_somewhere(records: Path, tmp_path: Path, audience: str) -> None:
    """Files and fragments; addresses outside are https and only in links."""
    site = made(records, tmp_path / "site", audience)
    known = dict(pages(site))
    for name, page in known.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme == "https", (name, link)
                continue
            target = (site / name).parent / unquote(parts.path) if parts.path else site / name
            assert target.resolve().is_file(), (name, link)
            there = str(target.resolve().relative_to(site.resolve()))
            if parts.fragment and "=" not in parts.fragment:
                assert unquote(parts.fragment) in known[there].ids, (name, link)


def test_every_page_has_its_json_and_nothing_lies_around(site: Path) -> None:
    """A page and its data side by side; besides them the style, the script, the change requests and the list of pages."""
    files = {str(f.relative_to(site)) for f in site.rglob("*") if f.is_file()}
    html = {f for f in files if f.endswith(".html")}
    assert files == html | {f.removesuffix(".html") + ".json" for f in html} | {"site.css", "site.js", "feedback.md", "site.json"}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_the_same_records_make_the_same_bytes(records: Path, tmp_path: Path) -> None:
    """With the cache and without."""
    assert tree(made(records, tmp_path / "a")) == tree(made(records, tmp_path / "b", keep=False))


@pytest.mark.parametrize("audience", AUDIENCES)
def test_one_more_run_changes_what_a_build_from_nothing_would(tmp_path: Path, audience: str) -> None:
    """What is kept from the build before equals what would be written now; only what depends on the new run is written."""
    folder = campaign(tmp_path / "bed")
    first = build([folder], tmp_path / "site", SHELF, audience=audience)
    again = build([folder], tmp_path / "site", SHELF, audience=audience)
    assert (again.gathered.scored, again.built.written, again.built.removed) == (0, 0, 0)
    run, seen = realistic()
    fewer = replace(run, results=tuple(r for r in run.results if not r.cause))
    place(folder, "s-idp", fewer, seen, partner="south", kind="product", days=130)
    third = build([folder], tmp_path / "site", SHELF, audience=audience)
    assert third.gathered.scored == 1
    assert 0 < third.built.written <= first.built.pages
    assert tree(tmp_path / "site") == tree(made(folder, tmp_path / "fresh", audience, keep=False))


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write three runs of one faulty server: as it was judged, with its failures called passed, and that without its exchanges."""
    home = tmp_path_factory.mktemp("submitted")
    run, seen = twin_run(home / "made", "alertmanager-v2", faults_of("alertmanager-v2", 1)[0])
    assert any(r.verdict is Verdict.FAIL for r in run.results)
    better = tuple(
        replace(r, verdict=Verdict.PASS, findings=(), cause="", reason="") if r.verdict is Verdict.FAIL else r for r in run.results
    )
    for system, results, exchanges in (("honest", run.results, seen), ("flattered", better, seen), ("bare", better, None)):
        header = replace(run.header, system=system, partner=system, system_kind="product", run_by="self")
        write_run(home / "runs" / system, replace(run, header=header, results=results), exchanges)
    header = replace(run.header, system="ours", partner="ours", system_kind="product", run_by="testbed")
    write_run(home / "runs" / "ours", replace(run, header=header, results=better), seen)
    return home / "runs"


def test_what_a_submitted_run_shows_is_for_us_to_say(submitted: Path, tmp_path: Path) -> None:
    """Its exchanges are judged again, and a verdict that they do not bear out is told; without them it counts as submitted, which is told too."""
    judge = ShelfJudge(Shelf.standard())
    first = build([submitted], tmp_path / "site", Shelf.standard(), judge=judge)
    lines = {line.system: line for line in first.gathered.lines}
    failed = {name: line.tally(Level.MUST)[Verdict.FAIL] for name, line in lines.items()}
    assert failed["flattered"] == failed["honest"] > 0 == failed["bare"] == failed["ours"]
    assert (lines["honest"].flipped, lines["bare"].flipped, lines["ours"].flipped) == (0, None, None)
    assert (lines["flattered"].flipped or 0) >= failed["honest"]
    told = {"honest": "self-run, judged again here", "flattered": "than submitted", "bare": "self-run, as submitted", "ours": "testbed-run"}
    for name, words in told.items():
        [page] = (tmp_path / "site" / "runs" / name).rglob("*.html")
        assert words in " ".join(Page(page.read_text("utf-8")).text), name
    assert (tmp_path / "site" / "failures" / "flattered").is_dir()
    assert build([submitted], tmp_path / "site", Shelf.standard(), judge=judge).built.written == 0
    unjudged = build([submitted], tmp_path / "other", Shelf.standard())
    assert {line.system: line.tally(Level.MUST)[Verdict.FAIL] for line in unjudged.gathered.lines}["flattered"] == 0


def test_a_submitted_run_is_judged_once(submitted: Path, tmp_path: Path) -> None:
    """What it shows is kept from counting it to writing its pages, and for the next build."""
    judged: list[str] = []
    runs = shutil.copytree(submitted, tmp_path / "runs", ignore=shutil.ignore_patterns(CACHE_FILE))

    class Counting(ShelfJudge):
        def again(self, run: Run, folder: Path) -> tuple[Run, int] | None:
            judged.append(folder.name)
            return super().again(run, folder)

    for _ in range(2):
        build([runs], tmp_path / "site", Shelf.standard(), judge=Counting(Shelf.standard()))
    assert sorted(judged) == ["bare", "flattered", "honest"]


def test_a_folder_of_something_else_is_left_alone(records: Path, tmp_path: Path) -> None:
    """The site goes into an empty folder or over a site of ours."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("x")
    with pytest.raises(UsageError, match="no dashboard"):
        made(records, tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").read_text() == "x"


@pytest.mark.parametrize("spoiled", ["{", '{"files": 1, "keys": {}}', '{"files": [], "keys": 3}', "[" * 10_000])
def test_a_spoiled_list_of_pages_is_told(records: Path, tmp_path: Path, spoiled: str) -> None:
    """It is refused in words."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/site.json").write_text(spoiled)
    with pytest.raises(UsageError, match="not the list"):
        made(records, tmp_path / "site")


def test_a_forged_list_of_pages_removes_nothing_outside(records: Path, tmp_path: Path) -> None:
    """What an earlier build is said to have written is removed inside the site only."""
    (tmp_path / "keep.txt").write_text("x")
    (tmp_path / "site").mkdir()
    (tmp_path / "site/site.json").write_text(json.dumps({"files": ["../keep.txt", str(tmp_path / "keep.txt")], "keys": {}}))
    made(records, tmp_path / "site")
    assert (tmp_path / "keep.txt").is_file()


def test_one_record_that_cannot_be_read_loses_no_other(tmp_path: Path) -> None:
    """It is named on the overview of the task force; the rest is shown."""
    folder = campaign(tmp_path / "bed")
    write_run(folder / "x-idp/scim2/1", realistic()[0])
    (folder / "x-idp/scim2/1/run.jsonl").write_text('{"kind": "header", "format"\n{"kind": "result"}\n')
    (folder / "pairs/bad/scim2/1").mkdir(parents=True)
    (folder / "pairs/bad/scim2/1/session.json").write_text("[]")
    site = made(folder, tmp_path / "site")
    problems = json.loads((site / "index.json").read_text())["problems"]
    assert len(problems) == 2
    assert (site / "systems/n-idp/scim2.html").is_file()


def test_runs_outside_a_testbed_are_shown_by_the_name_of_their_target(tmp_path: Path) -> None:
    """One run folder is enough; its partner says that there is none."""
    run, seen = realistic()
    write_run(tmp_path / "run", run, seen)
    site = made(tmp_path / "run", tmp_path / "site", f"partner:{OUTSIDE}")
    [row] = json.loads((site / "index.json").read_text())["rows"]
    assert (row["system"], row["partner"], row["kind"]) == ("Partner IdP 4.2", OUTSIDE, "")
    assert "curl" in next((site / "failures").rglob("*.html")).read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("dashboard", "nowhere", "-o", "x"), "no such folder"),
        (("dashboard", "EMPTY", "-o", "x"), "no run is there"),
        (("dashboard", "BED", "-o", "x", "--audience", "partner:nroth"), "did you mean 'north'"),
        (("dashboard", "BED", "-o", "x", "--audience", "everybody"), "partner:NAME, task-force or public"),
        (("dashboard", "BED", "-o", "x", "--as-of", "soon"), "'soon' is not a date"),
        (("dashboard", "BED", "-o", "x", "--dispositions", "WRONG"), "'waved' is not one of them"),
        (("dashboard", "BED", "-o", "WRONG"), "not a folder"),
    ],
)
def test_what_is_asked_wrongly_is_told(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    """Exit code 2 and a line that says what to do."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong").write_text("- {requirement: a, target: b, disposition: waved, reason: c, owner: d, expires: 2026-01-01}\n")
    real = {"BED": str(records), "EMPTY": str(tmp_path / "empty"), "WRONG": str(tmp_path / "wrong"), "x": str(tmp_path / "x")}
    assert main([real.get(w, w) for w in words]) == 2
    assert told in capsys.readouterr().err


def test_no_page_certifies(site: Path) -> None:
    """The words that only a certification body may use stand nowhere."""
    for file in (*site.rglob("*.html"), *site.rglob("*.json"), site / "feedback.md"):
        assert not re.search("certif|complian", file.read_text(), re.IGNORECASE), file


# -- who may see what ----------------------------------------------------------------------------------------------------
def canary(place: str) -> str:
    return f"kanarie{place}voliere"


def with_canaries(partner: str) -> tuple[Run, Mapping[str, Any]]:
    """Return a run in which every place that can hold what a server sent holds a word of its own."""
    run, _ = realistic()
    place = lambda name: canary(f"{partner}{name}")  # noqa: E731
    finding = Finding(
        case=place("case"),
        expected=f"the value {place('expected')}",
        observed=place("observed"),
        cause=f"value of /{place('cause')}",
        evidence=((1, 0, 0),),
    )
    results = (
        *run.results,
        result("user.told", Verdict.FAIL, reason=place("reason"), cause=f"value of /{place('cause')}", findings=(finding,)),
        result("user.alone", Verdict.FAIL, reason=place("reason"), findings=(finding,)),
        result("user.open", Verdict.INCONCLUSIVE, reason=f"unstable: {place('unstable')}"),
        result("user.unsure", Verdict.INCONCLUSIVE, reason=place("unsure")),
        result("user.error", Verdict.ERROR, reason=f"KeyError: '{place('error')}'"),
        result("user.untold", Verdict.NOT_TESTED, reason=f"needs {place('needs')}"),
        result("user.draft", Verdict.FAIL, draft=True, reason=place("draft"), cause=place("draftcause"), findings=(finding,)),
        result("user.noted", Verdict.PASS, facts=tuple(
            Fact(kind=kind, value=place(kind), about=place("about"), more={"part_title": place("title"), "part_mandatory": place("mandatory")})
            for kind in ("needs", "provides", "other")
        )),
    )  # fmt: skip
    seen = exchange("POST", f"/Users/{place('target')}", 201, {place("member"): place("body")}, sent={"a": place("sent")})
    seen = replace(seen, headers=((place("name"), place("header")),), detail=place("detail"), url=f"https://x.example/{place('url')}")
    head = replace(
        run.header, notes=(place("note"),), server_says=place("says"),
        target={"name": "IdP", "url": f"https://x.example/{place('base')}", "test_data": {"a": place("data")}, "headers": {"x-a": place("sentheader")}},
        claim={"profile": "scim2", "product": {"name": place("product")}},
    )  # fmt: skip
    look = replace(run.look, trouble="", scope={"core": {"state": "in", "reason": place("scope")}})  # type: ignore[type-var]
    left = (Leftover(resource="users", where=f"/Users/{place('where')}", state=place("state")),)
    return replace(run, header=head, results=results, look=look, leftovers=left), {r.requirement: {(1, 0, 0): seen} for r in results}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a campaign with canaries of four partners, the scim2 profile being on the shelf or not."""
    folder = tmp_path_factory.mktemp("guarded") / "bed"
    write_testbed(folder, "Bed", {}, {f"{p}-idp": {"partner": p, "kind": "product"} for p in ("north", "south", "east", "west")})
    for partner in ("north", "south", "east", "west"):
        for days in (1, 2):
            place(folder, f"{partner}-idp", *with_canaries(partner), partner=partner, kind="product", days=days)
        run, seen = with_canaries(partner)
        assert run.look is not None
        lost = replace(run, look=replace(run.look, trouble=canary(f"{partner}trouble")), results=run.results[-3:])
        place(folder, f"{partner}-lost", lost, seen, partner=partner, kind="product")
    session(folder, "north-idp", "south-idp", "scim2", "NO", [(canary("step"), "NO", canary("detail"))], 3)
    return folder


@pytest.mark.parametrize("known", [True, False], ids=["on-the-shelf", "unknown"])
@pytest.mark.parametrize("audience", AUDIENCES)
def test_no_byte_of_a_private_exchange_leaves(guarded: Path, only_scim: Shelf, tmp_path: Path, audience: str, known: bool) -> None:
    """No canary in any file of the site of the task force or the public; in a partner's site only its own and its sessions'."""
    build([guarded], tmp_path / "site", only_scim if known else SHELF, audience=audience)
    found = {m for f in (tmp_path / "site").rglob("*") if f.is_file() for m in re.findall(r"kanarie(\w+?)voliere", f.read_text("utf-8"))}
    found |= {m for f in (tmp_path / "site").rglob("*") for m in re.findall(r"kanarie(\w+?)voliere", str(f))}
    if audience in ("task-force", "public"):
        assert found == set()
    else:
        own = audience.partition(":")[2]
        assert {"target", "body", "sent", "header", "observed", "expected", "case", "reason", "cause", "trouble"} <= {
            f.removeprefix(own) for f in found
        }
        assert {f for f in found if not f.startswith(own)} <= {"step", "detail"}


def test_a_change_of_audience_takes_private_files_away(guarded: Path, tmp_path: Path) -> None:
    """A site that was a partner's and becomes the public's keeps nothing of it."""
    site = made(guarded, tmp_path / "site", "partner:north")
    assert any("kanarie" in f.read_text() for f in site.rglob("*.html"))
    made(guarded, site, "public")
    assert not any("kanarie" in f.read_text("utf-8") for f in site.rglob("*") if f.is_file())
    assert not (site / "systems").exists()


def test_the_public_sees_figures_over_three_or_more(guarded: Path, records: Path, tmp_path: Path) -> None:
    """No partner, no system by name; a figure over the products of fewer than three partners would tell of one."""
    site = made(guarded, tmp_path / "a", "public")
    text = "".join(f.read_text("utf-8") for f in site.rglob("*") if f.is_file())
    for name in ("north", "south-idp", "west"):
        assert name not in text
    assert json.loads((site / "profiles/scim2.json").read_text())["figures"]["implementations"] == 8
    few = tmp_path / "few"
    for partner, name in (("north", "a"), ("north", "b"), ("north", "c"), ("south", "d")):
        place(few, name, *with_canaries(partner), partner=partner, kind="product")
    page = json.loads((made(few, tmp_path / "b", "public") / "profiles/scim2.json").read_text())
    assert page["figures"]["implementations"] is None
    assert all(r["figure"]["passed"] is None for r in page["requirements"])


def test_a_partner_sees_its_own_by_name_and_no_other(guarded: Path, tmp_path: Path) -> None:
    """Others are in figures; whoever it had a session with it knows."""
    site = made(guarded, tmp_path / "site", "partner:north")
    assert [p.name for p in sorted((site / "systems").glob("*.html"))] == ["north-idp.html", "north-lost.html"]
    text = "".join(f.read_text("utf-8") for f in site.rglob("*") if f.is_file())
    assert "west" not in text
    assert "curl --path-as-is" in text


def test_a_cause_made_of_public_words_is_told_to_the_task_force(informed: Path) -> None:
    """It has to see who fails the same way, and why."""
    assert "errors are not SCIM errors" in (informed / "systems/n-idp/scim2.html").read_text()


# -- dependencies --------------------------------------------------------------------------------------------------------
def catalogue(provides: list[str], needs: list[tuple[str, str]]) -> Run:
    """Return a run that read what a system offers and needs, each need with the title of its part."""
    offered = [Fact(kind="provides", value=i) for i in provides]
    needed = [Fact(kind="needs", value=i, about="dep", more={"part_title": title, "part_mandatory": "true"}) for i, title in needs]
    run, _ = realistic()
    return replace(run, results=(*run.results, result("documents.noted", Verdict.PASS, facts=(*offered, *needed))))


@pytest.mark.parametrize("audience", ["task-force", "partner:north", "public"])
def test_what_nobody_offers_dangles(tmp_path: Path, audience: str) -> None:
    """Out of the records alone; an id is for whoever sees the system, a title for its owner, the public has figures over three or more."""
    forecast, alerts, own = "weather:apiResource:forecast:v2", "south:apiResource:alerts:v1", "north:eventResource:changes:v1"
    runs = {"north": catalogue([own], [(forecast, "rain"), (alerts, "calls"), (own, "itself"), ("a text", "odd")]), "south": catalogue([alerts], []),
            "east": catalogue([], [(alerts, "calls")])}  # fmt: skip
    for partner, run in runs.items():
        place(tmp_path / "bed", f"{partner}-x", run, {}, partner=partner, kind="product")
    told = json.loads((made(tmp_path / "bed", tmp_path / "site", audience) / "dependencies.json").read_text())
    assert told["figure"] == {"declared": 5, "resolved": 3, "dangling": 2, "systems": 3}
    rows = {(r["system"], r["id"]): (r["resolved"], [b["system"] for b in r["by"]], r["part"]) for r in told["rows"]}
    mine = audience == "partner:north"
    seen = {
        ("north-x", "a text" if mine else "(no ORD id)"): (False, [], "odd" if mine else ""),
        ("north-x", forecast): (False, [], "rain" if mine else ""),
        ("north-x", alerts): (True, [] if mine else ["south-x"], "calls" if mine else ""),
        ("north-x", own): (True, ["north-x"], "itself" if mine else ""),
    }
    assert rows == {"public": {}, "partner:north": seen, "task-force": {**seen, ("east-x", alerts): (True, ["south-x"], "")}}[audience]


# -- hostile -------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a campaign in which every text that may come from outside is hostile."""
    return hostile_campaign(tmp_path_factory.mktemp("nasty") / "bed")


def hostile_campaign(folder: Path) -> Path:
    """Write hostile names of partners, systems, profiles, requirements, causes, steps; hostile bodies."""
    run, seen = hostile()
    run = _clean(run)
    seen = {_fit(k): {at: _fit_exchange(x) for at, x in v.items()} for k, v in seen.items()}
    names = [BAD, "../../../etc/passwd", "CON", "a" * 300, "A" * 300, "javascript:alert(1)", "\u202eabc", "."]
    facts = {f"{n}-{i}": {"partner": n, "kind": "product" if i < 5 else BAD, "title": BAD, "profiles": [BAD], "dialects": [BAD]}
             for i, n in enumerate(names)}  # fmt: skip
    write_testbed(folder, BAD, {n: {"title": BAD} for n in names}, facts)
    for number, (system, fact) in enumerate(facts.items()):
        for days in (0, 1):
            place(folder / str(number), system, run, seen, partner=str(fact["partner"]), kind="product", days=days)
    first, second = list(facts)[:2]
    session(folder, first, second, BAD, BAD, [(BAD, BAD, BAD)])
    return folder


def _fit(text: str) -> str:
    return text.replace("\ud800", "")


def _fit_exchange(seen: Any) -> Any:
    request = seen.request
    request = replace(
        request, operation=_fit(request.operation), method=_fit(request.method), target=_fit(request.target), link=_fit(request.link),
        headers=tuple((_fit(k), _fit(v)) for k, v in request.headers), identity=_fit(request.identity), undo=_fit(request.undo), on=_fit(request.on),
    )  # fmt: skip
    return replace(
        seen, request=request, headers=tuple((_fit(k), _fit(v)) for k, v in seen.headers), detail=_fit(seen.detail), url=_fit(seen.url)
    )


def _clean(run: Run) -> Run:
    """Return the hostile run as a file can hold it, with a header that a reader takes."""

    def fit(value: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Verdict | Level):
            return _fit(value)
        if isinstance(value, tuple):
            return tuple(fit(v) for v in value)
        if isinstance(value, dict):
            return {fit(k): fit(v) for k, v in value.items()}
        return value

    def each(record: Any) -> Any:
        return replace(record, **{name: fit(getattr(record, name)) for name in record.__dataclass_fields__})

    head = each(
        replace(
            run.header,
            started=EPOCH,
            target={
                "name": BAD,
                "url": "https://host.example/",
                "origins": [BAD],
                "credentials": {"default": {"scheme": "bearer", "header": BAD}},
            },
            claim={"profile": BAD, "features": {BAD: "yes"}},
        )
    )
    results = tuple(
        replace(each(r), findings=tuple(each(f) for f in r.findings), facts=tuple(each(f) for f in r.facts)) for r in run.results
    )
    look = replace(run.look, trouble="", scope={_fit(BAD): {"state": BAD, "reason": BAD}})  # type: ignore[type-var]
    assert run.footer is not None
    return replace(
        run,
        header=head,
        results=results,
        look=look,
        leftovers=tuple(each(x) for x in run.leftovers),
        footer=replace(run.footer, ended="complete"),
    )


@pytest.mark.parametrize("audience", ["task-force", "public", "partner:CON"])
def test_nothing_hostile_becomes_markup(nasty: Path, tmp_path: Path, audience: str) -> None:
    """Only our own elements and attributes; names become calm addresses inside the site; nothing acts, nothing is hidden."""
    bad = Disposition(
        requirement="*", target="*", disposition="waived", reason=BAD, owner=BAD, expires="2027-01-01", issue="javascript:alert(1)"
    )
    site = made(nasty, tmp_path / "deep/er/site", audience, dispositions=[bad])
    assert not [p.name for p in tmp_path.rglob("*") if p.is_file() and site not in p.parents]
    count = 0
    for name, page in pages(site):
        for tag, attributes in page.tags:
            assert tag not in ("img", "iframe", "object", "base", "style"), (name, tag)
            assert not any(a.startswith("on") for a in attributes), (name, tag, attributes)
            assert "style" not in attributes, (name, tag)
            if tag == "script":
                assert attributes.get("src", "").endswith("site.js")
        for link in page.links:
            assert urlsplit(link).scheme in ("", "https"), (name, link)
            assert re.fullmatch(r"[A-Za-z0-9._/#=&%?:~+-]*", link), (name, link)
        shown = "".join(page.text)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown), name
        count += 1
    assert count > 5
    for data in site.rglob("*.json"):
        assert data.read_bytes().isascii()
        json.loads(data.read_text())
    for part in (p.relative_to(site).parts for p in site.rglob("*")):
        assert all(len(word) < 120 and re.fullmatch(r"[a-z0-9._-]+", word) for word in part)
