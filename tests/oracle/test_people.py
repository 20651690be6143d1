"""People that dbt makes of accounts: against the truth, and against everything they must keep."""

import json
import logging
from collections import defaultdict
from pathlib import Path

from tests.oracle.conftest import Warehouse
from tests.oracle.people import score_people

logger = logging.getLogger(__name__)


def test_accounts_of_one_person_are_found_and_strangers_stay_apart(
    warehouse: Warehouse, full_world: Path
):
    truth = json.loads((full_world / "truth.json").read_text(encoding="utf-8"))
    scores = score_people(truth, warehouse.query)
    logger.info("people: %s", scores)
    assert scores.true_pairs > 300
    assert scores.precision >= 0.98
    assert scores.recall >= 0.90
    assert scores.largest_person <= 12


def test_people_are_what_the_used_links_connect(warehouse: Warehouse):
    """Oracle: neighbours of neighbours, one account after the other."""
    accounts = dict(warehouse.query("select customer_key, person_key from person_accounts"))
    neighbours = defaultdict(set)
    for left, right in warehouse.query(
        "select customer_key_a, customer_key_b from fct_identity_links where is_used"
    ):
        neighbours[left].add(right)
        neighbours[right].add(left)
    seen: set[str] = set()
    for account in accounts:
        if account in seen:
            continue
        reached, waiting = {account}, [account]
        while waiting:
            for other in neighbours[waiting.pop()] - reached:
                reached.add(other)
                waiting.append(other)
        seen |= reached
        people = {accounts[one] for one in reached}
        assert len(people) == 1, f"{reached} are {people}"
        assert people <= reached
    assert len(set(accounts.values())) == warehouse.query("select count(*) from dim_people")[0][0]


def test_every_customer_of_an_order_is_a_person(warehouse: Warehouse):
    assert warehouse.query(
        "select count(*) from fct_orders where customer_key is not null and customer_key not in "
        "(select customer_key from person_accounts)"
    ) == [(0,)]
    assert warehouse.query(
        "select count(*) from dim_customers full join person_accounts using (customer_key) "
        "where dim_customers.business is distinct from person_accounts.business"
    ) == [(0,)]
