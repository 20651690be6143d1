"""Jobs of people who work queues: what they do on pages is in the operational database."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from sqlalchemy import select

from connectors.database.schema import exception_cases
from tests.e2e.cockpit import Cockpit
from tests.e2e.conftest import free_port, serve_dashboards
from tests.e2e.workplace import Workplace, copy_home

pytestmark = [pytest.mark.e2e]
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(scope="module")
def workplace(demo_home, tmp_path_factory) -> Iterator[Workplace]:
    """A copy of the demo's home, in which people may write."""
    folder = tmp_path_factory.mktemp("workplace")
    home = copy_home(demo_home, folder / "home")
    with serve_dashboards(home.settings, free_port(), folder / "dashboards.log") as served:
        yield Workplace(home, served)


@BOTH
def test_j6_work_the_board_of_exceptions(cockpit_in, workplace, language):
    cockpit: Cockpit = cockpit_in(workplace.dashboards, language).open().visit("exceptions")
    t = cockpit.t
    with workplace.engine.connect() as connection:
        resolved = set(
            connection.execute(
                select(exception_cases.c.exception_key).where(
                    exception_cases.c.resolved_at.is_not(None)
                )
            ).scalars()
        )
    due = workplace.home.tuples(
        "select exception_key, amount_at_risk from rpt_exceptions order by amount_at_risk desc"
    )
    to_do = [(key, amount) for key, amount in due if key not in resolved]
    queue = cockpit.download(t("orders.download"))
    assert len(queue) == len(to_do) > 100
    amounts = [Decimal(row[cockpit.column("amount_at_risk")]) for row in queue]
    assert amounts == [amount for _, amount in to_do], "most money at risk first"

    cockpit.fill(t("person.name"), "Zhao", beside=t("exceptions.resolve"))
    cockpit.fill(t("exceptions.note"), "called the customer", beside=t("exceptions.resolve"))
    cockpit.press(t("exceptions.resolve"))
    assert cockpit.says(t("exceptions.said.resolved"))
    left = cockpit.download(t("orders.download"))
    assert len(left) == len(queue) - 1

    with workplace.engine.connect() as connection:
        (case,) = connection.execute(
            select(exception_cases).where(
                exception_cases.c.resolved_at.is_not(None),
                exception_cases.c.exception_key.not_in(resolved),
            )
        ).all()
    assert (case.resolved_by, case.amount_at_risk) == ("Zhao", amounts[0])
    assert case.resolution
    tile = cockpit.page.get_by_test_id("stMetric").filter(has_text=t("exceptions.tiles.time"))
    assert any(sign.isdigit() for sign in tile.inner_text()), "the mean time follows"
