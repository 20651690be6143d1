"""Jobs of people who work queues: what they do on pages is in the operational database."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select

from connectors.database.schema import exception_cases, reconciliation_sign_offs
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


@BOTH
def test_j11_sign_off_a_day_of_settlement(cockpit_in, workplace, language):
    cockpit: Cockpit = cockpit_in(workplace.dashboards, language).open().visit("reconciliation")
    t = cockpit.t
    days = cockpit.table_file(t("sign_off.days_alt"))
    with workplace.engine.connect() as connection:
        before = connection.execute(select(reconciliation_sign_offs)).all()
    open_days = [row for row in days if t("sign_off.states.open") in " ".join(row.values())]
    assert len(open_days) == len(days) - len(before)

    cockpit.fill(t("person.name"), "Sun", beside=t("sign_off.sign"))
    cockpit.fill(t("columns.note"), "checked with the bank", beside=t("sign_off.sign"))
    cockpit.press(t("sign_off.sign"))
    with workplace.engine.connect() as connection:
        *_, signed = connection.execute(
            select(reconciliation_sign_offs).order_by(reconciliation_sign_offs.c.sign_off_id)
        ).all()
    published = workplace.home.json("status", expect=None)["publication"]
    assert (signed.event, signed.person, signed.note) == ("signed", "Sun", "checked with the bank")
    assert signed.publication_id == published["publication_id"]
    assert signed.snapshot_id == published["snapshot_id"]

    # What was signed is what two books say about that day.
    assert isinstance(signed.business_date, date)
    items, unknown = workplace.home.tuples(
        f"""
        select
            sum(item_count),
            sum(case when residual_bucket = 'unknown' then item_count else 0 end)
        from rpt_reconciliation where business_date = date '{signed.business_date}'
        """
    )[0]
    assert sum(figure["item_count"] for figure in signed.figures) == items
    assert unknown == 0
    signatures = cockpit.table_file(t("sign_off.days_alt"))
    assert sum("Sun" in row.values() for row in signatures) == len(before) + 1
