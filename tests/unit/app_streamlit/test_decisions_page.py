"""The page of decisions: filters, verdicts with reasons, dead letters, and the way to the order."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page

from app_streamlit.queries.ledger import forget
from app_streamlit.ui.i18n import LANGUAGES
from connectors.database.engine import open_database
from connectors.errors import PermanentError
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.decisions import ledger, outbox, rulebook
from orchestration.decisions.definition_parts import Action


class Refusing:
    """A sink that refuses everything for good."""

    def __init__(self, name):
        self.name = name

    def deliver(self, key, payload):
        del key, payload
        raise PermanentError("the target refuses it")


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    """A home of its own with decisions that wait for approval, and dead letters."""
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    settings = load_settings(home=home)
    engine = open_database(settings)
    sinks = {name: Refusing(name) for name in ("jsonl", "webhook")}
    outbox.deliver(engine, sinks, now=datetime.now(UTC), worker_id="h|1||w")
    large = rulebook.find_rule(engine, "alert_large_order").definition
    changes = {
        "rule_id": "approve_large",
        "parameters": {**large.parameters, "amount_threshold": large.parameters[
            "amount_threshold"].model_copy(update={"value": "600"})},
        "actions": (Action(type="request_approval", to="sales_supervisor"),),
    }  # fmt: skip
    rulebook.save_rule(engine, large.model_copy(update=changes), author="Li", reason="test")
    later = datetime.now(UTC) + timedelta(seconds=1)
    with open_published(settings) as lake:
        ledger.decide(engine, lake, now=later)
    forget()
    return home


def engine_of(home: Path):
    return open_database(load_settings(home=home))


def show(monkeypatch, home: Path, language: str = "en", **choices: str) -> AppTest:
    app = open_page(monkeypatch, home, "decisions", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {"lang": language, **choices}
    return app.run()


def button(app: AppTest, words: str):
    return next(one for one in app.button if words in one.label)


def waiting(home: Path) -> str:
    found = ledger.list_decisions(engine_of(home), state="awaiting_approval")
    assert found, "the fixture must have a decision that waits"
    return found[0].decision_id


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_decision_tells_why_and_what_can_be_done(monkeypatch, home, language):
    app = show(monkeypatch, home, language, decision=waiting(home))
    assert not app.exception
    assert_translated(app, language)
    values = app.dataframe[1].value
    assert "600" in set(values.iloc[:, 1])


def test_filters_leave_the_decisions_of_one_rule_and_owner(monkeypatch, home):
    everything = len(ledger.list_decisions(engine_of(home), limit=1000))
    app = show(monkeypatch, home, rule="approve_large", owner="sales")
    expected = ledger.list_decisions(engine_of(home), rule_id="approve_large")
    assert len(app.dataframe[0].value) == len(expected) < everything
    app = show(monkeypatch, home, rule="approve_large", owner="finance")
    assert not app.dataframe


def test_rejecting_against_the_recommendation_needs_a_reason(monkeypatch, home):
    decision = waiting(home)
    app = show(monkeypatch, home, decision=decision)
    button(app, "Reject").click().run()
    assert any("give a reason" in error.value for error in app.error)
    assert ledger.find_decision(engine_of(home), decision).state == "awaiting_approval"
    next(one for one in app.text_input if one.label == "Reason").set_value("a known customer")
    button(app, "Reject").click().run()
    assert ledger.find_decision(engine_of(home), decision).state == "rejected"
    history = ledger.decision_history(engine_of(home), decision)
    assert (history[-1].actor, history[-1].detail["channel"]) == ("li@example.com", "page")
    assert any("Rejected" in one.value for one in app.success)


def test_approving_lets_it_go(monkeypatch, home):
    decision = waiting(home)
    app = show(monkeypatch, home, decision=decision)
    button(app, "Approve").click().run()
    assert not app.error
    assert ledger.find_decision(engine_of(home), decision).state in ("approved", "proposed")


def test_dead_letters_are_retried_with_one_click(monkeypatch, home):
    dead = ledger.list_decisions(engine_of(home), state="dead")
    assert dead, "the fixture must have dead letters"
    app = show(monkeypatch, home, view="dead")
    assert not app.exception
    assert f"{len(dead)} decision" in button(app, "Retry").label
    button(app, "Retry").click().run()
    assert ledger.list_decisions(engine_of(home), state="dead") == []
    events = ledger.decision_history(engine_of(home), dead[0].decision_id)
    assert (events[-1].event, events[-1].actor) == ("retried", "li@example.com")


def test_the_way_to_the_order_and_back(monkeypatch, home):
    decision = waiting(home)
    app = show(monkeypatch, home, decision=decision)
    order_no = ledger.find_decision(engine_of(home), decision).explanation["order_no"]
    button(app, "Open the order").click().run()
    assert not app.exception
    assert app.title[0].value == "Orders"
    assert any(order_no in one.value for one in app.markdown if one.value.startswith("#####"))

    app = open_page(monkeypatch, home, "orders", lang="en")
    app.session_state["_address"] = {"lang": "en", "order": order_no}
    app.run()
    next(one for one in app.button if one.key == f"decision_{decision}").click().run()
    assert app.title[0].value == "Decisions"
    assert any("Approval" in one.value for one in app.subheader)
