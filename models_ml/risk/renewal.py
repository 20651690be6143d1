"""What would have been in use at each moment of the test, had it been renewed on a schedule."""

import numpy as np

from models_ml.risk.config import RiskConfig
from models_ml.risk.examples import Examples
from models_ml.risk.features import Matrix
from models_ml.risk.learners import BASE_RATE, Fitted, fit_candidate, recalibrate
from models_ml.splits import ExampleSplit, label_delay, mature_rows, newest_rows, share_start


def renew(
    fitted: Fitted,
    matrix: Matrix,
    labels: np.ndarray,
    *,
    examples: Examples,
    split: ExampleSplit,
    config: RiskConfig,
) -> Fitted:
    """What would be in use at each time of the test: fitted and calibrated again on a schedule.

    At each moment only labels known by then are used, and no row of a group that is judged in the
    stretch that follows.
    """
    if fitted.name == BASE_RATE:
        return fitted
    decided_at = examples.decided_at
    delay = cohort_delay(examples, config)
    moments = np.unique(np.quantile(
        decided_at[split.test].astype(np.int64), np.arange(config.renewals) / config.renewals,
        method="lower",
    )).astype(decided_at.dtype)  # fmt: skip
    used, first_unfitted = split.fit | split.calibrate | split.test, split.calibrate_start
    for number, moment in enumerate(moments[1:], start=1):
        until = moments[number + 1] if number + 1 < len(moments) else None
        judged = split.test & (decided_at >= moment)
        judged &= (decided_at < until) if until is not None else judged
        known = used & mature_rows(decided_at, examples.known_at, at=moment, delay=delay)
        known &= (decided_at < moment) & ~np.isin(examples.group, examples.group[judged])
        if number % config.refit_every == 0:
            first_unfitted = share_start(
                decided_at[known], config.calibrate_share, otherwise=first_unfitted
            )
        learn, calibrate = (
            known & (decided_at < first_unfitted),
            known & (decided_at >= first_unfitted),
        )
        if len(np.unique(labels[learn])) < 2 or calibrate.sum() < config.least_rows:
            continue
        if number % config.refit_every == 0:
            learn = newest_rows(learn, decided_at, most=config.most_fit_rows)
            newer = fit_candidate(
                fitted.name, matrix, labels, fit=learn, calibrate=calibrate, config=config
            )
        else:
            newer = recalibrate(fitted, matrix, labels, calibrate=calibrate, config=config)
        fitted = fitted.replaced_by(newer, moment)
    return fitted


def cohort_delay(examples: Examples, config: RiskConfig) -> np.timedelta64:
    """The time after which nearly all labels of a day are known."""
    return label_delay(
        examples.decided_at,
        examples.known_at,
        examples.labels == 1,
        share=config.whole_cohort_share,
    )
