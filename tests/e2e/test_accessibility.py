"""axe-core finds nothing serious or critical on any page."""

import pytest

from app_streamlit.ui.navigation import ENTRIES
from tests.e2e.cockpit import open_page

pytestmark = [pytest.mark.e2e]

GRAVE = {"serious", "critical"}
# Streamlit draws the line in a tile without a name for its points. The tile says its figure and its
# change as text, and Streamlit takes no alternative text for the line.
STREAMLITS_OWN = (("svg-img-alt", "metric_chart_"),)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_nothing_keeps_people_out(page, dashboards, entry):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    open_page(page, dashboards, "" if entry.name == "overview" else entry.name, lang="en")
    found = [
        f"{violation['id']} ({violation['impact']}): {node['html'][:160]} {node['failureSummary']}"
        for violation in axe.run(page).response["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
        if not any(
            violation["id"] == rule and part in node["html"] for rule, part in STREAMLITS_OWN
        )
    ]
    assert not found
