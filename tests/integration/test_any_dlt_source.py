"""A dlt source that Fourflow doesn't know becomes a channel by a mapping and seed rows alone."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.configuration import load_configuration
from connectors.sources.api.connector import find_connector
from connectors.sources.api.landing import AccountReport, load_account
from connectors.sources.api.reading import Reading
from tests.installation import Installation
from tests.lean_project import copy_project, lean_project
from tests.magento_shop import TOKEN, Magento, add_magento, serve_magento
from tests.platforms import current_records

pytestmark = pytest.mark.integration


@pytest.fixture
def magento() -> Iterator[Magento]:
    with serve_magento() as shop:
        yield shop


@pytest.fixture
def installation(magento: Magento, tmp_path: Path) -> Installation:
    """What the walkthrough tells a person to do, and nothing else."""
    project = copy_project(tmp_path / "dbt_project", lean_project("fct_order_lines"))
    home = tmp_path / "home"
    home.mkdir()
    return Installation(home, add_magento(project, home, magento))


def test_magento_is_a_channel_after_one_run(magento: Magento, installation: Installation):
    for number in range(1, 9):
        magento.place(number, f"2026-03-0{number} 12:00:00")
    magento.place(3, "2026-03-20 12:00:00", status="never_heard_of")
    installation.run("run")
    rows = installation.tuples(
        "select order_key, channel, order_status, gross_amount, line_count "
        "from fct_orders order by 1"
    )
    assert [(key, channel, str(amount), lines) for key, channel, _, amount, lines in rows] == [
        (f"magento:{number:09d}", "magento_shop", f"{10 * number + 0.5:.2f}", 1)
        for number in range(1, 9)
    ]
    assert [status for _, _, status, _, _ in rows] == [
        "unknown" if number == 3 else "paid" for number in range(1, 9)
    ]


def read(installation: Installation) -> AccountReport:
    source = load_configuration(installation.settings).source("magento")
    (account,) = source.accounts.items()
    reading = Reading("magento", account[0], datetime.now(UTC))
    return load_account(installation.settings, find_connector("dlt"), account[1], reading)


def test_the_source_goes_on_where_it_stood(
    magento: Magento, installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAGENTO_TOKEN", TOKEN)
    for number in range(1, 9):
        magento.place(number, f"2026-03-0{number} 12:00:00")
    assert read(installation).record_count == 8
    magento.asked.clear()
    magento.place(3, "2026-03-20 12:00:00", status="closed")
    magento.place(9, "2026-03-21 12:00:00")
    assert read(installation).problems == ()
    assert set(magento.asked) == {"2026-03-08 12:00:00"}
    held = current_records(
        installation.settings, "magento_orders", "increment_id", version="updated_at"
    )
    assert len(held) == 9
    assert [o["status"] for o in held if o["increment_id"] == "000000003"] == ["closed"]


def test_wrong_token_is_one_sentence_and_moves_nothing(
    magento: Magento, installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    magento.place(1, "2026-03-01 12:00:00")
    monkeypatch.setenv("MAGENTO_TOKEN", "stale")
    report = read(installation)
    assert report.record_count == 0
    (problem,) = report.problems
    assert "401" in problem
    assert "\n" not in problem
    monkeypatch.setenv("MAGENTO_TOKEN", TOKEN)
    assert read(installation).record_count == 1
