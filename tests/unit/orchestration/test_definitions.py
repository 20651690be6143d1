"""The asset graph loads, every asset is owned and described, and each run follows one order."""

import sys

import pytest

from connectors.settings import load_settings

pytestmark = [pytest.mark.integration]


CONFIGURATION = """
business: {time_zone: Europe/Berlin}
schedules: {daily: "0 6 * * *"}
sources:
  tmall: {connector: files, path: /exports/tmall, schedule: "*/15 * * * *"}
  sandbox: {connector: files, path: /exports/sandbox}
"""


def _forget_definitions() -> None:
    """They are those of the settings they were first imported with, here or by another test."""
    for name in list(sys.modules):
        if name == "orchestration.definitions" or name.startswith("orchestration.defs"):
            del sys.modules[name]


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory):
    """Definitions of a fresh home, with a manifest parsed from the project as it is."""
    home = tmp_path_factory.mktemp("definitions")
    (home / "fourflow.yml").write_text(CONFIGURATION, encoding="utf-8")
    settings = load_settings(home=home, config=str(home / "fourflow.yml"))
    _forget_definitions()
    with settings.exported():
        from orchestration.definitions import defs

        yield defs()
    _forget_definitions()


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


def _keys(graph) -> dict[str, object]:
    return {key.to_user_string(): graph.get(key) for key in graph.materializable_asset_keys}


def test_every_asset_has_owner_group_and_description(graph):
    wrong = [
        name
        for name, node in _keys(graph).items()
        if not (node.owners and node.group_name and node.description)
    ]
    assert wrong == []


def test_publication_waits_for_every_mart_and_every_model(graph):
    names = _keys(graph)
    published = names["published_snapshot"]
    parents = {key.to_user_string() for key in published.parent_keys}
    for name in names:
        if name.split("/")[0] in ("marts", "reports", "ml"):
            assert name in parents


def test_decisions_come_after_publication_and_delivery_last(graph):
    names = _keys(graph)
    assert {k.to_user_string() for k in names["decision_ledger"].parent_keys} == {
        "published_snapshot"
    }
    assert {k.to_user_string() for k in names["delivered_decisions"].parent_keys} == {
        "decision_ledger"
    }


def test_every_blocking_check_is_there(graph):
    checks = {key.name for key in graph.asset_check_keys}
    assert {"bronze_rows_are_accounted_for", "learned_figures_are_sane"} <= checks


def test_marts_reports_and_sources_have_freshness_policies(graph):
    wrong = [
        name
        for name, node in _keys(graph).items()
        if name.split("/")[0] in ("marts", "reports", "tmall", "sandbox", "online_retail")
        and node.freshness_policy is None
    ]
    assert wrong == []


def test_schedules_are_those_of_the_configuration(definitions):
    schedules = {schedule.name: schedule for schedule in definitions.schedules}
    assert schedules["daily"].cron_schedule == "0 6 * * *"
    assert schedules["daily"].execution_timezone == "Europe/Berlin"
    assert schedules["daily_source_check"].cron_schedule == "30 6 * * *"
    own = schedules["read_tmall"]
    assert own.cron_schedule == "*/15 * * * *"
    assert own.tags["fourflow/sources"] == "tmall"
    assert "read_sandbox" not in schedules
