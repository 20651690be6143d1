"""Writes docs/connectors.md: which tests prove each connector, from what every one of them did.

`make connectors-table` runs them. Given a report of the whole suite (pytest's `--junitxml`, as
`make test` writes it), it reads that instead. A cell is green only if all its tests passed.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from connectors.settings import PROJECT_ROOT, load_settings
from connectors.sources.api.connector import find_connector
from connectors.sources.mapping import list_sources, load_source

PROOFS = PROJECT_ROOT / "tests" / "connector_proofs.yml"
PAGE = PROJECT_ROOT / "docs" / "connectors.md"
_HEADER = """\
# Connectors and what proves them

Written by `make connectors-table`, which runs every test behind a cell: ✔ means that all of them
passed, ✘ that one did not, and a number refers to the reason below the table. The tests themselves
are listed in `tests/connector_proofs.yml`.
"""


def load_proofs() -> dict[str, Any]:
    """The file as it stands: `proofs` with their meaning, `connectors` with their cells."""
    content: dict[str, Any] = yaml.safe_load(PROOFS.read_text(encoding="utf-8"))
    return content


def node_ids(proofs: dict[str, Any]) -> list[str]:
    """Every test that some cell names, once."""
    cells = (cell for row in proofs["connectors"].values() for cell in row.values())
    return list(dict.fromkeys(n for cell in cells if isinstance(cell, list) for n in cell))


def run_tests(ids: Iterable[str], report: Path) -> None:
    """Run the tests; what became of them is in the report."""
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *ids]
    subprocess.run(command, cwd=PROJECT_ROOT, check=False)


def passed_tests(wanted: Iterable[str], report: Path) -> set[str]:
    """Those of the tests that passed according to the report, by the id that is asked for."""
    outcomes: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        path = str(case.get("classname")).replace(".", "/") + ".py"
        outcomes[f"{path}::{case.get('name')}"] = len(case) == 0 or all(
            child.tag not in ("failure", "error", "skipped") for child in case
        )
    # An id without parameters stands for all of them.
    found = {
        node: [ok for name, ok in outcomes.items() if name == node or name.startswith(node + "[")]
        for node in wanted
    }
    return {node for node, results in found.items() if results and all(results)}


def render(proofs: dict[str, Any], passed: set[str]) -> str:
    """The page."""
    kinds = list(proofs["proofs"])
    reasons: list[str] = []
    lines = [_HEADER]
    lines += [f"* **{kind}**: {meaning}" for kind, meaning in proofs["proofs"].items()]
    lines += [
        "",
        f"| platform | endpoints | {' | '.join(kinds)} |",
        "|---" * (len(kinds) + 2) + "|",
    ]
    settings = load_settings()
    declared = set(list_sources(settings))  # `dlt` reads sources that others declare
    for name, cells in proofs["connectors"].items():
        shown = []
        for kind in kinds:
            cell = cells[kind]
            if isinstance(cell, str):
                if cell not in reasons:
                    reasons.append(cell)
                shown.append(f"({reasons.index(cell) + 1})")
            else:
                shown.append("✔" if set(cell) <= passed else "✘")
        received = load_source(settings, name).received if name in declared else ()
        endpoints = "<br>".join(
            f"`{endpoint.strip()}`"
            for entity in received
            if entity.mapping.endpoint
            for endpoint in entity.mapping.endpoint.split(",")
        )
        title = find_connector(name).title
        link = f"[{title}](../connectors/sources/{name}/README.md)"
        lines.append(f"| {link} | {endpoints} | {' | '.join(shown)} |")
    lines += ["", *(f"({number}) {text}  " for number, text in enumerate(reasons, 1))]
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Run, write, and say whether everything was green."""
    proofs = load_proofs()
    wanted = node_ids(proofs)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "report.xml"
        if len(sys.argv) == 1:
            run_tests(wanted, report)
        page = render(proofs, passed_tests(wanted, report))
    PAGE.write_text(page, encoding="utf-8")
    return int(any("✘" in row for row in page.splitlines() if row.startswith("|")))


if __name__ == "__main__":
    sys.exit(main())
