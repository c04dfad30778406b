"""The verdict on a parameter set: on the console, as JSON, as JUnit's XML, and as a page with its pictures."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from isptune.report.digits import limits_of, mean_of, number
from isptune.report.page import render
from isptune.report.pictures import before_after
from isptune.report.tables import print_line, print_table
from isptune.runs.answer import ScorePair
from isptune.runs.files import REPORT
from isptune.system.disk import write_atomically
from isptune.system.records import plain

if TYPE_CHECKING:
    from rich.console import Console

    from isptune.tuning.verification import Verified


def print_verified(found: "Verified", console: "Console") -> None:
    """The verdict, gains with intervals, and the scenes that get worse."""
    rows = [
        [name, found.directions[name], *_row(pair), found.verdicts[name]]
        for name, pair in found.measured.objectives.items()
    ]
    count = len(found.measured.scenes)
    title = f"{found.new} against {found.old}, on {count} scene{'s' if count > 1 else ''}"
    head = ["objective", "", found.old, found.new, "gain", "95 % interval", "verdict"]
    print_table(console, title, head, rows)
    for one in found.worse:
        print_line(console, f"worse on {one.scene}: {one.objective} loses {number(one.loss)}", "yellow")
    if found.doubt is not None:
        print_line(console, found.doubt, "yellow")
    for reason in found.failures.values():
        print_line(console, f"does not pass: {reason}", "yellow")
    if found.passed:
        print_line(console, f"passes: {found.new} may replace {found.old}", "bold")


def _row(pair: ScorePair) -> list[str]:
    gain = pair.difference
    return [mean_of(pair.default), mean_of(pair.recommended), mean_of(gain), limits_of(gain)]


def to_dict(found: "Verified") -> dict[str, Any]:
    """As `isptune verify --json` prints it."""
    return {
        "passed": found.passed,
        "reasons": list(found.failures.values()),
        "doubt": found.doubt,
        "old": found.old,
        "new": found.new,
        "objectives": {
            name: {
                "direction": found.directions[name],
                "verdict": found.verdicts[name],
                **_as_dict(pair),
            }
            for name, pair in found.measured.objectives.items()
        },
        "scenes": {
            scene: {name: _as_dict(pair) for name, pair in table.items()}
            for scene, table in found.measured.scenes.items()
        },
        "worse": [plain(one) for one in found.worse],
    }


def _as_dict(pair: ScorePair) -> dict[str, Any]:
    return {"old": plain(pair.default), "new": plain(pair.recommended), "gain": plain(pair.difference)}


def to_junit(found: "Verified") -> bytes:
    """JUnit's XML: a case for each objective, and one for each scene by the first objective."""
    suite = ElementTree.Element(
        "testsuite",
        name=_printable(f"isptune verify {found.new}"),
        tests=str(len(found.measured.objectives) + len(found.measured.scenes)),
        failures=str(len(found.failures)),
        errors="0",
    )
    for kind, cases in (("objective", found.measured.objectives), ("scene", found.measured.scenes)):
        for name in cases:
            case = ElementTree.SubElement(suite, "testcase", classname=kind, name=_printable(name), time="0")
            if (kind, name) in found.failures:
                ElementTree.SubElement(case, "failure", message=_printable(found.failures[kind, name]))
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def _printable(text: str) -> str:
    """Without characters that XML has no place for."""
    return "".join(c if c.isprintable() else "?" for c in text)


def write_verified(found: "Verified", folder: Path) -> None:
    """Write verify.json, junit.xml and report.html beside the pictures in `folder`. Raises DiskError."""
    write_atomically(folder / "verify.json", (json.dumps(to_dict(found), indent=2) + "\n").encode())
    write_atomically(folder / "junit.xml", to_junit(found))
    pictures, left_out = before_after(folder, list(found.measured.scenes))
    first = next(iter(found.directions))
    page = render("verify.html", found=found, pictures=pictures, left_out=left_out, first=first)
    write_atomically(folder / REPORT, page)
