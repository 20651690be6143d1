"""The customers page: every view in both languages, and figures against counts made by hand."""

import pytest
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.words.customer_words import VIEWS
from connectors.lake.reader import open_published
from connectors.settings import load_settings


def open_view(monkeypatch, home, view, language="en", **choices):
    return open_page(monkeypatch, home, "customers", lang=language, view=view, **choices)


def rows(home, sql):
    lake = open_published(load_settings(home=home))
    try:
        return lake.rows(sql)
    finally:
        lake.close()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_customers(monkeypatch, published_home, view, language):
    app = open_view(monkeypatch, published_home, view, language)
    assert not app.exception
    assert not app.error
    assert len(app.dataframe) >= 1
    assert_translated(app, language)


def test_flow_of_people_is_what_the_movements_count(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "movement")
    (said,) = (text for text in texts(app) if "people changed segment" in text)
    assert said.startswith("12 of 52 people")  # forty loyal ones stayed
    table = app.dataframe[0].value
    assert list(table["People"]) == [12]


def test_expected_value_adds_up_to_that_of_each_customer(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "value")
    values = rows(
        published_home,
        "select rfm_frequency as n, rfm_recency as since, rfm_segment as segment "
        "from dim_customers where business = 'fourflow_demo'",
    )
    worth = sorted((120 * row["n"] for row in values), reverse=True)
    tenth = sum(worth[: round(len(worth) / 10)])
    gone = round(sum(0.5 for row in values if row["since"] > 30))
    (said,) = (text for text in texts(app) if "should buy" in text)
    assert f"{len(values):,} customers should buy {round(sum(worth) / 240):,} times" in said
    assert f"the tenth worth most brings {tenth / sum(worth):.0%} of it" in said
    assert (f"{gone} of them" in said) == bool(gone)
    segments, most, trust = (table.value for table in app.dataframe)
    by_segment = {}
    for row in values:
        by_segment[row["segment"]] = by_segment.get(row["segment"], 0) + 120 * row["n"]
    assert sorted(map(float, segments["Should bring"])) == sorted(map(float, by_segment.values()))
    assert segments["Share of it"].sum() == pytest.approx(100.0)
    assert list(map(float, most["Should bring"]))[:200] == worth[:200]
    assert list(trust["Measured"]) == ["31.0%", "0.910"]
    assert any("1 Nov – 20 Nov 2026" in text and "450 customers" in text for text in texts(app))


def test_what_goes_together_is_told_furthest_from_chance_first(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "together")
    pairs, follows = (table.value for table in app.dataframe)
    # 9 of 20 baskets with shoes have toys, as 60 of 1,000 do; 30 of 50 with diapers.
    assert list(pairs["Bought"]) == ["Diapers", "Shoes"]
    assert list(pairs["Times chance"]) == ["10.0×", "7.5×"]
    assert list(pairs["Of its baskets"]) == pytest.approx([60.0, 45.0])
    # Of those whose time is over: 40 of 60, 24 of 40; nobody's is for shoes: 8 of 40.
    assert list(follows["Buyers"]) == [60, 40, 40]
    assert list(follows["Went on to it"]) == pytest.approx([100 * 2 / 3, 60.0, 20.0])
    assert list(follows["Times chance"]) == ["3.3×", "3.0×", "1.1×"]
    (said,) = (text for text in texts(app) if "in one basket" in text and "“" in text)
    assert "Of the buyers of “Formula” 60% went on to “Diapers” (3.0× what chance" in said
    (offers,) = rows(published_home, "select count(*) as n from fct_related_offers")
    assert any(f"{offers['n']} people who bought lately" in text for text in texts(app))
    named = open_view(monkeypatch, published_home, "together", cut="sku").dataframe[0].value
    assert list(named["In the same basket"]) == ["SKU-0007 · Diapers"]  # from the rarer one


def test_a_pair_in_the_address_opens_the_accounts(monkeypatch, published_home):
    pair = rows(published_home, "select customer_key, person_key from person_accounts limit 1")[0]
    address = f"{pair['person_key']}|{pair['customer_key']}"
    app = open_page(monkeypatch, published_home, "customers", lang="en", pair=address)
    assert not app.exception
    assert any("accounts are" in text for text in texts(app))
