"""The public functions of demand: what they refuse, what they promise, what they must not see."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models_ml.demand import DemandConfig, backtest, forecast
from models_ml.demand.quantiles import negative_binomial_quantile
from models_ml.frames import FrameError

KEYS = {"id": "sku", "time": "day", "y": "units"}
FAST = DemandConfig(boosting_rounds=25, boosting_rows=6_000, threads=1)


def world(series: int = 12, periods: int = 150, *, freq: str = "D", seed: int = 1) -> pd.DataFrame:
    """Negative-binomial demand with a season, long, sorted by series and time."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2024-01-01", periods=periods, freq=freq)
    level = rng.gamma(1.0, 4.0, series)[:, None]
    mean = level * (1 + 0.5 * np.sin(np.arange(periods) * 2 * np.pi / 7))[None, :]
    units = rng.poisson(mean * rng.gamma(2.0, 0.5, mean.shape))
    return pd.DataFrame(
        {
            "sku": np.repeat([f"S{number:02}" for number in range(series)], periods),
            "day": np.tile(times, series),
            "units": units.ravel().astype(float),
        }
    )


@pytest.mark.parametrize(
    ("spoil", "says", "rows"),
    [
        (lambda f: f.drop(columns="units"), "lacks the column", 0),
        (lambda f: f.iloc[:0], "has no rows", 0),
        (lambda f: pd.concat([f, f.iloc[[3]]]), "share their sku, day", 2),
        (lambda f: f.assign(units=f["units"].where(f.index != 5, -1)), "negative", 1),
        (lambda f: f.iloc[[1, 0, *range(2, len(f))]], "sort the frame", 1),
        (lambda f: f.drop(index=[7, 8, 30]), "follow a gap", 2),
        (lambda f: f.assign(sku=f["sku"].where(f.index != 4)), "without sku", 1),
        (lambda f: f.assign(units=np.nan), "no value of units", 0),
        (lambda f: f.assign(units="many"), "no number", 0),
    ],
)
def test_a_bad_frame_is_refused_with_its_rows(spoil, says, rows) -> None:
    frame = spoil(world(3, 60))
    with pytest.raises(FrameError, match=says) as refused:
        forecast(frame, **KEYS, horizon=7, freq="D")
    assert len(refused.value.rows) == rows
    assert str(refused.value).count(". ") == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"horizon": 0}, "horizon"),
        ({"freq": "fortnight"}, "frequency"),
        ({"quantiles": [0.5, 1.0]}, "between 0 and 1"),
        ({"covariates": ["price"]}, "lacks the column"),
    ],
)
def test_a_bad_argument_is_refused(change, says) -> None:
    with pytest.raises(FrameError, match=says):
        forecast(world(2, 40), **{**KEYS, "horizon": 7, "freq": "D", **change})


def test_forecast_has_a_row_a_series_and_period_with_rising_quantiles() -> None:
    frame = world()
    result = forecast(frame, **KEYS, horizon=14, freq="D", quantiles=(0.9, 0.1, 0.5), config=FAST)
    assert list(result.columns) == ["sku", "day", "mean", "q0.1", "q0.5", "q0.9"]
    assert result.groupby("sku").size().eq(14).all()
    assert result["day"].min() == frame["day"].max() + pd.Timedelta(days=1)
    assert (np.diff(result[["q0.1", "q0.5", "q0.9"]].to_numpy(), axis=1) >= 0).all()
    assert np.isfinite(result.drop(columns=["sku", "day"]).to_numpy()).all()
    pd.testing.assert_frame_equal(
        result,
        forecast(frame, **KEYS, horizon=14, freq="D", quantiles=(0.9, 0.1, 0.5), config=FAST),
    )


def test_order_of_rows_and_type_of_ids_change_nothing(monkeypatch) -> None:
    frame = world(6, 90)
    frame = frame.drop(index=frame.index[:7]).assign(price=np.arange(len(frame) - 7) % 5)
    settings = {**KEYS, "horizon": 7, "freq": "D", "covariates": ["price"], "config": FAST}
    expected = forecast(frame, **settings)
    by_time = frame.sort_values(["day", "sku"])
    shuffled = frame.set_index("sku").loc[["S03", "S01", "S05", "S00", "S04", "S02"]].reset_index()
    monkeypatch.setattr("models_ml.demand.series.ROWS_AT_ONCE", 100)
    for other in (
        by_time,
        shuffled,
        frame.assign(
            sku=pd.Categorical(
                frame["sku"], categories=["S99", *sorted(set(frame["sku"]), reverse=True)]
            )
        ),
        by_time.assign(sku=by_time["sku"].astype(object)),
    ):
        pd.testing.assert_frame_equal(forecast(other, **settings), expected, check_dtype=False)


@pytest.mark.parametrize("order", [["sku", "day"], ["day", "sku"]])
def test_a_gap_and_a_repeated_row_are_found_in_any_order(order) -> None:
    frame = world(4, 40)
    holed = frame.drop(index=[45]).sort_values(order)
    with pytest.raises(FrameError, match="follow a gap"):
        forecast(holed, **KEYS, horizon=7, freq="D")
    doubled = pd.concat([frame, frame.iloc[[45]]]).sort_values(order)
    with pytest.raises(FrameError, match="share their sku, day"):
        forecast(doubled, **KEYS, horizon=7, freq="D")


def test_very_many_series_are_learnt_from_in_part_and_forecast_as_well() -> None:
    frame = world(60, 200)
    past, came = frame[frame["day"] < "2024-07-05"], frame[frame["day"] >= "2024-07-05"]
    horizon = came["day"].nunique()
    few = replace(FAST, judged_series=15, boosting_rows=2_000)
    errors = {}
    for name, config in (("all", FAST), ("part", few)):
        made = forecast(past, **KEYS, horizon=horizon, freq="D", config=config)
        joined = made.merge(came, on=["sku", "day"])
        errors[name] = (joined["mean"] - joined["units"]).abs().sum() / joined["units"].sum()
    assert len(made) == 60 * horizon
    assert errors["part"] < 1.05 * errors["all"]


def test_quantiles_of_a_sum_are_not_the_sum_of_quantiles() -> None:
    frame = world(20, 200)
    single = forecast(frame, **KEYS, horizon=14, freq="D", config=FAST)
    total = forecast(frame, **KEYS, horizon=14, freq="D", cumulative=True, config=FAST)
    last = total.groupby("sku").last()
    sums = single.groupby("sku")[["mean", "q0.975"]].sum()
    assert last["mean"].to_numpy() == pytest.approx(sums["mean"].to_numpy())
    assert (last["q0.975"] < sums["q0.975"]).mean() > 0.9


@pytest.mark.parametrize(
    ("freq", "times"),
    [
        ("W", pd.date_range("2023-01-02", periods=70, freq="W-MON")),
        ("W-SUN", pd.date_range("2023-01-01", periods=70, freq="W-SUN")),
        ("MS", pd.date_range("2018-01-01", periods=70, freq="MS")),
        ("M", pd.date_range("2018-01-31", periods=70, freq="ME")),
        ("D", np.arange(70)),
    ],
)
def test_coming_times_go_on_as_the_frame_began(freq, times) -> None:
    frame = world(3, 70)
    frame["day"] = np.tile(np.asarray(times), 3)
    result = forecast(frame, **KEYS, horizon=3, freq=freq, config=FAST)
    expected = (
        np.arange(70, 73)
        if times is not None and not isinstance(times, pd.DatetimeIndex)
        else pd.date_range(times[-1], periods=4, freq=times.freq)[1:]
    )
    assert list(result["day"].iloc[:3]) == list(expected)


def test_short_silent_new_and_ended_series_all_get_a_forecast() -> None:
    frame = world(8, 120)
    last = frame["day"].max()
    silent = frame[frame["sku"] == "S00"].assign(sku="silent", units=0.0)
    young = frame[(frame["sku"] == "S01") & (frame["day"] > last - pd.Timedelta(days=2))]
    ended = frame[(frame["sku"] == "S02") & (frame["day"] < last - pd.Timedelta(days=30))]
    unborn = pd.DataFrame({"sku": ["unborn"], "day": [last + pd.Timedelta(days=1)]})
    everything = pd.concat(
        [frame, silent, young.assign(sku="young"), ended.assign(sku="ended"), unborn]
    )
    result = forecast(everything, **KEYS, horizon=7, freq="D", config=FAST).set_index("sku")
    assert set(result.index) == set(everything["sku"])
    assert (result.loc["silent", "mean"] < 0.05).all()
    assert (result.loc["unborn", "mean"] > 0).all()
    one_day = forecast(frame.groupby("sku").tail(1), **KEYS, horizon=3, freq="D", config=FAST)
    assert len(one_day) == 24


def test_backtest_sees_nothing_after_its_origins() -> None:
    frame = world(10, 140)
    origin = frame["day"].max() - pd.Timedelta(days=14)
    settings = {**KEYS, "horizon": 14, "freq": "D", "origins": [origin], "config": FAST}
    honest = backtest(frame, **settings)
    spoilt = frame.assign(units=frame["units"].where(frame["day"] <= origin, 10_000.0))
    changed = backtest(spoilt, **settings)
    shown = [name for name in honest.predictions if name != "units"]
    pd.testing.assert_frame_equal(honest.predictions[shown], changed.predictions[shown])
    assert changed.wape > honest.wape


def test_report_figures_equal_a_plain_recount() -> None:
    frame = world(10, 140)
    report = backtest(frame, **KEYS, horizon=14, freq="D", origins=2, config=FAST)
    shown = report.predictions
    error = shown["mean"] - shown["units"]
    assert report.wape == pytest.approx(error.abs().sum() / shown["units"].sum())
    assert report.bias == pytest.approx(error.sum() / shown["units"].sum())
    total, count = 0.0, 0
    for (sku, origin), window in shown.groupby(["sku", "origin"]):
        past = frame[(frame["sku"] == sku) & (frame["day"] <= origin)]["units"].to_numpy()
        past = past[np.argmax(past > 0) :]
        scale = np.mean(np.diff(past) ** 2)
        total += np.sqrt(np.mean((window["mean"] - window["units"]) ** 2) / scale)
        count += 1
    assert report.rmsse == pytest.approx(total / count)
    assert (
        report.weights.groupby(["origin", "velocity_class"])["weight"].sum().round(9) == 1
    ).all()
    simple = report.by_method()
    assert report.rmsse < simple.loc["seasonal_naive", "rmsse"]
    assert report.pinball < simple.loc["seasonal_naive", "scaled_pinball"]
    covered = report.coverage()["coverage_randomised"].xs(0.8, level="promised_share")
    assert covered.between(0.6, 0.95).all()


def test_stock_outs_are_censored_and_covariates_used() -> None:
    frame = world(20, 160, seed=4)
    rng = np.random.default_rng(2)
    promoted = rng.random(len(frame)) < 0.15
    frame["promotion"] = promoted
    frame["units"] = np.where(promoted, frame["units"] * 4, frame["units"])
    empty = rng.random(len(frame)) < 0.2
    frame["stocked"] = ~empty
    sold = frame.assign(units=np.where(empty, 0.0, frame["units"]))
    settings = {**KEYS, "horizon": 14, "freq": "D", "config": FAST}
    honest = forecast(sold, **settings, in_stock="stocked")["mean"].sum()
    fooled = forecast(sold, **settings)["mean"].sum()
    assert honest == pytest.approx(fooled / 0.8, rel=0.12)
    blind = backtest(frame, **settings, origins=1)
    seeing = backtest(frame, **settings, origins=1, covariates=["promotion"])
    assert seeing.wape < 0.95 * blind.wape


def test_negative_binomial_quantile_follows_the_general_search() -> None:
    from scipy import stats

    mean = np.geomspace(0.01, 300, 60)
    phi = np.resize([0.05, 0.5, 3.0], 60)
    size = 1 / phi
    for level in (0.005, 0.25, 0.5, 0.9, 0.995):
        expected = stats.nbinom.ppf(level, size, size / (size + mean))
        found = negative_binomial_quantile(level, mean, phi)
        assert (found[expected <= 12] == expected[expected <= 12]).all()
        assert found == pytest.approx(expected, abs=1.01, rel=0.03)
