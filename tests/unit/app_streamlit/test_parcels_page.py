"""The parcels page: every view in both languages, and figures against sums made by hand."""

import shutil
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.queries.answerable import forget as forget_answerable
from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.words.parcel_words import VIEWS
from connectors.database.engine import open_database
from connectors.database.schema import outbox
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.decisions.ledger import decide, list_decisions
from orchestration.decisions.rulebook import switch_rule


def open_view(monkeypatch, home, view, language="en", **choices):
    app = open_page(monkeypatch, home, "parcels", lang=language)
    app.session_state["_address"] = {"lang": language, "view": view, **choices}
    return app.run()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_parcels(monkeypatch, published_home, view, language):
    app = open_view(monkeypatch, published_home, view, language)
    assert not app.exception
    assert not app.error
    assert len(app.dataframe) >= 1
    assert_translated(app, language)


def test_headline_says_how_promises_were_kept(monkeypatch, published_home):
    app = open_page(monkeypatch, published_home, "parcels", lang="en")
    first = next(m.value for m in app.markdown if m.value.startswith("#####"))
    listed = len(app.dataframe[0].value)
    assert f"{listed} parcels are overdue or stuck (1 stuck)" in first
    assert "80.0% of 60 parcels" in first  # (36 + 12) of (40 + 20)


def test_predicted_late_says_what_yesterdays_list_was_worth(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "predicted")
    (said,) = (text for text in texts(app) if "will probably be late" in text)
    assert said.startswith("2 of 5 parcels under way")
    assert "4 had been listed and 3 of them came late, of 5 late ones in all" in said
    assert "precision 75.0%, recall 60.0%" in said
    assert "Over 2 days: precision 75.0%, recall 69.2%" in said  # 9 of 12, 9 of 13
    parcels, days = (table.value for table in app.dataframe)
    assert list(parcels["Probability of being late"].round(1)) == [80.0, 70.0, 60.0, 50.0, 40.0]
    assert list(parcels["State"].str[0]) == ["▲", "▲", "●", "●", "●"]
    assert list(days["Brier score"]) == pytest.approx([0.08, 0.08])
    assert list(days["Brier score, challenger"]) == pytest.approx([0.15, 0.1])


def test_customers_are_told_of_parcels_soon_late_in_one_go(monkeypatch, tmp_path, published_home):
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    settings = load_settings(home=home)
    engine = open_database(settings)
    switch_rule(engine, "warn_of_late_parcel", "enabled", author="Li", reason="before they call")
    with open_published(settings, engine=engine) as lake:
        decide(engine, lake, now=datetime.now(UTC))
    forget_answerable()
    warned = list_decisions(engine, rule_id="warn_of_late_parcel")
    assert len(warned) == 2  # those above the threshold, of five under way
    app = open_view(monkeypatch, home, "predicted")
    app.selectbox(key="bulk_predicted_option_en").select("notify_and_reship").run()
    app.button(key="bulk_predicted_rehearse").click().run()
    assert not app.exception
    assert not app.error
    said = next(text for text in texts(app) if "Dry run: 2 decision" in text)
    assert "24.00" in said  # two times the freight of a second parcel
    assert list_decisions(engine, rule_id="warn_of_late_parcel") == warned
    app.button(key="bulk_predicted_approve").click().run()
    assert not app.error
    with engine.connect() as connection:
        sent = connection.execute(select(outbox.c.decision_id, outbox.c.payload)).all()
    for one in warned:
        actions = [row.payload["data"]["action"] for row in sent if row[0] == one.decision_id]
        assert {action["type"] for action in actions} == {"create_task", "notify", "reship"}
        assert {action["to"] for action in actions if action["type"] == "notify"} == {"customer"}
    assert "bulk_predicted_rehearse" not in [button.key for button in app.button], "none is left"


def test_carriers_are_compared_on_the_same_parcels(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "carriers")
    assert any("SF Express keeps its promises best (90.0%)" in text for text in texts(app))
    table = app.dataframe[0].value.set_index("Carrier")
    assert table.loc["YTO Express", "In time, same parcels"] == pytest.approx(60.0)
    assert table.loc["YTO Express", "All carriers"] == pytest.approx(80.0)
    assert table.loc["YTO Express", "Freight, same parcels"] == pytest.approx(8.0)
    assert table.loc["SF Express", "Time, same parcels"] == "1 d 1 h"


def test_cost_of_an_order_leaves_out_orders_without_freight(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "costs")
    table = app.dataframe[0].value.set_index("Carrier")
    assert table.loc["SF Express", "Cost of an order"] == pytest.approx(513 / 38)
    assert table.loc["SF Express", "g CO₂e an order"] == 500
    by_channel = open_view(monkeypatch, published_home, "costs", cut="channel")
    assert by_channel.dataframe[0].value["Channel"].tolist() == [
        "Tmall flagship store",
        "Douyin live",
    ]


def test_warehouses_say_what_comes_and_that_nobody_told_the_shifts(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "warehouses")
    # 7 days of 4.5 units; 36 lines were sent of 93 units that were sold; a tenth more as reserve.
    expected = round(7 * 4.5 * 36 / 93 * 1.1)
    (said,) = (text for text in texts(app) if "order lines are expected" in text)
    assert said.startswith(f"In 7 days {expected} order lines are expected")
    assert "Nobody has told who works when" in said
