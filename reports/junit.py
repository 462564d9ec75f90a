"""JUnit XML: one test case per requirement, or per SLO; stable names, so that a CI system can follow each over time.

There is no standard. This keeps to what the strictest reader takes (junit-10.xsd of Jenkins' xUnit plugin): no properties of a
test case, no ``skipped`` of the root.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from echosounder.reports import accepted
from echosounder.reports.curl import replay
from echosounder.reports.figures import objective
from echosounder.reports.kinds import kind, started
from echosounder.reports.parts_of_load import named
from echosounder.reports.text import block, line
from echosounder.reports.verdicts import area, face
from echosounder.wire.runlog import Run

# JUnit knows three outcomes besides success. Untestable counts like a failure: a skip would be green.
_OUTCOME = {
    "fail": "failure",
    "untestable": "failure",
    "error": "error",
    "unsupported": "skipped",
    "inconclusive": "skipped",
    "not-applicable": "skipped",
}
_MAX_FINDINGS = 10


def render(report: Mapping[str, Any], run: Run | None = None) -> str:
    root = ET.Element("testsuites", name="echosounder")
    for suite in _check(report, run) if kind(report) == "check" else _load(report):
        if when := started(report, run):
            suite.set("timestamp", line(when))
        root.append(suite)
    for counter in ("tests", "failures", "errors"):
        root.set(counter, str(sum(int(suite.get(counter, 0)) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _check(report: Mapping[str, Any], run: Run | None) -> Iterator[ET.Element]:
    yield _suite("run", [_verdict("check", report["verdict"], "conforms", "deviates", [*accepted.lines(report)])])
    areas: dict[str, list[ET.Element]] = {}
    for requirement in report["requirements"]:
        areas.setdefault(area(requirement["id"]), []).append(_requirement(requirement, run))
    for name, cases in areas.items():
        yield _suite(name, cases)


def _requirement(requirement: Mapping[str, Any], run: Run | None) -> ET.Element:
    case = _case(area(requirement["id"]), requirement["id"])
    text = _told(requirement, run)
    if reason := requirement.get("accepted"):
        ET.SubElement(case, "skipped", message=f"accepted {requirement['verdict']}: {line(str(reason))}")
    elif outcome := _OUTCOME.get(requirement["verdict"]):
        message = (requirement["findings"] or [{}])[0].get("message") or requirement.get("note") or requirement["title"]
        said = f"{requirement['verdict']}: {line(message)}"
        ET.SubElement(case, outcome, type=requirement["verdict"], message=said).text = text
        text = ""
    about = f"{requirement['level']}: {line(requirement['title'])}: {requirement['verdict']}"
    ET.SubElement(case, "system-out").text = f"{about}\n\n{text}" if text else about
    return case


def _told(requirement: Mapping[str, Any], run: Run | None) -> str:
    shown = [_finding(finding, run) for finding in requirement["findings"][:_MAX_FINDINGS]]
    if more := len(requirement["findings"]) - len(shown):
        shown.append(f"and {more} more in report.json")
    if requirement.get("note"):
        shown.append(line(requirement["note"]))
    return "\n\n".join(shown)


def _finding(finding: Mapping[str, Any], run: Run | None) -> str:
    where = [finding["exchange"]] if finding["exchange"] else []
    where += [f"{name} {finding[name]}" for name in ("event", "offset", "pointer") if finding.get(name) is not None]
    lines = [line(finding["message"]), line("at " + ", ".join(where)) if where else "", block(finding["excerpt"], 500)]
    if reason := finding.get("accepted"):
        lines.append(f"accepted by the baseline: {line(reason)}")
    if finding["exchange"]:
        lines.append(replay(finding["exchange"], run))
    return "\n".join(text for text in lines if text)


def _load(report: Mapping[str, Any]) -> Iterator[ET.Element]:
    measurement = report["measurement"]
    case = _verdict("measurement", measurement["verdict"], good="valid", bad="invalid", why=measurement["reasons"])
    yield _suite("run", [case])
    yield _suite("slo", [_slo("slo", slo) for slo in report["slo"]])
    for part in (*(report.get("levels") or ()), *(report.get("items") or ())):
        yield _suite(*_part(part))


def _part(part: Mapping[str, Any]) -> tuple[str, list[ET.Element]]:
    """A level, with what its measurement is worth, or an item: the name of its suite and its cases."""
    group = line(f"{'item' if 'item' in part else 'level'} {named(part)}")
    found = part.get("measurement")
    cases = [_verdict("measurement", found["verdict"], "valid", "invalid", found["reasons"], group)] if found else []
    return group, cases + [_slo(group, slo) for slo in part["slo"]]


def _slo(group: str, slo: Mapping[str, Any]) -> ET.Element:
    case = _case(group, line(slo["expr"]))
    message = f"{line(slo['expr'])}: measured {objective(slo)}"
    if slo["met"] is None:
        ET.SubElement(case, "skipped", message=f"undecided: {message}")
    elif not slo["met"]:
        ET.SubElement(case, "failure", type="slo", message=message)
    return case


def _verdict(
    name: str, verdict: str, good: str, bad: str, why: list[str] | None = None, group: str = "run"
) -> ET.Element:
    """The run as a whole, as a case of its own: a run that could judge nothing must not look green."""
    case = _case(group, name)
    message = "; ".join([f"{verdict}: {face(verdict).says}", *map(line, why or [])])
    if verdict == bad:
        ET.SubElement(case, "failure", type=verdict, message=message)
    elif verdict == "inconclusive":
        ET.SubElement(case, "error", type=verdict, message=message)
    elif verdict != good:
        ET.SubElement(case, "system-out").text = message
    return case


def _case(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=f"echosounder.{group}", name=name)


def _suite(name: str, cases: list[ET.Element]) -> ET.Element:
    def count(outcome: str) -> str:
        return str(sum(case.find(outcome) is not None for case in cases))

    suite = ET.Element("testsuite", name=name, tests=str(len(cases)))
    suite.attrib |= {"failures": count("failure"), "errors": count("error"), "skipped": count("skipped")}
    suite.extend(cases)
    return suite
