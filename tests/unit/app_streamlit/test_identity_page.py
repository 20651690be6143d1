"""Merging, splitting and undoing on the page of customers, and who may not."""

import shutil
from pathlib import Path

import pytest
from guarded import act_as, guard, open_as, refusals
from streamlit.testing.v1 import AppTest
from test_app_pages import assert_translated, open_page

from app_streamlit.queries.identities import forget
from connectors.database.engine import open_database
from connectors.lake.reader import open_published
from connectors.settings import load_settings
from orchestration.stewardship.identities import Decision, list_decisions

BUSINESS = "fourflow_demo"


@pytest.fixture
def home(published_home: Path, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    shutil.copytree(published_home, home)
    forget()
    return home


def decided(home: Path) -> list[Decision]:
    """What the command line lists."""
    settings = load_settings(home=home)
    engine = open_database(settings)
    with open_published(settings, engine=engine) as lake:
        return list_decisions(engine, lake)


def pairs(home: Path, sql: str) -> list[tuple[str, str]]:
    with open_published(load_settings(home=home)) as lake:
        return [(row["a"], row["b"]) for row in lake.rows(sql, {"business": BUSINESS})]


def show(
    monkeypatch: pytest.MonkeyPatch, home: Path, pair: tuple[str, str], language: str = "en"
) -> AppTest:
    app = open_page(monkeypatch, home, "customers", lang=language)
    app.user = {"email": "li@example.com"}
    app.session_state["_address"] = {
        "lang": language, "business": BUSINESS, "pair": "|".join(pair)
    }  # fmt: skip
    return app.run()


def press(app: AppTest, words: str) -> AppTest:
    return next(one for one in app.button if one.label == words).click().run()


def say_why(app: AppTest, words: str, form: int = 0) -> None:
    [one for one in app.text_input if one.label == "Reason"][form].set_value(words)


def test_a_conflict_is_merged_a_person_is_split_and_both_are_undone(monkeypatch, home):
    [apart] = pairs(
        home,
        "select customer_key_a as a, customer_key_b as b from rpt_identity_conflicts "
        "where business = $business",
    )
    [joined] = pairs(
        home,
        "select person_key as a, customer_key as b from person_accounts "
        "where business = $business and not is_first_account",
    )
    app = show(monkeypatch, home, apart)
    assert any("1 pair wants a decision" in one.value for one in app.markdown)
    press(app, "They are one person")
    assert any("Say why" in one.value for one in app.error)
    say_why(app, "she called")
    press(app, "They are one person")
    assert any("one person from the next run" in one.value for one in app.success)
    assert any("0 pairs want a decision" in one.value for one in app.markdown)
    [made] = decided(home)
    assert (made.customer_key_a, made.customer_key_b) == apart
    assert (made.decision, made.decided_by, made.reason) == ("same", "li@example.com", "she called")

    app = show(monkeypatch, home, joined)
    say_why(app, "two sisters")
    press(app, "They are different people")
    parted, _ = decided(home)
    assert {parted.customer_key_a, parted.customer_key_b} == set(joined)
    assert (parted.decision, parted.effect) == ("different", "waiting")
    assert_translated(show(monkeypatch, home, joined, "zh"), "zh")

    app = show(monkeypatch, home, joined)
    say_why(app, "a mistake", form=-1)
    press(app, "Take this decision back")
    assert [one.effect for one in decided(home)] == ["undone", "waiting"]


def test_who_may_not_decide_sees_no_button_and_a_crafted_call_is_refused(monkeypatch, home):
    app = open_as(monkeypatch, guard(home), "reader", "customers")
    assert not app.exception
    assert "They are different people" not in [one.label for one in app.button]
    app = open_as(monkeypatch, home, "douyin", "customers")
    assert "Accounts and people" not in [one.value for one in app.subheader]
    code = f"""
    from app_streamlit.writes import identities
    identities.undo({BUSINESS!r}, "abc", person="boss", reason="fine")
"""
    for who in ("reader", "douyin"):
        assert "ForbiddenError" in act_as(monkeypatch, home, who, code)
        assert (f"{who}@example.cn", "merge_customers undo abc") in refusals(home)
    assert "no act abc" in act_as(monkeypatch, home, "clerk", code)
