"""A person edits a rule, tries it on history, and lets it run in shadow."""

import re

import pytest

from connectors.database.engine import open_database
from connectors.settings import load_settings
from orchestration.decisions.rulebook import find_rule, save_rule
from tests.e2e.cockpit import first_line, open_page, settle

pytestmark = [pytest.mark.e2e]
RULE = "approve_order_amount"


@pytest.fixture
def rule_as_before(demo_home):
    """The rule's version in force; what the test changes is put back behind it."""
    engine = open_database(load_settings(home=demo_home))
    before = find_rule(engine, RULE)
    yield before
    save_rule(engine, before.definition, author="test", reason="as it was")


def decided(page):
    """How many decisions the lab found."""
    text = page.locator("h5").last.inner_text()
    return int(re.search(r": ([\d,]+) decision", text)[1].replace(",", ""))


def try_on_history(page):
    page.get_by_text("Rule lab", exact=True).click()
    settle(page)
    page.get_by_role("button", name="Try it on history").click()
    page.wait_for_selector("h5:has-text('decision')")
    settle(page)
    return decided(page)


def test_edit_backtest_and_shadow(page, dashboards, demo_home, rule_as_before):
    open_page(page, dashboards, "rules", lang="en", rule=RULE, view="lab")
    in_force = try_on_history(page)

    page.get_by_text("Edit", exact=True).click()
    settle(page)
    threshold = page.get_by_label("Above this amount the supervisor approves (:supervisor_amount)")
    threshold.fill("1000000")
    threshold.press("Enter")
    settle(page)
    assert page.get_by_text("What would change").is_visible()
    assert try_on_history(page) < in_force
    assert page.get_by_text("Against version").first.is_visible()

    page.get_by_text("Edit", exact=True).click()
    settle(page)
    page.get_by_role("textbox", name="Your name").fill("Li")
    page.get_by_role("textbox", name="Reason (it is kept with the version)").fill(
        "only the largest"
    )
    page.get_by_role("button", name="Save as version").click()
    page.wait_for_selector("text=is in force")
    settle(page)

    page.get_by_text("What it does", exact=True).click()
    settle(page)
    page.get_by_text("◐ Shadow").click()
    page.get_by_role("textbox", name="Reason (it is kept with the version)").fill("watch it")
    page.get_by_role("button", name="Switch", exact=True).click()
    page.wait_for_selector("text=only records (shadow) now")
    settle(page)
    assert "only records (shadow)" in first_line(page)

    engine = open_database(load_settings(home=demo_home))
    saved = find_rule(engine, RULE)
    assert saved.version == rule_as_before.version + 2
    assert (saved.author, saved.reason, saved.definition.mode) == ("Li", "watch it", "shadow")
    assert str(saved.definition.parameters["supervisor_amount"].value) == "1000000"
