"""Every value of an order leads to the record that told it, and to what it was before."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import duckdb
import pytest

from connectors.database.publications import Publication
from connectors.errors import InputError
from connectors.lake.reader import PublishedLake
from connectors.settings import Settings
from orchestration.provenance import FieldProvenance, order_provenance


@pytest.fixture
def lake() -> Iterator[PublishedLake]:
    """Three versions of an order (the second told late), its lines, and another order."""
    connection = duckdb.connect()
    connection.execute("attach ':memory:' as lake")
    for schema in ("marts", "intermediate", "reports"):
        connection.execute(f"create schema lake.{schema}")
    connection.execute("use lake")
    connection.execute(
        """
        create table lake.marts.fct_orders as select * from (values
            ('sandbox:P1', 'sandbox', 'store_pos', 'P1'),
            ('sandbox:P2', 'sandbox', 'store_pos', 'P2'),
            ('shop:P2', 'shop', 'web', 'P2')
        ) as t (order_key, source, channel, order_no);
        create table lake.intermediate.int_sandbox__orders_classified as select * from (values
            ('a:1', 'L1', 'd1.csv', 1, timestamptz '2026-11-01 01:00:00+00', false, 'used', 'P1',
                'store_pos', 'NEW', 10.00::decimal(18, 2), timestamptz '2026-11-01 00:00:00+00'),
            ('a:9', 'L1', 'd1.csv', 9, timestamptz '2026-11-01 01:00:00+00', false, 'duplicate',
                'P1', 'store_pos', 'WRONG', 99.00, timestamptz '2026-11-05 00:00:00+00'),
            ('c:4', 'L3', 'd3.csv', 4, timestamptz '2026-11-03 01:00:00+00', true, 'used', 'P1',
                'store_pos', 'DONE', 12.00, timestamptz '2026-11-03 00:00:00+00'),
            ('d:7', 'L4', 'd2.csv', 7, timestamptz '2026-11-04 01:00:00+00', false, 'used', 'P1',
                'store_pos', 'SENT', 12.00, timestamptz '2026-11-02 00:00:00+00'),
            ('a:2', 'L1', 'd1.csv', 2, timestamptz '2026-11-01 01:00:00+00', true, 'used', 'P2',
                'store_pos', 'NEW', 5.00, timestamptz '2026-11-01 00:00:00+00')
        ) as t (
            source_id, load_id, file_name, record_number, received_at, is_current, disposition,
            order_no, channel, status, total_amount, modified_at
        );
        create table lake.intermediate.int_sandbox__order_lines_classified as select * from (values
            ('e:1', 'L1', 'l1.csv', 1, timestamptz '2026-11-01 01:00:00+00', false, 'used',
                'P1', '1', 'A'),
            ('e:2', 'L1', 'l1.csv', 2, timestamptz '2026-11-01 01:00:00+00', true, 'used',
                'P1', '2', 'B'),
            ('f:1', 'L2', 'l2.csv', 1, timestamptz '2026-11-02 01:00:00+00', true, 'used',
                'P1', '1', 'C')
        ) as t (
            source_id, load_id, file_name, record_number, received_at, is_current, disposition,
            order_no, line_no, sku
        )
        """
    )
    with PublishedLake(cast("Publication", None), connection) as opened:
        yield opened


def _at(day: int) -> datetime:
    return datetime(2026, 11, day, 1, tzinfo=UTC)


def test_every_value_leads_to_its_record_and_to_what_it_was(
    lake: PublishedLake, settings: Settings
) -> None:
    told = order_provenance(lake, settings, "P1")
    fields: dict[tuple[str, str, str], FieldProvenance] = {
        (field.entity, field.record_key, field.field): field for field in told.fields
    }
    status = fields["orders", "", "status"]
    assert (status.value, status.known_at, status.origin.source_id) == ("DONE", _at(3), "c:4")
    # SENT was told after DONE, but happened before it: it was never what the lake believed.
    assert [(one.value, one.known_at, one.replaced_at) for one in status.earlier] == [
        ("SENT", _at(4), _at(3)),
        ("NEW", _at(1), _at(3)),
    ]
    amount = fields["orders", "", "total_amount"]
    # By the source's own clock 12.00 holds since SENT; the lake learnt it from DONE.
    assert (amount.value, amount.known_at, amount.origin.file_name) == (
        Decimal("12.00"), _at(3), "d3.csv",
    )  # fmt: skip
    assert [one.value for one in amount.earlier] == [Decimal("10.00")]
    first = fields["order_lines", "1", "sku"]
    assert (first.value, first.origin.file_name, first.origin.record_number) == ("C", "l2.csv", 1)
    assert [(one.value, one.replaced_at) for one in first.earlier] == [("A", _at(2))]
    assert fields["order_lines", "2", "sku"].earlier == ()


def test_an_order_that_is_not_there_or_not_the_only_one(
    lake: PublishedLake, settings: Settings
) -> None:
    with pytest.raises(InputError, match="No published order has the number 'P9'"):
        order_provenance(lake, settings, "P9")
    with pytest.raises(InputError, match="Several orders have the number 'P2'"):
        order_provenance(lake, settings, "P2")
    assert order_provenance(lake, settings, "sandbox:P2").order_key == "sandbox:P2"
