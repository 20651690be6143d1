"""Receivables of the simulated distributors, computed a second time from the ledger's files."""

from pathlib import Path

import pytest

from tests.oracle import receivables
from tests.oracle.conftest import WORLD, Warehouse

pytestmark = [pytest.mark.integration]


def test_receivables_are_those_of_the_raw_ledger(warehouse: Warehouse, full_world: Path):
    compared = list(receivables.differences(full_world, WORLD.end_date, warehouse.query))
    assert [one for one in compared if one[1] != one[2]] == []
    assert len(compared) == 7
