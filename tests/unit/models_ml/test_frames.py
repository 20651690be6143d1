"""Checks on frames name the rows, versions name the configuration."""

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from models_ml.demand import DemandConfig
from models_ml.frames import (
    FrameError,
    as_float,
    as_instant,
    as_utc,
    require_columns,
    require_one_business,
    require_unique,
    require_values,
)
from models_ml.versions import model_version


def test_missing_column_is_named() -> None:
    with pytest.raises(FrameError, match=r"sales lacks the column\(s\) sku"):
        require_columns(pd.DataFrame({"a": [1]}), ["a", "sku"], name="sales")


def test_offending_rows_come_with_the_error() -> None:
    frame = pd.DataFrame({"a": [1, None, 3], "b": [1, 2, 1]})
    with pytest.raises(FrameError) as empty:
        require_values(frame, ["a"], name="sales")
    assert empty.value.rows.index.tolist() == [1]
    with pytest.raises(FrameError) as repeated:
        require_unique(frame, ["b"], name="sales")
    assert repeated.value.rows.index.tolist() == [0, 2]


def test_several_sources_are_refused() -> None:
    with pytest.raises(FrameError, match="one at a time"):
        require_one_business(pd.DataFrame({"business": ["a", "b"]}), name="sales")


@pytest.mark.parametrize(
    "values",
    [
        [Decimal("1.5"), None, Decimal(2)],
        pd.array([1.5, None, 2], dtype="Float64"),
        [1.5, np.nan, 2.0],
        ["1.5", None, "2"],
    ],
)
def test_numbers_of_any_kind_become_floats(values) -> None:
    result = as_float(pd.Series(values, name="x"))
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, [1.5, np.nan, 2.0])


def test_text_is_no_number() -> None:
    with pytest.raises(FrameError, match="column x"):
        as_float(pd.Series(["one"], name="x"))


def test_instants_of_any_zone_become_utc() -> None:
    times = pd.Series(pd.to_datetime(["2025-01-01 08:00"])).dt.tz_localize("Asia/Shanghai")
    assert as_utc(times)[0] == np.datetime64("2025-01-01T00:00", "us")


def test_one_instant_is_read_in_any_zone() -> None:
    wanted = np.datetime64("2025-01-01T00:00", "us")
    aware = datetime(2025, 1, 1, 8, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert as_instant(aware) == wanted
    assert as_instant(pd.Timestamp("2025-01-01")) == wanted


def test_version_follows_configuration_and_window_only() -> None:
    window = {"window_start": date(2025, 1, 1), "window_end": date(2025, 3, 1)}
    first = model_version("demand", DemandConfig(), **window)
    assert first == model_version("demand", DemandConfig(), **window)
    assert first.startswith("demand-")
    assert first.endswith("-20250101-20250301")
    other = replace(DemandConfig(), seed=8)
    assert model_version("demand", other, **window) != first
