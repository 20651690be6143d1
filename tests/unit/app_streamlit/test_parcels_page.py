"""The parcels page: every view in both languages, and figures against sums made by hand."""

import pytest
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.ui.parcel_words import VIEWS


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
