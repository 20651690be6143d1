"""Every page fits a phone, and axe-core finds nothing serious or critical on it."""

import re

import pytest

from app_streamlit.ui.navigation import ENTRIES
from tests.e2e.cockpit import open_page, settle

pytestmark = [pytest.mark.e2e]

DARK = "rgb(21, 25, 29)"  # backgroundColor of theme.dark in .streamlit/config.toml
GRAVE = {"serious", "critical"}
# Streamlit draws the line in a tile without a name for its points. The tile says its figure and its
# change as text, and Streamlit takes no alternative text for the line.
STREAMLITS_OWN = (("svg-img-alt", "metric_chart_"),)


DESKTOP = {"width": 1440, "height": 1100}
# In dark and English: tiles and charts, drawn text, tinted cells, a form, a list of links.
IN_THE_DARK = ("overview", "funnel", "stock", "rules", "exceptions", "definitions")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_pages_fit_a_phone_and_keep_nobody_out(phone, dashboards, entry):
    open_page(phone, dashboards, "" if entry.name == "overview" else entry.name)
    assert re.search("[\u4e00-\u9fff]", phone.locator("h1").inner_text()), "the browser is Chinese"
    width = phone.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 390
    assert phone.get_by_test_id("stException").count() == 0
    # The same page, drawn anew on a desktop: opening each page twice costs twice as much.
    phone.set_viewport_size(DESKTOP)
    settle(phone)
    phone.locator(".st-key-menu").wait_for()  # the sidebar of a desktop is open
    assert not grave_findings(phone)


@pytest.mark.parametrize("name", IN_THE_DARK)
def test_nothing_keeps_people_out_in_the_dark(page, dashboards, name):
    page.emulate_media(color_scheme="dark")
    open_page(page, dashboards, "" if name == "overview" else name, lang="en")
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert background == DARK, "the theme follows the browser"
    assert not grave_findings(page)


def grave_findings(page):
    """What axe-core finds that keeps people out."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    return [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for violation in axe.run(page).response["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
        if not any(
            violation["id"] == rule and part in node["html"] for rule, part in STREAMLITS_OWN
        )
    ]
