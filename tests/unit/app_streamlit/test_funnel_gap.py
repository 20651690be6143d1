"""How far a step is from usual, and the split of the gap by channel."""

from decimal import Decimal

import pandas as pd

from app_streamlit.queries.diagnosis import read_gaps, worst_gap


def _row(step: int, channel: str, *counts: str, amount: Decimal | None) -> dict[str, object]:
    decided, reached, expected = counts
    return {
        "step_number": step,
        "channel": channel,
        "decided_count": int(decided),
        "reached_count": int(reached),
        "expected_count": Decimal(expected),
        "gap_count": Decimal(reached) - Decimal(expected),
        "gap_amount": amount,
        "currency_code": "CNY",
        "green_from": Decimal("-0.02"),
        "amber_from": Decimal("-0.05"),
        "minimum_orders": 30,
    }


def _gaps(*rows: dict[str, object]):
    return read_gaps(pd.DataFrame(rows))


def test_the_parts_of_a_gap_add_up_to_it_and_one_channel_leads():
    (paid,) = _gaps(
        _row(2, "douyin", "400", "270", "350.333333", amount=Decimal("-24100.10")),
        _row(2, "tmall", "600", "520", "528.000001", amount=Decimal("-2400.00")),
        _row(2, "store", "200", "199", "197.5", amount=Decimal("450.05")),
    )
    assert sum(part.orders for part in paid.parts) == paid.orders == Decimal("-86.833334")
    assert sum(part.amount for part in paid.parts) == paid.amount == Decimal("-26050.05")
    assert paid.leading.channel == "douyin"
    assert (round(paid.rate, 4), round(paid.usual_rate, 4)) == (0.8242, 0.8965)
    assert paid.grade == "red"


def test_the_worst_gap_lacks_most_orders_and_has_enough_to_tell():
    gaps = _gaps(
        _row(2, "a", "1000", "960", "990", amount=None),
        _row(3, "a", "20", "2", "18", amount=None),
        _row(4, "a", "900", "810", "855", amount=None),
        _row(5, "a", "800", "799", "790", amount=None),
    )
    assert [gap.grade for gap in gaps] == ["amber", "none", "amber", "green"]
    assert worst_gap(gaps).step_number == 4
    assert gaps[0].amount is None
    assert gaps[3].leading is None
    assert worst_gap(gaps[3:]) is None
    assert worst_gap(read_gaps(pd.DataFrame())) is None
