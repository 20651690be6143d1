"""A person opens the dashboards, switches language, picks a channel and follows the worst step."""

import re

import pytest

from tests.e2e.cockpit import first_line, number_before, open_page, settle
from tests.oracle.sandbox import demo_differences

pytestmark = [pytest.mark.e2e]


def pick_first_channel(page, label):
    """Choose the first channel after "all"; returns its name."""
    page.get_by_test_id("stSidebar").get_by_label(label).click()
    options = page.get_by_role("option")
    options.nth(1).wait_for()
    name = options.nth(1).inner_text()
    options.nth(1).click()
    settle(page)
    return name


def dropped_bars(page):
    """The parts of the bars that stand for dropped orders: the last trace, a point a step."""
    return page.locator(".js-plotly-plot .barlayer .trace").last.locator(".point path")


def click_middle(page, bar):
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_demo_prints_what_it_did_and_agrees_with_the_truth(demo):
    for words in ("received", "quarantined", "conversion", "published", "deliveries confirmed"):
        assert words in demo.output
    truth = demo.installation.settings.sandbox_path / "truth.json"
    assert demo_differences(truth, demo.installation.tuples) == []
    decisions = demo.installation.json("decisions", "list", "--limit", "100000")
    assert {decision["state"] for decision in decisions} == {"confirmed"}
    assert {decision["kind"] for decision in decisions} == {"replenish", "alert"}
    received = demo.installation.home / "webhook" / "received.jsonl"
    assert len(received.read_text(encoding="utf-8").splitlines()) == len(decisions)


def test_from_overview_to_the_orders_behind_the_worst_step(page, dashboards):
    open_page(page, dashboards)
    assert page.locator("h1").inner_text() == "Today"

    page.get_by_test_id("stSidebar").get_by_text("简体中文", exact=True).click()
    settle(page, "今日")
    assert "lang=zh" in page.url

    page.get_by_role("link", name="漏斗", exact=True).click()
    settle(page, "漏斗")
    pick_first_channel(page, "渠道")
    assert "channel=" in page.url

    button = page.get_by_role("button", name=re.compile("查看停在这里的"))
    expected = number_before(button.inner_text(), "笔订单")
    assert expected > 0, "the fixture must lose orders at its worst step"
    diagnosis = first_line(page)
    assert "低于平常" in diagnosis or f"{expected:,} 笔订单停在这里" in diagnosis

    click_middle(page, dropped_bars(page).nth(worst_position(page)))
    settle(page, "订单")
    assert "outcome=dropped" in page.url
    assert "channel=" in page.url
    assert number_before(first_line(page), "笔订单") == expected

    page.reload()
    settle(page, "订单")
    assert number_before(first_line(page), "笔订单") == expected, "the link can be shared"

    page.go_back()
    settle(page, "漏斗")
    assert first_line(page) == diagnosis


def worst_position(page):
    """Place in the chart of the step that the first line names."""
    name = re.search("“(.+?)”", first_line(page))[1]
    lines = page.locator(".js-plotly-plot .annotation-text").all_text_contents()
    return next(n for n, line in enumerate(lines) if name in line)


def test_button_opens_the_same_list_as_the_bar(page, dashboards):
    open_page(page, dashboards, "funnel", lang="en")
    button = page.get_by_role("button", name=re.compile("that stopped here"))
    expected = number_before(button.inner_text(), "orders? that stopped")
    button.click()
    settle(page, "Orders")
    assert number_before(first_line(page), "orders?") == expected
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) - 1 == expected


def test_the_first_page_has_an_address_of_its_own(page, dashboards):
    open_page(page, dashboards, "overview", lang="en")
    assert page.locator("h1").inner_text() == "Today"
    page.get_by_role("link", name="Funnel", exact=True).click()
    settle(page, "Funnel")
    page.get_by_role("link", name="Today", exact=True).click()
    settle(page, "Today")
    assert page.get_by_test_id("stException").count() == 0


def test_nothing_is_fetched_from_elsewhere(page, dashboards):
    foreign = []
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url)
            if not request.url.startswith((dashboards.url, "data:", "blob:", "ws:"))
            else None
        ),
    )
    open_page(page, dashboards, "funnel", lang="en")
    assert not foreign
