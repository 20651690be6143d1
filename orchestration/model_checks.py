"""Warnings about models in use: calibration, baselines, age of training, drift of scores.

They warn and block nothing: a model that is behind is still the best there is, and figures that
can't be are refused by `learned_figures_are_sane`.
"""

from collections.abc import Mapping
from typing import Any, Final

import duckdb

MOST_CALIBRATION_ERROR: Final = 0.05
"""Expected calibration error of a risk that is in use."""
LEAST_COVERAGE_KEPT: Final = 0.05
"""By how much an interval of demand may cover less than it promises."""
MOST_DEMAND_AGE_DAYS: Final = 7
MOST_RISK_AGE_DAYS: Final = 75
"""From the newest judged row: a return is known only when its window is over."""
MOST_DRIFT: Final = 2.0
"""Mean score of open lines over the rate that was observed in the test, or the other way round."""

_NEWEST_RISK: Final = """
    select
        business,
        (report -> 'scores' -> in_use ->> 'ece')::double as ece,
        (report ->> 'base_rate')::double as base_rate,
        (report ->> 'window_end')::timestamptz as window_end
    from (select * replace (report::json as report) from model_versions)
    where model = 'return_risk'
    qualify row_number() over (partition by business order by registered_at desc) = 1
"""
_CHECKS: Final[Mapping[str, Mapping[str, str]]] = {
    "return_risk_scores": {
        "is_calibrated": f"""
            select format('The return risk of {{}} has a calibration error of {{:.3f}}, above '
                '{MOST_CALIBRATION_ERROR}; look at its card.', business, ece)
            from ({_NEWEST_RISK}) where ece > {MOST_CALIBRATION_ERROR}
        """,  # noqa: S608 - our own selects
        "is_trained_lately": f"""
            select format('The newest return that the risk of {{}} was judged on is {{}} days old; '
                'look whether orders and returns still arrive.',
                business, date_diff('day', window_end, as_of))
            from ({_NEWEST_RISK}) join int_business_clock using (business)
            where date_diff('day', window_end, as_of) > {MOST_RISK_AGE_DAYS}
        """,  # noqa: S608
        "has_not_drifted": f"""
            select format('Open lines of {{}} score {{:.4f}} on average, {{:.4f}} came back in the '
                'test; look at what changed in the orders.', business, mean, base_rate)
            from ({_NEWEST_RISK})
            join (
                select business, avg(risk_score) as mean from return_risk_scores group by business
            ) using (business)
            where greatest(mean, base_rate) > {MOST_DRIFT} * least(mean, base_rate)
        """,  # noqa: S608
    },
    "demand_forecasts": {
        "is_calibrated": f"""
            select format('The intervals of demand of {{}} cover {{:.2f}} and promise {{:.2f}}; '
                'look at its back-test.', business, value, baseline_value)
            from demand_evaluations
            where metric = 'interval_coverage'
                and value < baseline_value - {LEAST_COVERAGE_KEPT}
        """,  # noqa: S608
        "beats_its_baseline": """
            select format('The forecast of {} has a {} of {:.3f}, {} has {:.3f}; '
                'look at its back-test.', business, metric, value, baseline_name, baseline_value)
            from demand_evaluations
            where metric in ('wape', 'scaled_pinball') and value > baseline_value
        """,
        "is_trained_lately": f"""
            select format('The demand of {{}} was last judged {{}} days before its newest data; '
                'look at which channels have no complete day.',
                business, date_diff('day', max(window_end), any_value(as_of)))
            from demand_evaluations join int_business_clock using (business)
            group by business
            having date_diff('day', max(window_end), any_value(as_of)) > {MOST_DEMAND_AGE_DAYS}
        """,  # noqa: S608
    },
}


def check_names(table: str) -> tuple[str, ...]:
    """Names of the checks of what a step learns, by the table that it is shown with."""
    return tuple(_CHECKS.get(table, {}))


def check_models(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, list[str]]:
    """Sentences about what is wrong, by check; empty where a check passes.

    Args:
        connection: the lake after the step.
        table: `return_risk_scores` or `demand_forecasts`.
    """
    found: dict[str, list[str]] = {}
    for name, sql in _CHECKS.get(table, {}).items():
        rows: list[tuple[Any, ...]] = connection.execute(f"{sql} order by 1").fetchall()
        found[name] = [str(row[0]) for row in rows]
    return found
