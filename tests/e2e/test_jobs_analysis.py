"""Analysts' and finance people's jobs: ask, check a model, prove that nothing is missing."""

import csv
import shlex
import shutil
from datetime import timedelta

import pytest

from connectors.settings import PROJECT_ROOT
from tests.e2e.cockpit import Cockpit
from tests.installation import Installation

pytestmark = [pytest.mark.e2e]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_j18_an_ad_hoc_question_without_sql(cockpit_in, dashboards, lake, language):
    (metric,) = lake.json("metric", "list", "payment_rate")
    label = metric["label" if language == "en" else "label_zh"]

    cockpit: Cockpit = cockpit_in(dashboards, language).open().visit("explore")
    t = cockpit.t
    cockpit.choose_only(t("explore.metrics"), label)
    cockpit.choose(t("explore.grain"), t("explore.grains.week"))
    taken = cockpit.download(t("explore.csv"))

    # The page names the command that gives the same figures; a colleague runs it elsewhere.
    command = shlex.split(cockpit.page.get_by_test_id("stCode").inner_text())
    assert command[:3] == ["fourflow", "metric", "payment_rate"]
    answered = lake.json(*command[1:])
    labels = dict(lake.tuples(f"select distinct channel, label_{language} from dim_channels"))
    expected = {
        (str(row["week"])[:10], labels[row["channel"]]): row["payment_rate"] for row in answered
    }
    assert len(expected) == len(answered) == len(taken) > 4

    for row in taken:
        week, channel, *_ = row.values()
        rate = next(value for header, value in row.items() if "[payment_rate;" in header)
        assert (float(rate) if rate else None) == expected[week[:10], channel]
    assert label in cockpit.first_line()


def test_j19_whether_the_forecast_is_any_good(cockpit_in, dashboards, lake):
    cockpit: Cockpit = cockpit_in(dashboards).open("stock")
    t = cockpit.t
    cockpit.show(t("stock.views.forecast"))
    figures = {
        row[cockpit.column("figure")]: row for row in cockpit.table(t("stock.forecast.back_test"))
    }
    wape = figures[t("model_figures.wape")]

    def error_share(method: str) -> float:
        return float(
            lake.value(
                "select sum(absolute_error) / sum(actual_quantity) from demand_backtest "
                f"where method = '{method}'"
            )
        )

    assert wape[cockpit.column("measured")] == f"{error_share('chosen'):.1%}"
    assert wape[cockpit.column("baseline_value")] == f"{error_share('seasonal_naive'):.1%}"
    words = t("stock.forecast.better").split(",")[0]
    assert words in cockpit.text()
    for figure in ("scaled_pinball", "bias_rate", "interval_coverage"):
        assert t(f"model_figures.{figure}") in figures

    # What was judged against is what was demanded in those days, counted from the marts.
    cockpit.page.get_by_text(t("stock.forecast.folds"), exact=True).click()
    folds = cockpit.settle().table_file(t("stock.forecast.folds"))
    assert len(folds) == 6
    for origin, horizon, series, actual in lake.tuples(
        "select origin_date, horizon_days, series_count, actual_quantity from demand_backtest "
        "where method = 'chosen'"
    ):
        demanded, articles = lake.tuples(
            f"""
            select sum(quantity) filter (where business_date > date '{origin}'), count(distinct sku)
            from fct_daily_demand
            where business_date <= date '{origin + timedelta(days=horizon)}'
              and sku in (
                select sku from fct_daily_demand
                where business_date <= date '{origin}' and quantity > 0
              )
            """
        )[0]
        assert articles == series
        assert float(demanded) == actual
        assert any(
            row[cockpit.column("origin_date")][:10] == str(origin)
            and float(row[cockpit.column("actual_quantity")]) == actual
            for row in folds
        )


def test_j14_no_duplicate_and_no_missing_invoice(cockpit_in, dashboards, lake, tmp_path):
    cockpit: Cockpit = cockpit_in(dashboards).open().visit("cash")
    assert cockpit.says(cockpit.t("cash.no_findings"))

    month = f"{lake.value('select max(issued_on) from fct_invoices'):%Y-%m}"
    evidence = tmp_path / "evidence.csv"
    result = lake.run("check", "invoices", "--month", month, "--csv", str(evidence))
    assert "nothing twice" in result.stdout
    with evidence.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert "customer_key" in header
    assert rows == []

    # Counted without the checks' own tables: what left on credit has exactly one invoice.
    (left, uninvoiced, invoices, invoiced) = lake.tuples(
        """
        with gone as (
            select order_key from fct_orders
            where order_type = 'wholesale' and order_status in ('shipped', 'delivered', 'completed')
              and created_on < (select max(created_on) from fct_orders) - 7
        )
        select
            (select count(*) from gone),
            (select count(*) from gone anti join fct_invoices using (order_key)),
            (select count(order_key) from fct_invoices),
            (select count(distinct order_key) from fct_invoices)
        """
    )[0]
    assert left > 50
    assert uninvoiced == 0
    assert invoices == invoiced > 50


def test_j16_change_a_threshold_and_see_what_moves(lake, tmp_path):
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", project)
    grid = project / "seeds" / "rfm_segment_grid.csv"
    before = grid.read_text(encoding="utf-8")
    assert "\n5,5,champions\n" in before
    grid.write_text(before.replace("\n5,5,champions\n", "\n5,5,loyal\n"), encoding="utf-8")
    published = lake.json("status", expect=None)["publication"]

    analyst = Installation(lake.home, {"FOURFLOW_DBT_PROJECT": str(project)})
    told = analyst.json("preview")
    assert told["publication_id"] == published["publication_id"]
    assert told["changed"] == ["rfm_segment_grid"]
    assert told["checks_failed"] == []
    assert told["checks_passed"] > 10

    # Who changes tier: counted without the preview, from the scores that are published.
    moving = lake.value(
        "select count(*) from dim_customers where rfm_recency_score = 5 and rfm_frequency_score = 5"
    )
    moves = {
        (move["table"], move["column"], move["before"], move["after"]): move["row_count"]
        for table in told["tables"]
        for move in table["moves"]
    }
    assert moving > 20
    assert moves["dim_customers", "rfm_segment", "champions", "loyal"] == moving
    assert "fct_orders" not in {table["table"] for table in told["tables"]}

    # Nothing of it is published, and the copy is gone.
    assert lake.json("status", expect=None)["publication"] == published
    assert list((lake.home / "tmp").glob("preview-*")) == []
