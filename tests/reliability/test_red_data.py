"""A broken model fails its blocking check: old figures stay, decisions are held, status says so."""

import shutil
from base64 import b64encode
from decimal import Decimal
from pathlib import Path

import pytest

from connectors.sandbox.webhook_receiver import serve_receiver
from connectors.settings import PROJECT_ROOT
from tests.installation import Installation
from tests.lean_project import copy_project, lean_project
from tests.reliability.conftest import Inbox

pytestmark = [pytest.mark.reliability]

SECRET = "whsec_" + b64encode(b"secret of the red test").decode()
NOWHERE = "http://127.0.0.1:9/"  # the discard port: nobody answers


def _break(project: Path) -> Path:
    """Let the orders mart hold every order twice; returns the file that was changed."""
    (path,) = project.glob("models/marts/**/fct_orders.sql")
    sql = path.read_text(encoding="utf-8")
    path.write_text(sql.rstrip() + "\nunion all\n" + sql[sql.rstrip().rfind("\nselect") + 1 :])
    return path


def test_red_run_keeps_old_figures_and_holds_decisions(
    installation: Installation, inbox: Inbox, tmp_path: Path
):
    project = copy_project(tmp_path / "dbt_project", lean_project())
    installation.environment.update(
        FOURFLOW_DBT_PROJECT=str(project),
        FOURFLOW_WEBHOOK_URL=NOWHERE,
        FOURFLOW_WEBHOOK_SECRET=SECRET,
        FOURFLOW_LIVE_SINKS="yes",
    )
    inbox.receive(30)
    installation.run("run", f"--source=sandbox={inbox.folder}")
    before = installation.json("status")
    orders = installation.value("select count(*) from fct_orders")
    assert before["decisions"]["failed"] > 0, "the receiver is down, so deliveries wait"

    broken = _break(project)
    inbox.receive(5)
    report = installation.json("run", expect=1)
    assert report["status"] == "red"
    assert any("fct_orders" in check["name"] for check in report["failed_checks"])

    red = installation.json("status", expect=1)
    assert red["publication"]["publication_id"] == before["publication"]["publication_id"]
    assert installation.value("select count(*) from fct_orders") == orders
    assert any("fct_orders" in problem for problem in red["problems"])
    assert red["decisions"]["held"] == before["decisions"]["failed"]
    held = installation.json("decisions", "list", "--state", "held")
    assert all("failed its blocking checks" in decision["state_reason"] for decision in held)

    received = tmp_path / "received.jsonl"
    with serve_receiver(received, SECRET) as url:
        installation.environment["FOURFLOW_WEBHOOK_URL"] = url
        installation.run("run", expect=1)
        assert not received.exists() or not received.read_text(encoding="utf-8")

        source = PROJECT_ROOT / "dbt_project" / broken.relative_to(project)
        shutil.copyfile(source, broken)
        installation.run("run")
        green = installation.json("status")
        assert green["publication"]["publication_id"] != before["publication"]["publication_id"]
        assert green["decisions"]["held"] == 0
        _assert_reasons_add_up(installation, before["publication"]["publication_id"])
        assert received.read_text(encoding="utf-8").count("\n") > 0
    assert installation.value("select count(*) from fct_orders") > orders


def _assert_reasons_add_up(installation: Installation, since: str) -> None:
    """What the next publication says differently is explained row by row, all of it new."""
    answer = installation.json("restated", "--since", since)
    assert {row["measure"] for row in answer["totals"]} >= {"order_count", "gross_sales"}
    for total in answer["totals"]:
        parts = [
            Decimal(str(row["difference"]))
            for row in answer["changes"]
            if (row["measure"], row["unit"]) == (total["measure"], total["unit"])
        ]
        assert sum(parts, Decimal(0)) == Decimal(str(total["difference"]))
    orders = [row for row in answer["changes"] if row["measure"] == "order_count"]
    assert sum(row["difference"] for row in orders) > 0
