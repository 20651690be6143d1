"""Jobs of an analyst who changes the project: what the pages show after the next run.

One run on a changed copy of the project takes minutes, so both changes are made before it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cockpit import Cockpit
from tests.e2e.served import Dashboards, free_port, serve_dashboards
from tests.e2e.workplace import copy_home
from tests.installation import Installation
from tests.lean_project import copy_project
from tests.magento_shop import add_magento, serve_magento

pytestmark = [pytest.mark.e2e, pytest.mark.heavy]
OUR_BUSINESS = "fourflow_demo"
ORDERS, NOT_PAID = 12, 3
NOBODY_KNOWS = "awaiting_pickup"
BEST, BEST_BECOME = "\n5,5,champions\n", "\n5,5,loyal\n"


@dataclass(frozen=True)
class Analyst:
    """A home after the analyst's run.

    Attributes:
        home: of its own, with a project of its own.
        dashboards: which show what it published.
        foretold: what `fourflow preview` said of the changed threshold, before the run.
        segments_before: customers of each segment before the run.
    """

    home: Installation
    dashboards: Dashboards
    foretold: dict[str, Any]
    segments_before: dict[str, int]


@pytest.fixture(scope="module")
def analyst(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analyst]:
    """Another segment for the best customers, and a shop that Fourflow doesn't know; then a run."""
    folder = tmp_path_factory.mktemp("analyst")
    home = copy_home(demo_home, folder / "home").home
    (home / "demo.json").unlink()  # a shop of its own, which reads what its own file names
    project = copy_project(folder / "dbt_project")
    grid = project / "seeds" / "rfm_segment_grid.csv"
    before = grid.read_text(encoding="utf-8")
    assert BEST in before
    grid.write_text(before.replace(BEST, BEST_BECOME), encoding="utf-8")
    changed = Installation(home, {"FOURFLOW_DBT_PROJECT": str(project)})
    foretold = changed.json("preview")
    segments = dict(changed.tuples(segment_counts()))
    last_day = changed.value("select max(created_on) from fct_orders")
    with serve_magento() as shop:
        whole = Installation(home, add_magento(project, home, shop, is_alone=False))
        for number in range(1, ORDERS + 1):
            at = f"{last_day - timedelta(days=3)} 10:{number:02d}:00"
            status = "pending" if number <= NOT_PAID else "processing"
            shop.place(number, at, status=status, created_at=at)
        shop.place(ORDERS, f"{datetime.now(UTC):%F %T}", status=NOBODY_KNOWS, created_at=at)
        whole.run("run")
    log = folder / "dashboards.log"
    with serve_dashboards(whole.settings, free_port(), log) as served:
        yield Analyst(whole, served, foretold, segments)


def segment_counts() -> str:
    return (
        "select rfm_segment, count(*) from dim_customers "
        f"where business = '{OUR_BUSINESS}' and rfm_segment is not null group by 1"
    )


def test_j16_the_changed_threshold_moves_whom_the_preview_said(
    cockpit_in: Callable[..., Cockpit], analyst: Analyst
):
    (moving,) = [
        move["row_count"]
        for table in analyst.foretold["tables"]
        for move in table["moves"]
        if (table["table"], move["column"]) == ("dim_customers", "rfm_segment")
    ]
    assert moving > 20
    cockpit = cockpit_in(analyst.dashboards).open("customers", business=OUR_BUSINESS)
    t = cockpit.t
    shown = {
        row[cockpit.column("rfm_segment")]: int(row[cockpit.column("customer_count")])
        for row in cockpit.table(t("customers.table_alt"))
    }
    before = analyst.segments_before
    assert shown.get("Champions", 0) == before["champions"] - moving
    assert shown["Loyal"] == before["loyal"] + moving


def test_j17_add_a_new_channels_data(cockpit_in: Callable[..., Cockpit], analyst: Analyst):
    # The word that no mapping knows is told, and where to add it.
    told = analyst.home.json("status", expect=None)["unmapped"]
    assert NOBODY_KNOWS in {value["source_value"] for value in told}
    cockpit = cockpit_in(analyst.dashboards).open("health", view="unmapped")
    t = cockpit.t
    unmapped = cockpit.table(t("health.views.unmapped"))
    (row,) = [row for row in unmapped if NOBODY_KNOWS in row.values()]
    assert any("order_status_map.csv" in cell for cell in row.values())

    # Its orders are in the funnel, as many as the shop has.
    cockpit.open("funnel", business="magento")
    steps = cockpit.table(t("funnel.table_alt"))
    reached = [int(row[cockpit.column("reached_count")]) for row in steps]
    assert reached[:2] == [ORDERS, ORDERS - NOT_PAID]
