"""Blocks of the funnel page: `rpt_funnel_daily`, its steps' labels and thresholds (seeds)."""

import pandas as pd
import streamlit as st

from app_streamlit.queries.edition import Edition, frame, has_table, rows
from app_streamlit.queries.metrics import IN_SCOPE, ask
from orchestration.metrics.layer import MetricQuery
from orchestration.metrics.scopes import Scope

_CONVERSION = MetricQuery(
    metrics=("funnel_conversion_rate",),
    by=("step_name",),
    where=(*IN_SCOPE, "funnel = $funnel"),
)


@st.cache_data(max_entries=8, show_spinner=False)
def load_funnels(edition: Edition) -> dict[str, list[str]]:
    """The funnels of every business; a business without one is absent."""
    if not has_table(edition, "rpt_funnel_daily"):
        return {}
    found = rows(
        edition, "select distinct business, funnel from rpt_funnel_daily order by business, funnel"
    )
    funnels: dict[str, list[str]] = {}
    for row in found:
        funnels.setdefault(row["business"], []).append(row["funnel"])
    return funnels


@st.cache_data(max_entries=64, show_spinner=False)
def load_step_labels(edition: Edition, funnel: str) -> list[dict[str, object]]:
    """The steps of a funnel in order, with labels and windows, from the seed `funnel_steps`."""
    return rows(
        edition,
        "select step_number, step_name, step_kind, window_hours, label_en, label_zh "
        "from funnel_steps where funnel = $funnel order by step_number",
        {"funnel": funnel},
    )


def load_steps(edition: Edition, scope: Scope, funnel: str) -> pd.DataFrame:
    """One row a step: orders and amounts, labels, thresholds, and the metric `conversion_rate`.

    Orders add up over currencies; amounts are null when there are several.
    """
    answer = ask(edition, _CONVERSION, {**scope.params(), "funnel": funnel})
    rates = {row["step_name"]: row["funnel_conversion_rate"] for row in answer}
    steps = _load_counts(edition, scope, funnel)
    found: list[object] = [rates.get(name) for name in steps["step_name"]]
    return steps.assign(conversion_rate=pd.Series(found, index=steps.index, dtype=object))


@st.cache_data(max_entries=256, show_spinner=False)
def _load_counts(edition: Edition, scope: Scope, funnel: str) -> pd.DataFrame:
    return frame(
        edition,
        """
        with thresholds as (
            select step_name, green_from, amber_from
            from funnel_thresholds
            where funnel = $funnel and valid_from <= $end
            qualify row_number() over (
                partition by step_name order by valid_from desc, version desc
            ) = 1
        ),
        counts as (
            select
                step_number, step_name, step_kind,
                case when count(distinct currency_code) = 1
                    then min(currency_code) end as currency_code,
                sum(reached_count)::bigint as reached_count,
                sum(open_count)::bigint as open_count,
                sum(dropped_count)::bigint as dropped_count,
                case when count(distinct currency_code) = 1
                    then sum(reached_amount) end as reached_amount,
                case when count(distinct currency_code) = 1
                    then sum(open_amount) end as open_amount,
                case when count(distinct currency_code) = 1
                    then sum(dropped_amount) end as dropped_amount
            from rpt_funnel_daily
            where business = $business
              and funnel = $funnel
              and ($channel is null or channel = $channel)
              and cohort_date between $start and $end
            group by step_number, step_name, step_kind
        )
        select
            counts.*,
            steps.label_en, steps.label_zh, steps.window_hours,
            thresholds.green_from::double as green_from,
            thresholds.amber_from::double as amber_from
        from counts
        left join funnel_steps as steps
            on steps.funnel = $funnel and steps.step_name = counts.step_name
        left join thresholds on thresholds.step_name = counts.step_name
        order by counts.step_number, counts.step_name
        """,
        {**scope.params(), "funnel": funnel},
    )


@st.cache_data(max_entries=256, show_spinner=False)
def load_dropped_by_channel(
    edition: Edition, scope: Scope, funnel: str, step_number: int
) -> pd.DataFrame:
    """One row a channel: orders that reached, are open at, and dropped before a step."""
    return frame(
        edition,
        """
        select
            channel,
            sum(reached_count)::bigint as reached_count,
            sum(open_count)::bigint as open_count,
            sum(dropped_count)::bigint as dropped_count
        from rpt_funnel_daily
        where business = $business
          and funnel = $funnel
          and step_number = $step_number
          and step_kind = 'step'
          and ($channel is null or channel = $channel)
          and cohort_date between $start and $end
        group by all
        order by dropped_count desc, channel
        """,
        {**scope.params(), "funnel": funnel, "step_number": step_number},
    )


@st.cache_data(max_entries=256, show_spinner=False)
def load_deviations(edition: Edition, scope: Scope, funnel: str) -> pd.DataFrame:
    """One row a step and channel: decided, reached and usually reached orders, and the gap's money.

    Thresholds are those that were valid at the end of the range. Amounts are null when the scope
    has several currencies. Empty where a publication has no deviations yet.
    """
    if not has_table(edition, "rpt_funnel_deviations"):
        return pd.DataFrame()
    return frame(
        edition,
        """
        with thresholds as (
            select green_from, amber_from, minimum_orders
            from funnel_deviation_thresholds
            where funnel in ($funnel, '*') and valid_from <= $end
            order by funnel = '*', valid_from desc, version desc
            limit 1
        ),
        gaps as (
            select *, count(distinct currency_code) over () as currency_count
            from rpt_funnel_deviations
            where business = $business
              and funnel = $funnel
              and ($channel is null or channel = $channel)
              and cohort_date between $start and $end
        )
        select
            step_number, step_name, channel,
            sum(decided_count)::bigint as decided_count,
            sum(reached_count)::bigint as reached_count,
            sum(expected_count) as expected_count,
            sum(gap_count) as gap_count,
            case when max(currency_count) = 1 then sum(gap_amount) end as gap_amount,
            min(currency_code) as currency_code,
            any_value(thresholds.green_from) as green_from,
            any_value(thresholds.amber_from) as amber_from,
            any_value(thresholds.minimum_orders) as minimum_orders
        from gaps left join thresholds on true
        group by step_number, step_name, channel
        order by step_number, gap_count, channel
        """,
        {**scope.params(), "funnel": funnel},
    )
