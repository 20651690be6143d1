"""A promotion's effect on stock, against sums made by hand and by adding up day by day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models_ml.promotions import promoted_demand, stock_cover, whole_packs

UNITS = st.lists(st.floats(0, 1_000), min_size=1, max_size=40)


def test_only_the_promoted_days_sell_more():
    assert promoted_demand([2, 2, 2, 2], uplift=0.5, first_day=2, day_count=2) == [2, 3, 3, 2]


def test_days_beyond_the_forecast_count_for_nothing():
    assert promoted_demand([1, 1], uplift=1.0, first_day=2, day_count=9) == [1, 2]


@pytest.mark.parametrize(("uplift", "first_day"), [(-1.0, 1), (0.5, 0)])
def test_a_promotion_that_makes_no_sense_is_refused(uplift, first_day):
    with pytest.raises(ValueError, match="uplift above -1"):
        promoted_demand([1.0], uplift=uplift, first_day=first_day, day_count=1)


def test_stock_covers_whole_days_only():
    cover = stock_cover([3, 3, 3], available=7)
    assert (cover.days_covered, cover.short, cover.expected) == (2, 2, 9)
    assert stock_cover([3, 3, 3], available=9).short == 0
    assert stock_cover([3], available=0).days_covered == 0


@given(UNITS, st.floats(0, 20_000), st.floats(0, 5), st.integers(1, 40), st.integers(0, 40))
def test_a_promotion_never_makes_stock_last_longer(units, available, uplift, first, days):
    plain = stock_cover(units, available)
    more = stock_cover(
        promoted_demand(units, uplift=uplift, first_day=first, day_count=days), available
    )
    assert more.days_covered <= plain.days_covered
    assert more.short >= plain.short - 1e-6
    assert more.short == pytest.approx(max(more.expected - available, 0))


@given(st.floats(0, 10_000), st.integers(1, 500))
def test_packs_are_whole_and_just_enough(units, pack):
    ordered = whole_packs(units, pack)
    assert ordered % pack == 0
    assert ordered >= units - 1e-5
    assert ordered - pack < units or ordered == 0
