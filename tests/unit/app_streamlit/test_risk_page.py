"""The risk page: every view in both languages, the queue's order, and holding an order."""

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from published_fixture import make_published_home
from test_app_pages import assert_translated, open_page, texts

from app_streamlit.queries.risk import load_rule_hits
from app_streamlit.ui.i18n import LANGUAGES
from app_streamlit.words.risk_words import VIEWS
from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.decisions.approvals.verdicts import withdraw
from orchestration.decisions.ledger import list_decisions
from orchestration.run_state import utc_now


def open_view(monkeypatch, home, view, language="en"):
    app = open_page(monkeypatch, home, "risk", lang=language)
    app.session_state["_address"] = {"lang": language, "view": view}
    return app.run()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", VIEWS)
def test_views_of_risk(monkeypatch, published_home, view, language):
    app = open_view(monkeypatch, published_home, view, language)
    assert not app.exception
    assert not app.error
    assert len(app.dataframe) >= 1
    assert_translated(app, language)


def test_queue_has_what_was_counted_in_the_headline(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "queue")
    queue = app.dataframe[0].value
    kinds = queue["Kind"].value_counts()
    first = next(m.value for m in app.markdown if m.value.startswith("#####"))
    worth_a_look = int((queue["State"] == "▲ Worth a look").sum())
    assert worth_a_look == 2
    assert "likely to come back (1)" in first
    assert "may be fraud (1)" in first
    suspect = queue[queue["Kind"] == "Suspected fraud"]
    assert list(suspect["Because"]) == ["4 other customers came to its device lately"]
    assert f"rule hits on open orders and customers ({kinds['Rule hit']})" in first
    assert kinds["Customer on credit"] == 1  # the one within its limit is not in the queue
    assert "Uses 120.0% of the limit of ¥10,000.00" in set(queue["Because"])


def test_model_card_names_the_strongest_rival_and_not_the_careless_one(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "model")
    told = next(text for text in texts(app) if "average precision" in text and "Judged" in text)
    assert "average precision 0.410 (Logistic regression: 0.390)" in told
    assert "off by 1.2% on average" in told


def test_orders_that_stay_unpaid_are_listed_with_what_they_may_cost(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "unpaid")
    waiting, days = (one.value for one in app.dataframe)
    assert sorted(waiting["State"]) == ["▲ Likely unpaid", "▲ Likely unpaid", "● Likely paid"]
    lost = [
        # Shares are shown as percentages.
        Decimal(str(round(percent, 4))) / 100 * Decimal(str(amount))
        for percent, amount in zip(
            waiting["Probability of never being paid"], waiting["At stake"], strict=True
        )
    ]
    lost = [one.quantize(Decimal("0.01"), ROUND_HALF_UP) for one in lost]
    assert [Decimal(str(one)).quantize(Decimal("0.01")) for one in waiting["Likely loss"]] == lost
    told = next(text for text in texts(app) if "wait for their payment" in text)
    assert "2 of 3 orders" in told
    assert f"¥{sum(lost):,.2f} of all that waits is likely lost" in told
    # 6 + 3 of 8 + 4 listed stayed unpaid, of 8 + 5 unpaid in all.
    assert "9 of the 12 listed stayed unpaid, of 13 unpaid ones" in told
    assert len(days) == 2


def test_model_card_tells_whether_its_inputs_have_moved(monkeypatch, published_home):
    app = open_view(monkeypatch, published_home, "model")
    assert any("have not moved (index 0.04); of 1 inputs 1 have" in text for text in texts(app))
    moved = next(one.value for one in app.dataframe if "Stability index" in one.value)
    assert list(moved["Input"]) == ["Quantity", "Risk"]
    assert list(moved["State"]) == ["▲ Moved", "● As learnt"]


@pytest.fixture
def own_home(tmp_path: Path) -> Path:
    """A home that a test may write to."""
    make_published_home(load_settings(home=tmp_path / "home"))
    load_rule_hits.clear()
    return tmp_path / "home"


def test_holding_an_order_needs_a_reason_and_is_in_the_ledger(monkeypatch, own_home):
    app = open_view(monkeypatch, own_home, "queue")
    chosen = app.selectbox(key="risk_decision_en").value
    app.button(key=f"risk_hold_{chosen[:12]}").click().run()
    assert any("needs a reason" in error.value for error in app.error)
    app.text_input(key=f"risk_reason_{chosen[:12]}").set_value("address is unclear").run()
    app.button(key=f"risk_hold_{chosen[:12]}").click().run()
    assert not app.exception
    assert not app.error
    engine = open_database(load_settings(home=own_home))
    states = {one.decision_id: one.state for one in list_decisions(engine, limit=500)}
    assert states[chosen] == "rejected"


def test_a_press_for_an_order_that_somebody_answered_meanwhile_answers_no_other(
    monkeypatch, own_home
):
    app = open_view(monkeypatch, own_home, "queue")
    chosen = app.selectbox(key="risk_decision_en").value
    app.text_input(key=f"risk_reason_{chosen[:12]}").set_value("address is unclear").run()
    engine = open_database(load_settings(home=own_home))
    withdraw(engine, chosen, now=utc_now(), actor="Wang", reason="seen by phone")
    before = {one.decision_id: one.state for one in list_decisions(engine, limit=500)}
    load_rule_hits.clear()
    app.button(key=f"risk_hold_{chosen[:12]}").click().run()
    assert not app.exception
    assert any("somebody was faster" in one.value for one in app.info)
    assert {one.decision_id: one.state for one in list_decisions(engine, limit=500)} == before
