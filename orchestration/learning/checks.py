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
MOST_VALUE_BIAS: Final = 0.5
"""Of the purchases of the judged days: seasons move them, by half is more than that."""
MOST_DEMAND_AGE_DAYS: Final = 7
MOST_RISK_AGE_DAYS: Final = 75
"""From the newest judged row: a return is known only when its window is over."""
MOST_DRIFT: Final = 2.0
"""Mean score of open lines over the rate that was observed in the test, or the other way round."""
NAMED_INPUTS: Final = 3
"""Inputs that a sentence on moved scores names."""
LEAST_LISTED: Final = 20
"""Listed orders with an answer from which on their precision says something."""


def _newest(models: str) -> str:
    """Figures of the newest version of each of these models and each business."""
    return f"""
        select
            model,
            business,
            (report -> 'scores' -> in_use ->> 'ece')::double as ece,
            (report ->> 'base_rate')::double as base_rate,
            (report ->> 'window_end')::timestamptz as window_end,
            from_json(
                report -> 'drift',
                '[{{"input": "VARCHAR", "psi": "DOUBLE", "limit": "DOUBLE", '
                    '"has_drifted": "BOOLEAN"}}]'
            ) as drift
        from (select * replace (report::json as report) from model_versions)
        where model in ({models})
        qualify row_number() over (partition by model, business order by registered_at desc) = 1
    """  # noqa: S608 - our own names


def _risk_checks(models: str, scores: str) -> dict[str, str]:
    """Checks of what is scored by these models.

    Args:
        models: their names as SQL.
        scores: select of model, business and mean score of what is open.
    """
    newest = _newest(models)
    return {
        "is_calibrated": f"""
            select format('The {{}} of {{}} has a calibration error of {{:.3f}}, above '
                '{MOST_CALIBRATION_ERROR}; look at its card.',
                replace(model, '_', ' '), business, ece)
            from ({newest}) where ece > {MOST_CALIBRATION_ERROR}
        """,  # noqa: S608 - our own selects
        "is_trained_lately": f"""
            select format('The newest answer that the {{}} of {{}} was judged on is {{}} days old; '
                'look whether orders and answers still arrive.',
                replace(model, '_', ' '), business, date_diff('day', window_end, as_of))
            from ({newest}) join int_business_clock using (business)
            where date_diff('day', window_end, as_of) > {MOST_RISK_AGE_DAYS}
        """,  # noqa: S608
        # An input may move (a count of earlier orders always does) while the score stays; when the
        # score moves, people get another list than the one that was judged.
        "scores_are_as_learnt": f"""
            select format('The scores of the {{}} of {{}} have moved since what it learnt from '
                '(PSI {{:.2f}}, usual up to {{:.2f}}); most moved inputs: {{}}. Look what '
                'changed.',
                replace(model, '_', ' '), business, score.psi, score.limit, inputs)
            from (
                select
                    model,
                    business,
                    list_filter(drift, lambda one: one.input = 'score')[1] as score,
                    list_aggregate(list_transform(
                        list_filter(drift, lambda one: one.input <> 'score')[1:{NAMED_INPUTS}],
                        lambda one: format('{{}} {{:.2f}}', one.input, one.psi)
                    ), 'string_agg', ', ') as inputs
                from ({newest})
            )
            where score.has_drifted
        """,  # noqa: S608
        "has_not_drifted": f"""
            select format('The {{}} of {{}} is {{:.4f}} on average, {{:.4f}} came true in the '
                'test; look at what changed in the orders.',
                replace(model, '_', ' '), business, mean, base_rate)
            from ({newest}) join ({scores}) using (model, business)
            where greatest(mean, base_rate) > {MOST_DRIFT} * least(mean, base_rate)
        """,  # noqa: S608
    }


_CHECKS: Final[Mapping[str, Mapping[str, str]]] = {
    "return_risk_scores": _risk_checks(
        "'return_risk'",
        "select 'return_risk' as model, business, avg(risk_score) as mean "
        "from return_risk_scores group by business",
    ),
    # What is open is older than what was judged, so it is compared with how it fared lately:
    # what was foretold of the orders that were answered, beside what came.
    "order_risk_scores": {
        **{
            name: sql
            for name, sql in _risk_checks(
                "'late_delivery', 'non_payment', 'fraud'", "select 1"
            ).items()
            if name != "has_not_drifted"
        },
        "has_not_drifted": f"""
            select format('Of {{}} orders of {{}} that were answered lately {{}} went wrong '
                '({{}}), {{}} of the {{}} that had been listed; look at what changed.',
                answered, business, events, replace(risk, '_', ' '), hits, listed)
            from (
                select
                    risk,
                    business,
                    any_value(threshold) as threshold,
                    sum(answered_count)::bigint as answered,
                    sum(event_count)::bigint as events,
                    sum(listed_count)::bigint as listed,
                    sum(hit_count)::bigint as hits
                from order_risk_days
                group by risk, business
            )
            where listed >= {LEAST_LISTED} and hits < threshold * listed
        """,  # noqa: S608
    },
    "customer_values": {
        "beats_its_baseline": """
            select format('The value of customers of {} who pay in {} is off by {:.2f} purchases a '
                'customer, their pace so far by {:.2f}; look at the last weeks.',
                business, currency_code, value, baseline_value)
            from customer_value_evaluations
            where metric = 'purchases_rmse' and value > baseline_value
        """,
        "is_calibrated": f"""
            select format('Purchases of customers of {{}} who pay in {{}} were foretold {{:.0f}} % '
                'too {{}} in the judged days; look for a season or a promotion.',
                business, currency_code, 100 * abs(value), if(value > 0, 'high', 'low'))
            from customer_value_evaluations
            where metric = 'purchases_bias' and abs(value) > {MOST_VALUE_BIAS}
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
        table: `return_risk_scores`, `order_risk_scores`, `customer_values` or `demand_forecasts`.
    """
    found: dict[str, list[str]] = {}
    for name, sql in _CHECKS.get(table, {}).items():
        rows: list[tuple[Any, ...]] = connection.execute(f"{sql} order by 1").fetchall()
        found[name] = [str(row[0]) for row in rows]
    return found
