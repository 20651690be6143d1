"""The stock page: every view in both languages, and what people do about suggestions."""

import re
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from published_fixture import make_published_home
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.queries.answerable import forget as forget_answerable
from app_streamlit.queries.suggestions import forget
from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.words.stock_words import VIEWS
from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.decisions.approvals.policy import load_approval_policy
from orchestration.decisions.ledger import decide, decision_history, list_decisions
from orchestration.decisions.rulebook import find_rule, save_rule


def open_view(
    monkeypatch: pytest.MonkeyPatch, home: Path, view: str, language: str = "en", **choices: str
) -> AppTest:
    app = open_page(monkeypatch, home, "stock", lang=language)
    app.session_state["_address"] = {"lang": language, "view": view, **choices}
    return app.run()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_stock(monkeypatch, published_home, view, language):
    app = open_view(monkeypatch, published_home, view, language)
    assert not app.exception
    assert not app.error
    assert len(app.dataframe) >= 1
    assert_translated(app, language)


def test_headline_counts_the_positions_that_have_nothing_to_sell(monkeypatch, published_home):
    app = open_page(monkeypatch, published_home, "stock", lang="en")
    first = next(m.value for m in app.markdown if m.value.startswith("#####"))
    assert "1 of 4 stock positions has nothing to sell (25.0%)" in first
    assert "2 more last less than a week" in first
    assert "1 holds more than a month" in first


def test_an_article_in_a_state_comes_with_all_its_sites(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "matrix", state="surplus")
    (board,) = (frame.value for frame in app.dataframe)
    assert list(board["Article code"]) == ["SKU-0008"]
    assert board["东部仓 East"].item() == "▲ Surplus · 75 · 75 d"
    assert board["门店 Store"].item() == "▲ Short · 3 · 3 d"
    assert board["May be sold"].item() == 78


def test_a_promotion_shortens_the_cover(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "forecast")
    # 8 may be sold and 24 are on their way: 4.5 a day last seven whole days, until the 28th.
    assert any("8 pieces may be sold and 24 are on their way" in text for text in texts(app))
    assert any("lasts until 28 Nov" in text for text in texts(app))
    app.slider(key="what_if_uplift").set_value(100).run()
    # Twice as much from the first day: three days, and 7 * 4.5 = 31.5 more pieces.
    told = next(text for text in texts(app) if "Without the promotion" in text)
    assert "with it, it lasts until 24 Nov, and 32 more pieces" in told
    # 28 days ask for 126 + 31.5, less the 32 there are: 125.5, in packs of 24.
    assert "At least 144 more must come" in told


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """A home that a test may write to."""
    make_published_home(load_settings(home=tmp_path / "home"))
    forget()
    return tmp_path / "home"


def test_a_suggestion_is_changed_then_rejected_with_a_reason(monkeypatch, own_home):
    app = open_view(monkeypatch, own_home, "orders")
    engine = open_database(load_settings(home=own_home))

    def suggestion():
        (found,) = list_decisions(engine, kind="replenish")
        return found

    short = suggestion().decision_id[:12]
    assert suggestion().explanation["suggested_quantity"] == 72
    app.number_input(key=f"quantity_{short}").set_value(48).run()
    app.button(key=f"change_{short}").click().run()
    assert any("needs a name and a reason" in error.value for error in app.error)
    app.text_input(key=f"reason_{short}").set_value("shelf is full").run()
    app.button(key=f"change_{short}").click().run()
    assert not app.exception
    assert not app.error
    assert suggestion().explanation["suggested_quantity"] == 48
    assert suggestion().amount == Decimal("955.20")
    assert any(re.search(r"Order 48 of SKU-0007", text) for text in texts(app))

    app.text_input(key=f"reason_{short}").set_value("the supplier is closed").run()
    app.button(key=f"reject_{short}").click().run()
    assert not app.error
    assert suggestion().state == "rejected"
    happened = {
        event.event: event.actor for event in decision_history(engine, suggestion().decision_id)
    }
    assert happened["amended"] == happened["rejected"] == "test@example.com"
    assert any("Nothing waits for an answer" in text for text in texts(app))


def test_what_is_left_after_an_edit_is_approved_in_one_go_after_a_dry_run(
    monkeypatch, tmp_path, published_home
):
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    settings = load_settings(home=home)
    engine = open_database(settings)
    (home / "approvals.yml").write_text(
        "kinds: [replenish]\n"
        "tiers: [{tier: buyer, role: purchasing, hours: 24}]\n"
        "people: {purchasing: [test@example.com]}\n",
        encoding="utf-8",
    )
    rule = find_rule(engine, "replenish_below_reorder_point").definition
    again = rule.model_copy(update={"rule_id": "replenish_again", "decides": None})
    save_rule(engine, again, author="Li", reason="a second suggestion that asks")
    with open_published(settings, engine=engine) as lake:
        decide(engine, lake, now=datetime.now(UTC), approvals=load_approval_policy(settings))
    forget()
    forget_answerable()
    waiting = list_decisions(engine, state="awaiting_approval", kind="replenish")
    assert waiting
    app = open_view(monkeypatch, home, "orders")
    app.button(key="bulk_suggestions_rehearse").click().run()
    assert not app.exception
    assert not app.error
    assert any(f"Dry run: {len(waiting)} decision" in text for text in texts(app))
    assert list_decisions(engine, state="awaiting_approval", kind="replenish") == waiting
    app.button(key="bulk_suggestions_approve").click().run()
    assert not app.error
    assert list_decisions(engine, state="awaiting_approval", kind="replenish") == []
    last = decision_history(engine, waiting[0].decision_id)[-1]
    assert (last.event, last.actor) == ("approved", "test@example.com")
    with open_published(settings, engine=engine) as lake:
        report = decide(
            engine, lake, now=datetime.now(UTC), approvals=load_approval_policy(settings)
        )
    assert report.created == 0, "a re-run proposes nothing twice"


def test_lines_that_wait_say_what_would_release_them(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "waiting")
    # 15 pieces are asked for; 2 + 4 + 5 of them wait, those of the first priority for two days.
    told = next(text for text in texts(app) if "wait for 11 pieces" in text)
    assert told.startswith("3 order lines wait for 11 pieces, 73.3% of the 15")
    assert "the longest for 6 days" in told
    assert "another site has 2; 4 are on their way in; of 5 nothing is known to come" in told
    assert any("60.0% of priority 1; 10.0% of priority 3" in text for text in texts(app))
    queue, tiers, suppliers = (frame.value for frame in app.dataframe)
    assert list(queue["Priority"]) == [1, 3, 3]
    assert list(queue["Waiting (days)"]) == [2, 6, 5]
    assert list(queue["Pieces missing"]) == [2, 5, 4]
    assert list(queue["Released by"]) == [
        "A transfer from Store sh01 to 东部仓 East, there by 22 Nov 2026",
        "Nothing is on its way",
        "Goods expected on 25 Nov 2026",
    ]
    assert list(tiers["Share set aside"]) == [60.0, 10.0]
    parts = "1 not wanted, and too late to call back; 1 to be ordered; 1 sent."
    assert any(f"no site stocks: {parts}" in text for text in texts(app))
    assert list(suppliers["State"]) == [
        "✕ not wanted, and too late to call back", "✓ sent", "✕ to be ordered",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "2 of the 2 pieces that have not left wait for stock."),
        ("zh", "尚未发出的 2 件中有 2 件待货。"),
    ],
)
def test_an_order_tells_where_its_goods_are(monkeypatch, published_home, language, told):
    with open_published(load_settings(home=published_home)) as lake:
        (order,) = lake.rows("select order_no from line_allocations where decision = 'transfer'")
    app = open_page(monkeypatch, published_home, "orders", lang=language)
    app.session_state["_address"] = {"lang": language, "order": order["order_no"]}
    app.run()
    assert not app.exception
    assert told in texts(app)
    lines = next(frame.value for frame in app.dataframe if "SKU-0007" in frame.value.to_string())
    assert any("store_sh01" in str(cell) for cell in lines.iloc[0])
    sent = next(frame.value for frame in app.dataframe if "S07" in frame.value.to_string())
    assert len(sent) == 1, "only what is of this order"
    assert_translated(app, language)
