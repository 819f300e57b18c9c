"""JUnit XML, always from the record: one writer, whatever pytest would have said."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from conformance.run import Run
from conformance.scoring import score
from conformance.verdict import WORDS, Level, Verdict

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(text: str) -> str:
    """Return *text* with what XML 1.0 forbids made visible."""
    return _ILLEGAL.sub(lambda m: f"\\u{ord(m[0]):04x}", text)


def write_junit(run: Run) -> str:
    """Return the run as JUnit XML that satisfies the xunit schema (`junit-10.xsd`).

    The requirement stands in classname and name; only a failed MUST is a failure (a failed SHOULD or MAY is skipped,
    with its verdict in the message), an error of ours is an error, everything not judged is skipped.
    """
    said = score(run)
    head = run.header
    cases = [(r, _element(r.verdict, r.level, r.draft)) for r in said.results]
    counts = {word: sum(e == word for _, e in cases) for word in ("failure", "error", "skipped")}
    started = datetime.fromtimestamp(head.started, UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    whole = f"{run.footer.ended_s:.3f}" if run.footer else "0"
    suite = ET.Element(
        "testsuite",
        {
            "name": legal(head.profile),
            "tests": str(len(cases)),
            "failures": str(counts["failure"]),
            "errors": str(counts["error"]),
            "skipped": str(counts["skipped"]),
            "time": whole,
            "timestamp": started,
            "hostname": legal(str(head.target.get("name") or head.target.get("url", ""))),
        },
    )
    properties = ET.SubElement(suite, "properties")
    facts = {
        "profile": head.profile, "edition": head.edition, "suite": head.suite, "seed": str(head.seed),
        "conclusion": said.conclusion, "complete": str(run.complete).lower(),
    }  # fmt: skip
    for name, value in facts.items():
        ET.SubElement(properties, "property", {"name": name, "value": legal(value)})
    for result, element in cases:
        case = ET.SubElement(suite, "testcase", {
            "classname": legal(head.profile), "name": legal(result.requirement.partition("/")[2] or result.requirement),
            "time": f"{max(0.0, result.ended_s - result.started_s):.3f}",
        })  # fmt: skip
        if element:
            word = WORDS[result.verdict]["text"]
            kind = {"type": result.verdict.value} if element != "skipped" else {}
            told = ET.SubElement(case, element, {"message": legal(f"{word}: {result.reason}"), **kind})
            lines = (
                result.sentence,
                f"{result.level.value}, {result.clause}",
                result.reason,
                f"conformance replay RUN {result.requirement}",
            )
            told.text = legal("\n".join(lines))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _element(verdict: Verdict, level: Level, draft: bool) -> str:
    word = WORDS[verdict]["junit"]
    return "skipped" if word == "failure" and (level is not Level.MUST or draft) else word
