"""J20: accounts wrongly joined are parted, people follow with the next run, undoing restores it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from connectors.database.schema import identity_decisions
from connectors.lake.attach import connect_snapshot
from orchestration.ledger_tables import write_ledger_tables
from tests.dbt_command import run_dbt
from tests.e2e.cockpit import Cockpit
from tests.e2e.conftest import free_port, serve_dashboards
from tests.e2e.workplace import Workplace, copy_home

pytestmark = [pytest.mark.e2e]
# What the next run builds of people; the rest of it has nothing to do with them.
BUILT = (
    "int_identity_decisions", "int_identity_links", "int_identity_clusters", "fct_identity_links",
    "person_accounts", "dim_people", "fct_person_orders", "rfm_person_measures",
)  # fmt: skip
FOLLOWING = ("dim_people", "fct_person_orders", "rfm_person_measures")


@pytest.fixture(scope="module")
def workplace(demo_home, tmp_path_factory) -> Iterator[Workplace]:
    """A copy of the demo's home, in which people may write."""
    folder = tmp_path_factory.mktemp("identities")
    home = copy_home(demo_home, folder / "home")
    with serve_dashboards(home.settings, free_port(), folder / "dashboards.log") as served:
        yield Workplace(home, served)


def rebuilt(workplace: Workplace) -> dict[str, set[tuple]]:
    """The rows of people once the next run has built them, by table; the person's key first."""
    settings = workplace.home.settings
    write_ledger_tables(settings, workplace.engine)
    run_dbt(settings, "run", "--select", *BUILT)
    with connect_snapshot(settings) as connection:
        return {
            table: set(
                connection.execute(
                    f"select person_key, * exclude (person_key) from lake.marts.{table}"
                ).fetchall()
            )
            for table in FOLLOWING
        }


def test_j20_part_two_customers_and_take_it_back(cockpit_in, workplace):
    (person, other), *_ = workplace.home.tuples(
        "select person_key, customer_key from person_accounts where not is_first_account "
        "order by match_probability, customer_key"
    )
    cockpit: Cockpit = cockpit_in(workplace.dashboards).open("customers", pair=f"{person}|{other}")
    t = cockpit.t
    accounts = cockpit.table_file(t("identity.accounts_alt"))
    shown = [row[cockpit.column("account")] for row in accounts]
    assert shown[:2] == [key.rsplit(":", 1)[-1] for key in (person, other)]
    assert cockpit.table(t("identity.links_alt")), "the evidence that joined them"

    cockpit.fill(t("person.name"), "Qian", beside=t("identity.split"))
    cockpit.fill(t("columns.reason"), "mother and daughter", beside=t("identity.split"))
    cockpit.press(t("identity.split"))
    assert cockpit.says(t("identity.said.split"))
    with workplace.engine.connect() as connection:
        made = connection.execute(select(identity_decisions)).all()
    assert {(row.decision, row.decided_by, row.reason) for row in made} == {
        ("different", "Qian", "mother and daughter")
    }
    assert {(row.customer_key_a, row.customer_key_b) for row in made} >= {
        tuple(sorted((person, other)))
    }
    assert all(row.evidence["links"] for row in made), "the label keeps what was known"

    before = {
        table: set(workplace.home.tuples(f"select person_key, * exclude (person_key) from {table}"))
        for table in FOLLOWING
    }
    parted = rebuilt(workplace)
    assert other in {row[0] for row in parted["dim_people"] - before["dim_people"]}
    for table in FOLLOWING:
        moved = {row[0] for row in parted[table] ^ before[table]}
        assert moved <= {person, other}, f"{table}: only the touched people"

    cockpit.fill(t("person.name"), "Qian", beside=t("identity.undo"))
    cockpit.fill(t("columns.reason"), "one and the same", beside=t("identity.undo"))
    cockpit.press(t("identity.undo"))
    assert cockpit.says(t("identity.said.undone"))
    assert rebuilt(workplace) == before
    listed = workplace.home.json("people", "decisions")
    assert {one["effect"] for one in listed} == {"undone"}
