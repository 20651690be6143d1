"""What people write after `--by` and `--where`, and what MetricFlow is asked."""

import pytest

from connectors.errors import InputError
from orchestration.metrics.names import Column, GroupBy, column, filter_template

AVAILABLE = [
    GroupBy("channel", "entity"),
    GroupBy("order_document__province", "categorical"),
    GroupBy("order_document__ordered_on", "time"),
    GroupBy("product__category", "categorical"),
    GroupBy("order_document__customer__rfm_segment", "categorical"),
    GroupBy("customer__rfm_segment", "categorical"),
    GroupBy("refund__reason", "categorical"),
    GroupBy("exchange__reason", "categorical"),
]


@pytest.mark.parametrize(
    ("word", "name", "shown"),
    [
        ("channel", "channel", "channel"),
        ("province", "order_document__province", "province"),
        ("product__category", "product__category", "product__category"),
        ("rfm_segment", "customer__rfm_segment", "rfm_segment"),
        ("week", "metric_time__week", "week"),
        ("metric_time", "metric_time__month", "month"),
        ("metric_time__year", "metric_time__year", "metric_time__year"),
        ("ordered_on", "order_document__ordered_on__month", "ordered_on"),
        ("ordered_on__quarter", "order_document__ordered_on__quarter", "ordered_on__quarter"),
    ],
)
def test_a_word_finds_its_dimension(word: str, name: str, shown: str):
    found = column(word, AVAILABLE, "sales", "month")
    assert (found.name, found.shown) == (name, shown)
    assert found.is_date == (
        name.rsplit("__", maxsplit=1)[-1] in ("week", "month", "quarter", "year")
    )


def test_an_unknown_word_names_what_reads_like_it():
    with pytest.raises(InputError, match=r"by provinz \(did you mean province\?\)"):
        column("provinz", AVAILABLE, "sales", "day")


def test_a_word_that_two_have_must_be_said_whole():
    with pytest.raises(InputError, match="exchange__reason, refund__reason"):
        column("reason", AVAILABLE, "sales", "day")
    assert column("refund__reason", AVAILABLE, "sales", "day") == Column(
        "refund__reason", "refund__reason", False
    )


def test_only_a_date_has_a_grain():
    with pytest.raises(InputError, match="province is not a date"):
        column("province__week", AVAILABLE, "sales", "day")


def test_a_condition_keeps_text_parameters_functions_and_templates():
    condition = (
        "channel = 'the channel' and lower(province) in ($one, 'o''province') "
        "and metric_time >= date '2026-01-01' or {{ Dimension('product__category') }} is null"
    )
    assert filter_template(condition, AVAILABLE, "sales") == (
        "{{ Entity('channel') }} = 'the channel' and "
        "lower({{ Dimension('order_document__province') }}) in ($one, 'o''province') "
        "and {{ TimeDimension('metric_time', 'day') }} >= date '2026-01-01' "
        "or {{ Dimension('product__category') }} is null"
    )


def test_a_condition_on_nothing_known_is_refused():
    with pytest.raises(InputError, match=r"by chanel \(did you mean channel\?\)"):
        filter_template("chanel = 'x'", AVAILABLE, "sales")
