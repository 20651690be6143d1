"""The baseline: frozen once before go-live, with date and hash, and never replaced silently.

It is a file in home. Its hash covers everything in it, so an edit shows; it names the publication
that it was measured on, so that anybody can measure it again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from connectors.errors import ContractError, InputError
from connectors.lake.reader import PublishedLake
from connectors.settings import Settings
from models_ml.experiments import compare_shares
from orchestration.metrics.layer import MetricLayer
from orchestration.roi.figures import (
    MEASURES,
    MINIMUM_DAYS,
    Figure,
    Measure,
    Period,
    Reason,
    complete_days,
    measure_period,
)

FOLDER = "baselines"
DEFAULT_DAYS = 28
Verdict = Literal["better", "worse", "undecided", "moved_better", "moved_worse", "same"]


@dataclass(frozen=True)
class TouchCost:
    """What a touch of a person costs; what people say, not what is measured."""

    minutes: Decimal = Decimal(3)
    hourly_rate: Decimal = Decimal(60)
    currency_code: str = "CNY"

    def of(self, touches: float) -> Decimal:
        """Touches x minutes x rate, to the cent."""
        cost = Decimal(str(touches)) * self.minutes * self.hourly_rate / 60
        return cost.quantize(Decimal("0.01"))


@dataclass(frozen=True)
class Baseline:
    """The figures before go-live.

    Attributes:
        number: 1 for the first; a later one replaced it with a reason.
        frozen_at: when it was frozen.
        author: who froze it.
        reason: why; of a replacement: why the earlier one does not hold.
        go_live: first business date that counts as "now".
        days: business dates that were measured before it, at most.
        publication_id: on which publication.
        definitions: digest of the metrics' definitions at the time.
        touch_cost: what a touch costs.
        figures: what was measured.
        known_until: last complete business date that was known when it was frozen.
        previous_hash: of the baseline that it replaced.
        hash: SHA-256 of all of this.
    """

    number: int
    frozen_at: datetime
    author: str
    reason: str
    go_live: date
    days: int
    publication_id: str
    definitions: str
    touch_cost: TouchCost
    figures: tuple[Figure, ...]
    known_until: date
    previous_hash: str | None = None
    hash: str = field(default="", compare=False)

    @property
    def is_late(self) -> bool:
        """Whether it was frozen when figures from after go-live were already known."""
        return self.known_until >= self.go_live

    def digest(self) -> str:
        """The hash that it should have."""
        content = {name: value for name, value in asdict(self).items() if name != "hash"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class FreezeRequest:
    """What somebody asks to freeze.

    Attributes:
        author: who.
        reason: why; needed.
        go_live: first business date of "now"; None: the day after the newest complete one.
        days: business dates to measure before it.
        touch_cost: what a touch costs.
        is_replacement: whether an earlier baseline may be replaced.
    """

    author: str
    reason: str
    go_live: date | None = None
    days: int = DEFAULT_DAYS
    touch_cost: TouchCost = TouchCost()
    is_replacement: bool = False


@dataclass(frozen=True)
class Comparison:
    """One figure now against the baseline.

    Attributes:
        business: whose.
        measure: which figure.
        before: in the baseline.
        now: since go-live.
        verdict: of shares, with an interval; of others only the direction; None when either is
            not known.
        low: lower end of the interval of the difference.
        high: upper end.
        saved: money that touches saved.
        reason: why it is not measurable yet.
        days_known: complete business dates since go-live.
    """

    business: str
    measure: Measure
    before: Figure
    now: Figure
    verdict: Verdict | None
    low: float | None = None
    high: float | None = None
    saved: Decimal | None = None
    reason: Reason | None = None
    days_known: int = 0


def freeze_baseline(
    settings: Settings,
    engine: Engine,
    lake: PublishedLake,
    layer: MetricLayer,
    request: FreezeRequest,
    *,
    now: datetime,
) -> Baseline:
    """Measure the days before go-live and freeze them.

    Raises:
        InputError: author or reason is missing, nothing is known before go-live, or there is a
            baseline already and no replacement was asked for.
    """
    if not request.author.strip() or not request.reason.strip():
        raise InputError("A baseline needs an author and a reason; give both.")
    if request.days < MINIMUM_DAYS:
        raise InputError(f"A baseline needs at least {MINIMUM_DAYS} business dates; give --days.")
    earlier = load_baseline(settings)
    if earlier is not None and not request.is_replacement:
        raise InputError(
            f"A baseline was frozen at {earlier.frozen_at:%Y-%m-%d %H:%M} UTC by "
            f"{earlier.author} (hash {earlier.hash[:12]}); it stays. To replace it for good, "
            "give --replace with the reason: both are kept."
        )
    known = complete_days(lake)
    if not known:
        raise InputError("Nothing is published that a baseline could be measured on.")
    newest = max(last for _, last in known.values())
    go_live = request.go_live or newest + timedelta(days=1)
    periods = _before(known, go_live, request.days)
    if not any(period.days >= MINIMUM_DAYS for period in periods):
        raise InputError(
            f"Fewer than {MINIMUM_DAYS} complete business dates are known before {go_live}; "
            "choose a later go-live."
        )
    zone = ZoneInfo(settings.business_time_zone)
    figures = [one for p in periods for one in measure_period(p, lake, layer, engine, zone)]
    baseline = Baseline(
        number=1 if earlier is None else earlier.number + 1,
        frozen_at=now,
        author=request.author.strip(),
        reason=request.reason.strip(),
        go_live=go_live,
        days=request.days,
        publication_id=lake.publication.publication_id,
        definitions=layer.catalogue.digest,
        touch_cost=request.touch_cost,
        figures=tuple(figures),
        known_until=newest,
        previous_hash=None if earlier is None else earlier.hash,
    )
    baseline = replace(baseline, hash=baseline.digest())
    _write(settings, baseline)
    return baseline


def load_baseline(settings: Settings) -> Baseline | None:
    """The newest baseline; None when none was frozen.

    Raises:
        ContractError: a file was changed after it was frozen, or one of the chain is missing.
    """
    previous: Baseline | None = None
    for number, path in enumerate(sorted((settings.root / FOLDER).glob("baseline-*.json")), 1):
        baseline = _read(path)
        expected = previous.hash if previous else None
        if baseline.number != number or baseline.previous_hash != expected:
            raise ContractError(
                f"{path} does not follow the baseline before it: a file of {FOLDER}/ is missing or "
                "was changed; restore it from a backup."
            )
        previous = baseline
    return previous


def measured_again(
    settings: Settings, engine: Engine, lake: PublishedLake, layer: MetricLayer
) -> list[Figure]:
    """Figures of the baseline that a publication tells otherwise today.

    Args:
        settings: whose home.
        engine: the operational database.
        lake: the publication that the baseline names.
        layer: the metrics.

    Raises:
        InputError: nothing was frozen.
    """
    baseline = load_baseline(settings)
    if baseline is None:
        raise InputError("No baseline is frozen; run `fourflow baseline freeze` first.")
    zone = ZoneInfo(settings.business_time_zone)
    periods = _before(complete_days(lake), baseline.go_live, baseline.days)
    told = {
        (one.business, one.name): one
        for p in periods
        for one in measure_period(p, lake, layer, engine, zone)
    }
    return [one for one in baseline.figures if told.get((one.business, one.name)) != one]


def compare_with_baseline(
    settings: Settings,
    engine: Engine,
    lake: PublishedLake,
    layer: MetricLayer,
    baseline: Baseline,
) -> list[Comparison]:
    """Every figure since go-live against the baseline, at most as many of the newest days."""
    zone = ZoneInfo(settings.business_time_zone)
    known = complete_days(lake)
    found = []
    for business in dict.fromkeys(figure.business for figure in baseline.figures):
        before = {one.name: one for one in baseline.figures if one.business == business}
        last = known[business][1] if business in known else baseline.go_live - timedelta(days=1)
        first = max(baseline.go_live, last - timedelta(days=baseline.days - 1))
        period = Period(business, first, last, last, is_open=True)
        now = {one.name: one for one in measure_period(period, lake, layer, engine, zone)}
        days_known = max(0, (last - baseline.go_live).days + 1)
        found += [
            _compare(measure, before[measure.name], now[measure.name], baseline, days_known)
            for measure in MEASURES
            if measure.name in before
        ]
    return found


def _compare(
    measure: Measure, before: Figure, now: Figure, baseline: Baseline, days_known: int
) -> Comparison:
    common: dict[str, Any] = {
        "business": before.business,
        "measure": measure,
        "before": before,
        "now": now,
        "days_known": days_known,
    }
    if measure.name == "touches_saved" and now.value is not None:
        saved = baseline.touch_cost.of(now.value)
        return Comparison(**common, verdict=None, saved=saved)
    if before.value is None or now.value is None:
        return Comparison(**common, verdict=None, reason=now.reason or before.reason)
    if measure.unit == "share":
        effect = compare_shares(
            (now.numerator or 0, now.denominator or 0),
            (before.numerator or 0, before.denominator or 0),
            higher_is_better=measure.higher_is_better,
        )
        return Comparison(**common, verdict=effect.verdict, low=effect.low, high=effect.high)
    if now.value == before.value:
        return Comparison(**common, verdict="same")
    is_better = (now.value > before.value) == measure.higher_is_better
    return Comparison(**common, verdict="moved_better" if is_better else "moved_worse")


def _before(known: dict[str, tuple[date, date]], go_live: date, days: int) -> Sequence[Period]:
    last = go_live - timedelta(days=1)
    first = go_live - timedelta(days=days)
    return [
        Period(business, max(first, begins), min(last, ends), ends)
        for business, (begins, ends) in known.items()
    ]


def _write(settings: Settings, baseline: Baseline) -> None:
    folder = settings.root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"baseline-{baseline.number:04d}.json"
    text = json.dumps(asdict(baseline), indent=2, ensure_ascii=False, default=str)
    try:
        with path.open("x", encoding="utf-8") as file:  # two at once: the second is refused
            file.write(text + "\n")
    except FileExistsError:
        raise InputError(f"{path} was written meanwhile; look at it first.") from None
    path.chmod(0o444)


def _read(path: Path) -> Baseline:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        cost = told["touch_cost"]
        baseline = Baseline(
            **told
            | {
                "frozen_at": datetime.fromisoformat(told["frozen_at"]),
                "go_live": date.fromisoformat(told["go_live"]),
                "known_until": date.fromisoformat(told["known_until"]),
                "touch_cost": TouchCost(
                    Decimal(cost["minutes"]), Decimal(cost["hourly_rate"]), cost["currency_code"]
                ),
                "figures": tuple(Figure(**one) for one in told["figures"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ContractError(f"{path} cannot be read ({error}); restore it.") from error
    if baseline.digest() != baseline.hash:
        raise ContractError(
            f"{path} was changed after it was frozen: its content does not have the hash "
            f"{baseline.hash[:12]}; restore it from a backup."
        )
    return baseline
