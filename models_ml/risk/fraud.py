"""Fraud: who shares what with whom, scored in order of time, and an alarm when a ring attacks.

Three readings of one stream, each built only from orders placed and verdicts known before:
features of velocity and sharing, a model fitted again on a schedule as verdicts mature, and a
watch that needs no verdict: new accounts that gather on a device, an address, a phone or a card
faster than that value has ever seen. Chargebacks take weeks to arrive; the watch speaks at once.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import exp, log

import numpy as np
import pandas as pd

from models_ml.frames import FrameError, require_columns, require_values
from models_ml.risk.columns import as_times
from models_ml.risk.config import Costs, RiskConfig
from models_ml.risk.features import Matrix
from models_ml.risk.history import CategoryHistory
from models_ml.risk.learners import SHALLOW_BOOSTING, fit_candidate
from models_ml.splits import share_start


@dataclass(frozen=True)
class WatchConfig:
    """Settings of the watch. Evidence is in nats: minus the log of the chance of what is seen."""

    most_evidence: Mapping[str, float] = field(
        default_factory=lambda: {"device": 6.0, "card": 6.0, "phone": 6.0, "address": 4.0}
    )
    """Column -> the most it may add: below `least_evidence`, so that one kind of sharing alone (a
    tablet in a shop, a pick-up point) makes no ring."""
    windows_days: tuple[float, ...] = (7.0, 30.0)
    prior_accounts: float = 0.1
    """New accounts that a value unseen so far is expected to bring in `prior_days`."""
    prior_days: float = 7.0
    rush_factor: float = 2.0
    """How much faster than usual accounts may come to a known value without surprise."""
    least_evidence: float = 8.0
    """Evidence from which an order is suspicious ..."""
    least_accounts: int = 3
    """... when so many other accounts came to one of its values within a window."""
    alarm_orders: int = 3
    """Suspicious orders within `alarm_days` that raise the alarm."""
    alarm_days: float = 14.0
    """Also the time after the last suspicious order at which the alarm ends."""
    warm_up_days: float = 30.0
    """Time at the beginning of the stream in which everything is new and nothing is suspicious; a
    value first seen in it is judged by a window only after twice that window."""
    marked_evidence: float = 4.5
    """Evidence that a value itself must have to be marked by a suspicious order; most of its
    accounts must have come within the window, so a till or a dormitory is never marked."""
    attack_evidence: float = 6.0
    """Most evidence of an order's marked values that makes it part of the attack: a device or a
    card does, an address alone doesn't."""


@dataclass(frozen=True)
class Verdict:
    """What the watch says about one order at its own time."""

    evidence: float
    is_suspicious: bool
    is_alarm: bool
    """Whether the alarm is on, this order included."""
    is_attack: bool
    """The alarm is on and the order is suspicious or shares marked values."""
    shared: tuple[str, ...]
    """The columns whose values speak against the order, the strongest first."""


@dataclass
class _Value:
    """What is known of one device, address, phone or card."""

    first_day: float
    accounts: set[str] = field(default_factory=set)
    arrivals: list[float] = field(default_factory=list)
    """Days at which accounts came to it for the first time, in order."""
    is_marked: bool = False


class Watch:
    """Reads orders one after another and says at once which belong to an attack."""

    def __init__(self, config: WatchConfig | None = None) -> None:
        """Start with nothing known."""
        self._config = config or WatchConfig()
        self._values: dict[tuple[str, str], _Value] = {}
        self._suspicious: deque[float] = deque()
        self._start: float | None = None
        self._alarm_until = float("-inf")

    def observe(self, account: str, day: float, values: Mapping[str, str]) -> Verdict:
        """Judge an order by what came before it, then remember it.

        Args:
            account: who ordered.
            day: time of the order in days, not earlier than the one before.
            values: column -> value, missing ones left out.
        """
        settings = self._config
        self._start = day if self._start is None else self._start
        known = {
            name: self._values.setdefault((name, value), _Value(day))
            for name, value in values.items()
            if name in settings.most_evidence
        }
        weights = {name: self._evidence(name, one, account, day) for name, one in known.items()}
        evidence = sum(weight for weight, _ in weights.values())
        accounts = max((count for _, count in weights.values()), default=0)
        is_suspicious = (
            evidence >= settings.least_evidence
            and accounts >= settings.least_accounts
            and day - self._start >= settings.warm_up_days
        )
        if is_suspicious:
            self._suspect(day)
        is_alarm = day <= self._alarm_until
        marked = sum(settings.most_evidence[name] for name, one in known.items() if one.is_marked)
        is_attack = is_alarm and (is_suspicious or marked >= settings.attack_evidence)
        for name, one in known.items():
            if is_suspicious or is_attack:
                weight, others = weights[name]
                is_young = settings.rush_factor * (len(one.arrivals) - others) <= others
                one.is_marked |= weight >= settings.marked_evidence and is_young
            if account not in one.accounts:
                one.accounts.add(account)
                one.arrivals.append(day)
        order = sorted(weights, key=lambda name: -weights[name][0])
        shared = tuple(name for name in order if weights[name][0] >= settings.marked_evidence)
        return Verdict(evidence, is_suspicious, is_alarm, is_attack, shared)

    def _suspect(self, day: float) -> None:
        settings = self._config
        self._suspicious.append(day)
        while self._suspicious and self._suspicious[0] < day - settings.alarm_days:
            self._suspicious.popleft()
        if len(self._suspicious) >= settings.alarm_orders or day <= self._alarm_until:
            self._alarm_until = day + settings.alarm_days

    def _evidence(self, name: str, one: _Value, account: str, day: float) -> tuple[float, int]:
        """How surprising the accounts of a value are in its most surprising window, and how many.

        The order's own account counts as one of them when it is new to the value.
        """
        settings = self._config
        best, most = 0.0, 0
        start = day if self._start is None else self._start
        was_there = one.first_day - start < settings.warm_up_days
        for window in settings.windows_days:
            if was_there and day - one.first_day < 2 * window:
                continue
            recent = _later_than(one.arrivals, day - window)
            others = recent - (account in one.accounts and recent > 0)
            if others <= 0:
                continue
            old = len(one.arrivals) - recent
            age = max(day - window - one.first_day, 0.0)
            usual = settings.rush_factor * old + settings.prior_accounts
            rate = usual / (age + settings.prior_days)
            best = max(best, _surprise(others, rate * window))
            most = max(most, others)
        return min(best, settings.most_evidence[name]), most


def _later_than(days: list[float], limit: float) -> int:
    """How many of the sorted days lie after a limit; looks from the end, where it is short."""
    count = 0
    for day in reversed(days):
        if day <= limit:
            break
        count += 1
    return count


def _surprise(count: int, expected: float) -> float:
    """Minus the log of the chance that a Poisson number is at least `count`."""
    if expected > count:
        return 0.0
    term = exp(-expected)
    below = term
    for number in range(1, count):
        term *= expected / number
        below += term
    tail = 1.0 - below
    if tail > 1e-12:
        return -log(tail)
    return expected - count * log(expected) + sum(log(number) for number in range(1, count + 1))


@dataclass(frozen=True)
class FraudConfig:
    """Settings of the stream's score."""

    watch: WatchConfig = field(default_factory=WatchConfig)
    windows_hours: tuple[float, ...] = (1.0, 24.0, 168.0)
    """Windows of the features of velocity."""
    refit_days: float = 14.0
    least_frauds: int = 30
    """Known frauds from which a model is fitted."""
    learns_attacks: bool = False
    """Whether the model learns from orders of an attack too."""
    attack_risk: float = 0.95
    """Probability of an order that the watch counts to an attack."""
    rule_accounts: int = 3
    """Other accounts on one value within the middle window: the plain rule to compare with."""
    model: RiskConfig = field(default_factory=RiskConfig)


def sharing_features(
    orders: pd.DataFrame,
    *,
    account: str,
    time: str,
    keys: tuple[str, ...],
    windows_hours: tuple[float, ...],
) -> pd.DataFrame:
    """Velocity and sharing of each order as of its own time.

    Args:
        orders: one row an order, in order of time.
        account: column with who ordered.
        time: column with when.
        keys: columns with what may be shared; missing values share nothing.
        windows_hours: windows that end just before the order.

    Returns:
        float64 columns, index as given: `account_orders`, `account_hours` (since its last order,
        NaN without one), and for each key `<key>_orders` (ever), `<key>_orders_<window>h`,
        `<key>_accounts` and `<key>_accounts_<window>h`: orders of the value and other accounts that
        came to it, before or within the window.

    Raises:
        FrameError: a column or a time is missing.
    """
    require_columns(orders, (account, time, *keys), name="orders")
    require_values(orders, (account, time), name="orders")
    moments = as_times(orders[time])
    history = _rows_only(orders[account].to_numpy(dtype=object), moments)
    own = history.as_of(orders[account].to_numpy(dtype=object), moments)
    columns = {"account_orders": own.rows, "account_hours": own.hours_since}
    for key in keys:
        columns |= _key_features(orders[key], orders[account], moments, key, windows_hours)
    return pd.DataFrame(columns, index=orders.index)


def _key_features(
    values: pd.Series,
    accounts: pd.Series,
    moments: np.ndarray,
    key: str,
    windows_hours: tuple[float, ...],
) -> dict[str, np.ndarray]:
    texts = values.astype("object").where(values.notna(), None).to_numpy(dtype=object)
    pairs = pd.DataFrame({"value": texts, "account": accounts.to_numpy()})
    is_first = ~pairs.duplicated().to_numpy()
    everything = _rows_only(texts, moments)
    arrivals = _rows_only(texts[is_first], moments[is_first])
    joined_at = pd.Series(moments).groupby([pairs["value"], pairs["account"]]).transform("min")
    joined = joined_at.to_numpy(dtype="datetime64[us]")
    came = arrivals.as_of(texts, moments).rows
    rows = everything.as_of(texts, moments).rows
    result = {f"{key}_orders": rows, f"{key}_accounts": came - (joined < moments)}
    for hours in windows_hours:
        since = moments - np.timedelta64(round(hours * 3_600), "s")
        earlier = everything.as_of(texts, since).rows
        result[f"{key}_orders_{hours:g}h"] = rows - earlier
        own = (joined < moments) & (joined >= since)
        result[f"{key}_accounts_{hours:g}h"] = came - arrivals.as_of(texts, since).rows - own
    return result


def _rows_only(categories: np.ndarray, moments: np.ndarray) -> CategoryHistory:
    return CategoryHistory(
        categories,
        decided_at=moments,
        known_at=np.full(len(moments), np.datetime64("NaT"), dtype=moments.dtype),
        labels=np.zeros(len(moments), dtype=np.int8),
    )


def score_stream(
    orders: pd.DataFrame,
    *,
    account: str,
    time: str,
    label: str,
    known_at: str,
    numbers: tuple[str, ...] = (),
    costs: Costs | None = None,
    config: FraudConfig | None = None,
) -> pd.DataFrame:
    """Score every order as it would have been scored when it was placed (Dawid 1984).

    Args:
        orders: one row an order, in order of time, with the columns of `config.watch`.
        account: column with who ordered.
        time: column with when.
        label: column with 1 for fraud, 0 for none, missing while open.
        known_at: column with when the label became known.
        numbers: further columns of numbers known at the order.
        costs: what mistakes cost; the defaults when None.
        config: settings.

    Returns:
        A row an order, index as given: `model_risk` (NaN until enough frauds are known),
        `is_rule_hit`, `evidence`, `is_suspicious`, `is_alarm`, `is_attack`, `shared`, `risk`
        (model and watch together, 0..1) and `is_flagged` (the risk is worth a look).

    Raises:
        FrameError: a column or a time is missing, or the rows are not in order of time.
    """
    settings, costs = config or FraudConfig(), costs or Costs()
    keys = tuple(settings.watch.most_evidence)
    require_columns(orders, (label, known_at, *numbers), name="orders")
    features = sharing_features(
        orders, account=account, time=time, keys=keys, windows_hours=settings.windows_hours
    )
    moments = as_times(orders[time])
    _require_order(orders, moments, time)
    result = _watched(orders, moments, account, settings.watch)
    middle = f"{settings.windows_hours[len(settings.windows_hours) // 2]:g}h"
    shared = features[[f"{key}_accounts_{middle}" for key in keys]].to_numpy()
    result["is_rule_hit"] = shared.max(axis=1) >= settings.rule_accounts
    everything = pd.concat([features, orders[list(numbers)]], axis=1).astype("float64")
    result["model_risk"] = _prequential_risk(
        everything,
        orders[label].fillna(0).to_numpy(dtype=np.int64),
        moments,
        np.where(
            orders[label].isna() | (result["is_attack"] & (not settings.learns_attacks)),
            np.datetime64("NaT"),
            as_times(orders[known_at]),
        ),
        settings,
    )
    modelled = result["model_risk"].fillna(0.0).to_numpy()
    watched = np.where(result["is_attack"], settings.attack_risk, 0.0)
    result["risk"] = 1.0 - (1.0 - modelled) * (1.0 - watched)
    result["is_flagged"] = result["risk"] >= costs.threshold
    return result


def _require_order(orders: pd.DataFrame, moments: np.ndarray, time: str) -> None:
    """Refuse rows that go back in time.

    Raises:
        FrameError: with the rows that are earlier than the one before them.
    """
    back = np.flatnonzero(np.diff(moments) < np.timedelta64(0, "us")) + 1
    if len(back):
        raise FrameError(
            f"{len(back)} order(s) have a {time} before that of the row above; sort by {time}.",
            orders.iloc[back],
        )


def _watched(
    orders: pd.DataFrame, moments: np.ndarray, account: str, config: WatchConfig
) -> pd.DataFrame:
    watch = Watch(config)
    days = (moments - moments[:1]) / np.timedelta64(1, "D")
    keys = list(config.most_evidence)
    texts = [orders[key].astype("object").where(orders[key].notna(), None) for key in keys]
    rows = []
    for who, day, *values in zip(orders[account].astype(str), days, *texts, strict=True):
        given = {key: str(one) for key, one in zip(keys, values, strict=True) if one is not None}
        rows.append(watch.observe(who, float(day), given))
    return pd.DataFrame(
        {
            "evidence": [one.evidence for one in rows],
            "is_suspicious": [one.is_suspicious for one in rows],
            "is_alarm": [one.is_alarm for one in rows],
            "is_attack": [one.is_attack for one in rows],
            "shared": [", ".join(one.shared) for one in rows],
        },
        index=orders.index,
    )


def _prequential_risk(
    features: pd.DataFrame,
    labels: np.ndarray,
    moments: np.ndarray,
    known_at: np.ndarray,
    config: FraudConfig,
) -> np.ndarray:
    """Each order's probability by the model of its time, NaN before there is one.

    Unless the configuration wants them, orders of an attack have no known time here: the watch has
    them, and a burst would teach the model that everything is fraud.
    """
    matrix = Matrix(
        features.to_numpy(), tuple(map(str, features)), np.zeros(features.shape[1], dtype=bool)
    )
    result = np.full(len(labels), np.nan)
    step = np.timedelta64(round(config.refit_days * 86_400), "s")
    start = moments[0] + step if len(moments) else None
    while start is not None and start <= moments[-1]:
        known = ~np.isnat(known_at) & (known_at <= start) & (moments < start)
        judged = (moments >= start) & (moments < start + step)
        if judged.any() and labels[known].sum() >= config.least_frauds:
            border = share_start(moments[known], config.model.calibrate_share, otherwise=moments[0])
            fit, calibrate = known & (moments < border), known & (moments >= border)
            if labels[fit].sum() >= config.least_frauds / 2 and labels[calibrate].sum() > 0:
                fitted = fit_candidate(
                    SHALLOW_BOOSTING,
                    matrix,
                    labels,
                    fit=fit,
                    calibrate=calibrate,
                    config=replace(config.model, boosting_rounds=60),
                )
                result[judged] = fitted.probabilities(matrix.values[judged])
        start += step
    return result
