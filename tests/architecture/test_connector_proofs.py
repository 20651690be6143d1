"""Every connector has its row of proofs, and every proof is a test that exists."""

import ast
from pathlib import Path

from connectors.settings import PROJECT_ROOT
from connectors.sources.api.connector import find_connector, list_connectors
from tests.connector_table import PAGE, load_proofs, node_ids


def test_every_connector_has_a_row_with_every_cell():
    proofs = load_proofs()
    assert sorted(proofs["connectors"]) == list_connectors()
    for name, cells in proofs["connectors"].items():
        assert list(cells) == list(proofs["proofs"]), name


def test_every_proof_is_a_test_that_exists():
    missing = []
    functions: dict[Path, set[str]] = {}
    for node in node_ids(load_proofs()):
        path, _, rest = node.partition("::")
        file = PROJECT_ROOT / path
        if file not in functions:
            tree = (
                ast.parse(file.read_text(encoding="utf-8")) if file.exists() else ast.Module([], [])
            )
            functions[file] = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        if rest.partition("[")[0] not in functions[file]:
            missing.append(node)
    assert missing == []


def test_every_connector_has_a_readme_and_a_line_in_the_table():
    page = PAGE.read_text(encoding="utf-8")
    for name in list_connectors():
        readme = PROJECT_ROOT / "connectors" / "sources" / name / "README.md"
        assert readme.exists(), f"{name} needs a README"
        assert f"[{find_connector(name).title}](" in page, "run `make connectors-table`"
